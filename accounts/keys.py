"""API keys: making, checking, changing, rotating and revoking them.

A key is `rk_`, 36 random base62 characters (214 bits) and 6 characters of their CRC-32, so a
mistyped key is refused without a query. Only a keyed digest is stored. Rotation exchanges the
secret and keeps the row: its conversations, limits and history go on.
"""

import hmac
import secrets
import string
import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, TypedDict, Unpack

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from accounts import samwise, suspension
from accounts.addresses import checked_networks, is_allowed
from accounts.models import ApiKey, Scope, User
from core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from core.prepared import Select
from core.text import clean

PREFIX: Final = "rk_"
_ALPHABET: Final = string.digits + string.ascii_letters
_RANDOM_CHARS: Final = 36
_CHECK_CHARS: Final = 6
_SHOWN_CHARS: Final = 9
_SEEN_EVERY: Final = timedelta(minutes=1)
OVERLAP_MOST: Final = timedelta(days=7)
BUDGET_MICRO_MOST: Final = 10**18
REQUESTS_PER_MINUTE_MOST: Final = 1_000_000


def _checksum(text: str) -> str:
    value, chars = zlib.crc32(text.encode()), []
    for _ in range(_CHECK_CHARS):
        value, index = divmod(value, len(_ALPHABET))
        chars.append(_ALPHABET[index])
    return "".join(reversed(chars))


def _new_secret() -> str:
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARS))
    return f"{PREFIX}{body}{_checksum(body)}"


def looks_like_key(secret: str) -> bool:
    """Whether this has the shape and the checksum of a key. Costs no query."""
    body, check = secret[len(PREFIX) : -_CHECK_CHARS], secret[-_CHECK_CHARS:]
    return (
        secret.isascii()
        and secret.startswith(PREFIX)
        and len(body) == _RANDOM_CHARS
        and _checksum(body) == check
    )


@lru_cache(maxsize=4)
def _pepper(secret_key: str) -> bytes:
    return sha256(b"reverie api keys" + secret_key.encode()).digest()


def digest_of(secret: str) -> str:
    """What is stored instead of the key: HMAC-SHA-256 under a key derived from the server's."""
    return hmac.digest(_pepper(settings.SECRET_KEY), secret.encode(), "sha256").hex()


class KeyFields(TypedDict, total=False):
    """What its owner may decide about a key."""

    name: str
    default_character: str
    expires_at: datetime | None
    scopes: Iterable[str]
    allowed_addresses: str
    budget_day_micro: int | None
    budget_month_micro: int | None
    requests_per_minute: int | None


def issue_key(*, user: User, **fields: Unpack[KeyFields]) -> tuple[ApiKey, str]:
    """A new key and its secret, which cannot be had again. Raises Invalid."""
    values = checked({"name": "", **fields})
    secret = _new_secret()
    key = ApiKey.objects.create(
        user=user, prefix=secret[:_SHOWN_CHARS], digest=digest_of(secret), **values
    )
    return key, secret


def change_key(*, key: ApiKey, **fields: Unpack[KeyFields]) -> None:
    """Change what is given of a key that is not revoked. Raises Invalid, Conflict."""
    values = checked(dict(fields))
    if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(**values):
        raise _revoked()
    key.refresh_from_db()


def checked(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as they are stored. Raises Invalid, with the field that is wrong."""
    if "name" in fields:
        fields["name"] = clean(fields["name"]).strip()[:80]
        if not fields["name"]:
            raise Invalid("Give the key a name: which program will use it?", param="name")
    expires_at = fields.get("expires_at")
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("The expiry lies in the past.", param="expires_at")
    if "scopes" in fields:
        fields["scopes"] = _checked_scopes(fields["scopes"])
    if "allowed_addresses" in fields:
        fields["allowed_addresses"] = checked_networks(fields["allowed_addresses"])
    _check_amounts(fields)
    return fields


def _checked_scopes(scopes: Iterable[str]) -> str:
    given = set(scopes)
    if not given or not given <= set(Scope.values):
        raise Invalid(f"A key has one or more of {', '.join(Scope.values)}.", param="scopes")
    return " ".join(scope for scope in Scope.values if scope in given)


def _check_amounts(fields: dict[str, Any]) -> None:
    for name in ("budget_day_micro", "budget_month_micro"):
        if not 0 <= (fields.get(name) or 0) <= BUDGET_MICRO_MOST:
            raise Invalid("A budget is 0 or more credits.", param=name)
    rate = fields.get("requests_per_minute")
    if rate is not None and not 1 <= rate <= REQUESTS_PER_MINUTE_MOST:
        raise Invalid(
            f"Requests per minute are 1 to {REQUESTS_PER_MINUTE_MOST:,}.",
            param="requests_per_minute",
        )


def own_key(user: User, uid: str) -> ApiKey:
    """A key of this person that is not revoked. Raises NotFound."""
    key = user.api_keys.filter(uid=uid, revoked_at=None).first()
    if key is None:
        raise NotFound("There is no such key.", code="key_not_found")
    return key


def rotate_key(*, key: ApiKey, overlap: timedelta) -> str:
    """Another secret for the same key; the old one works for `overlap` longer.

    A secret that an earlier rotation left in overlap ends now. Raises Invalid, Conflict.
    """
    if not timedelta(0) <= overlap <= OVERLAP_MOST:
        raise Invalid("The old secret can work for up to 7 days longer.", param="overlap")
    if key.is_expired:
        raise Conflict(
            "This key has expired. Give it another expiry first.", code="api_key_expired"
        )
    secret = _new_secret()
    _exchange(
        key,
        prefix=secret[:_SHOWN_CHARS],
        digest=digest_of(secret),
        old_prefix=key.prefix,
        old_digest=key.digest,
        old_expires_at=timezone.now() + overlap,
    )
    return secret


def undo_rotation(*, key: ApiKey) -> None:
    """The old secret stays, the new one stops. While the overlap lasts. Raises Conflict."""
    if not key.is_overlapping or key.old_digest is None:
        raise Conflict("The old secret has ended; rotate once more.", code="overlap_ended")
    _exchange(
        key,
        prefix=key.old_prefix,
        digest=key.old_digest,
        old_prefix="",
        old_digest=None,
        old_expires_at=None,
    )


def end_overlap(*, key: ApiKey) -> None:
    """Stop the secret before the last rotation now."""
    if key.is_overlapping:
        _exchange(key, old_expires_at=timezone.now())


def _exchange(key: ApiKey, **values: Any) -> None:
    """Change a key's secrets unless somebody has since: nobody is shown one that is dead."""
    found = ApiKey.objects.filter(pk=key.pk, digest=key.digest, revoked_at=None)
    if not found.update(**values):
        key.refresh_from_db()
        if key.revoked_at is not None:
            raise _revoked()
        raise Conflict("Somebody rotated this key meanwhile.", code="key_changed")
    key.refresh_from_db()


def _revoked() -> Conflict:
    return Conflict("This key is revoked, for good. Make a new one.", code="key_revoked")


def revoke_key(*, key: ApiKey) -> None:
    """Stop a key for good, from the next request on. Revoking twice keeps the first time."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    key.refresh_from_db(fields=["revoked_at"])


def _keys() -> Any:
    """Keys with whom they belong to, without what no request needs to be let in."""
    rows = ApiKey.objects.order_by().select_related(*settings.KEY_JOINED)
    return rows.defer(*settings.KEY_LEFT_OUT)


_by_digest: Select[ApiKey] = Select(lambda digest: _keys().filter(digest=digest), digest=str)
_by_old_digest: Select[ApiKey] = Select(
    lambda digest: _keys().filter(old_digest=digest), digest=str
)
_by_uid: Select[ApiKey] = Select(lambda uid: _keys().filter(uid=uid), uid=str)


def authenticate(secret: str, *, ip: str | None = None, needs: Scope | None = None) -> ApiKey:
    """The live key behind a secret or a token, with its user and what it may do. One query,
    and a second one for what is no key's secret or was its last one.

    Raises Unauthenticated, and Forbidden for a suspension, a wrong address or a missing scope.
    """
    is_token = secret.startswith(samwise.PREFIX)
    key = _of_token(secret) if is_token else _of_secret(secret)
    if key.revoked_at is not None:
        raise _refused()
    suspension.check_key(key)
    if key.is_expired:
        raise Unauthenticated("This API key has expired. Make a new one.", code="api_key_expired")
    if not is_allowed(key.allowed_addresses, ip):
        raise Forbidden(
            f"This key may not be used from {ip or 'an unknown address'}. Its list of addresses"
            " is at /app/settings/api-keys.",
            code="address_not_allowed",
        )
    if needs is not None:
        require(key, needs)
    _note_use(key, ip)
    return key


def require(key: ApiKey, *scopes: str) -> None:
    """Raise Forbidden unless this request has one of the scopes. None named: nothing is needed."""
    if scopes and key.granted.isdisjoint(scopes):
        named = " or ".join(f"`{scope}`" for scope in scopes)
        holder = "key" if key.lent is None else "token"
        raise Forbidden(
            f"This {holder} lacks the scope {named}. A key's scopes are set at"
            " /app/settings/api-keys.",
            code="insufficient_scope",
        )


def _of_secret(secret: str) -> ApiKey:
    if not looks_like_key(secret):
        raise _refused()
    digest = digest_of(secret)
    key = _by_digest.first(digest=digest) or _by_old_digest.first(digest=digest)
    if key is None:
        raise _refused()
    if not hmac.compare_digest(digest, key.digest):
        _check_overlap(key)
    key.presented_digest = digest
    return key


def _of_token(token: str) -> ApiKey:
    claims = samwise.read(token)
    if claims is None:
        raise _refused()
    if claims.expires_at <= timezone.now():
        raise Unauthenticated(
            "This token has expired. Mint another with its key.", code="token_expired"
        )
    key = _by_uid.first(uid=claims.key_uid)
    if key is None:
        raise _refused()
    if not claims.fits(key.digest):
        if not claims.fits(key.old_digest):
            raise _refused()
        _check_overlap(key)
    key.lent = claims.scopes
    return key


def _check_overlap(key: ApiKey) -> None:
    if not key.is_overlapping:
        raise Unauthenticated(
            "This API key was rotated and its old secret has ended. Use the new one.",
            code="api_key_expired",
        )


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "The API key is missing, mistyped or revoked. Keys start with rk_ and are made at"
        " /app/settings/api-keys.",
        code="invalid_api_key",
    )


def _note_use(key: ApiKey, ip: str | None) -> None:
    """Remember when and from where a key was used, at most once a minute."""
    now = timezone.now()
    due = now - _SEEN_EVERY
    if key.last_used_at is not None and key.last_used_at > due:
        return
    ApiKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lte=due), pk=key.pk).update(
        last_used_at=now, last_used_ip=ip
    )
