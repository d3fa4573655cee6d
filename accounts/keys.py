"""API keys: making, checking and revoking them.

A key is `rk_`, 36 random base62 characters (214 bits) and 6 characters of their CRC-32, so a
mistyped key is refused without a query. Only a keyed digest is stored.
"""

import hmac
import secrets
import string
import zlib
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiKey, User
from core.errors import Invalid, Unauthenticated
from core.prepared import Select
from core.text import clean

PREFIX: Final = "rk_"
_ALPHABET: Final = string.digits + string.ascii_letters
_RANDOM_CHARS: Final = 36
_CHECK_CHARS: Final = 6
_SHOWN_CHARS: Final = 9
_SEEN_EVERY: Final = timedelta(minutes=1)


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
    return hmac.new(_pepper(settings.SECRET_KEY), secret.encode(), sha256).hexdigest()


def issue_key(
    *,
    user: User,
    name: str,
    default_character: str = "",
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which cannot be had again. Raises Invalid."""
    name = clean(name).strip()
    if not name:
        raise Invalid("Give the key a name: which program will use it?", param="name")
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("The expiry lies in the past.", param="expires_at")
    secret = _new_secret()
    key = ApiKey.objects.create(
        user=user,
        name=name[:80],
        prefix=secret[:_SHOWN_CHARS],
        digest=digest_of(secret),
        default_character=default_character,
        expires_at=expires_at,
    )
    return key, secret


def revoke_key(*, key: ApiKey) -> None:
    """Stop a key for good, from the next request on. Revoking twice keeps the first time."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    key.refresh_from_db(fields=["revoked_at"])


_by_digest: Select[ApiKey] = Select(
    lambda digest: ApiKey.objects.order_by().select_related("user").filter(digest=digest),
    digest=str,
)


def authenticate(secret: str, *, ip: str | None = None) -> ApiKey:
    """The live key behind a secret, with its user. One query. Raises Unauthenticated."""
    if not looks_like_key(secret):
        raise _refused()
    key = _by_digest.first(digest=digest_of(secret))
    if key is None or key.revoked_at is not None or not key.user.is_active:
        raise _refused()
    if key.is_expired:
        raise Unauthenticated("This API key has expired. Make a new one.", code="api_key_expired")
    _note_use(key, ip)
    return key


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
