"""A brake on what one person may try often only by mistake or malice."""

from typing import Final

import structlog
from django.core.cache import cache
from redis import RedisError

from core.errors import RateLimited

log = structlog.get_logger(__name__)
_SECONDS: Final = 600


def count_try(what: str, user_id: int, *, most: int) -> None:
    """Count one try. Raises RateLimited after `most` within ten minutes.

    Without a counter everything is let through: what is behind it has its own guards.
    """
    key = f"tries:{what}:{user_id}"
    try:
        cache.add(key, 0, _SECONDS)
        tries = cache.incr(key)
    except ValueError:  # it ran out in between
        tries = 1
    except RedisError as error:
        log.warning("tries_not_counted", what=what, error=type(error).__name__)
        return
    if tries > most:
        raise RateLimited("That was too often. Try again in ten minutes.", retry_after=_SECONDS)
