"""The exceptions that services raise and every edge translates.

    ReverieError
    ├── Invalid               400  the request is wrong; `param` names the field
    ├── Unauthenticated       401
    ├── Forbidden             403
    ├── NotFound              404
    ├── Conflict              409  may carry `retry_after`
    ├── InsufficientCredits   429  code insufficient_quota; retrying is pointless
    │   └── BudgetExceeded         until `retry_after`
    ├── RateLimited           429  carries `retry_after`
    ├── Unavailable           503  the server is draining or a part of it is down
    └── ProviderError         502  an upstream model failed
        ├── Retryable              before the first token it may be tried again
        │   └── UpstreamTimeout  504
        └── Terminal               trying again would fail in the same way

`message` is safe to show to the caller: it never holds a key or somebody's text.
"""


class ReverieError(Exception):
    """Base of all expected failures. `code` is stable; `message` is for people."""

    status = 500
    code = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.param = param
        self.retry_after = retry_after


class Invalid(ReverieError):
    status = 400
    code = "invalid_request"


class Unauthenticated(ReverieError):
    status = 401
    code = "invalid_api_key"


class Forbidden(ReverieError):
    status = 403
    code = "forbidden"


class NotFound(ReverieError):
    status = 404
    code = "not_found"


class Conflict(ReverieError):
    status = 409
    code = "conflict"


class InsufficientCredits(ReverieError):
    status = 429
    code = "insufficient_quota"


class BudgetExceeded(InsufficientCredits):
    """There are credits, but no more may be spent for now."""


class RateLimited(ReverieError):
    status = 429
    code = "rate_limit_exceeded"


class Unavailable(ReverieError):
    status = 503
    code = "unavailable"


class ProviderError(ReverieError):
    status = 502
    code = "upstream_error"


class Retryable(ProviderError):
    """A failure that another try, or another provider, may not meet."""


class UpstreamTimeout(Retryable):
    status = 504
    code = "upstream_timeout"


class Terminal(ProviderError):
    """A failure that would repeat."""
