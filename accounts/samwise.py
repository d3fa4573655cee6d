"""Samwise tokens: short-lived stand-ins for a key, for places that must not hold the key.

A token is `sw_` and a signed statement: which key, which of its secrets minted it, what it may
do and until when. Nothing is stored. The signature is checked without a query; the key is looked
up at each use, so that a token ends with its key, or with the secret that minted it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.core import signing
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import ApiKey, Scope
from core.errors import Forbidden, Invalid

PREFIX: Final = "sw_"
LIFE_MOST: Final = timedelta(hours=24)
LIFE_USUAL: Final = timedelta(hours=1)
_SALT: Final = "reverie samwise"
_CHARS_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, once its signature has been found good."""

    key_uid: str
    minted_by: str
    scopes: frozenset[str]
    expires_at: datetime

    def fits(self, digest: str | None) -> bool:
        """Whether the secret with this digest minted it."""
        return digest is not None and constant_time_compare(self.minted_by, _mark_of(digest))


@dataclass(frozen=True, slots=True)
class Minted:
    """A new token, to be handed out."""

    token: str
    scopes: tuple[str, ...]
    expires_at: datetime


def mint(
    key: ApiKey, *, scopes: tuple[str, ...] | None = None, life: timedelta = LIFE_USUAL
) -> Minted:
    """A token of this key: all its scopes, or those asked for. Raises Invalid, Forbidden."""
    if key.lent is not None:
        raise Forbidden("A token mints no tokens. Use the key itself.", code="token_cannot_mint")
    if not timedelta(0) < life <= LIFE_MOST:
        raise Invalid("A token lives for 1 second to 24 hours.", param="expires_in")
    asked = key.scope_set if scopes is None else frozenset(scopes)
    if not asked or not asked <= frozenset(Scope.values):
        raise Invalid(f"The scopes are {', '.join(Scope.values)}; name one.", param="scopes")
    if excess := asked - key.scope_set:
        raise Forbidden(
            f"The key itself lacks the scope {_named(excess)}; a token has no more than its key.",
            code="insufficient_scope",
            param="scopes",
        )
    now = timezone.now()
    expires_at = min(now + life, key.expires_at or datetime.max.replace(tzinfo=UTC))
    until = int(expires_at.timestamp())
    statement = {
        "k": key.uid,
        "m": _mark_of(key.presented_digest or key.digest),
        "s": sorted(asked),
        "e": until,
    }
    token = PREFIX + signing.dumps(statement, salt=_SALT)
    return Minted(token, tuple(sorted(asked)), datetime.fromtimestamp(until, UTC))


def read(token: str) -> Claims | None:
    """What a token says; None for one that we did not sign. Costs no query."""
    if len(token) > _CHARS_MOST:
        return None
    try:
        said: dict[str, Any] = signing.loads(token.removeprefix(PREFIX), salt=_SALT)
    except (signing.BadSignature, ValueError):
        return None
    return Claims(
        key_uid=said["k"],
        minted_by=said["m"],
        scopes=frozenset(said["s"]),
        expires_at=datetime.fromtimestamp(said["e"], UTC),
    )


def _mark_of(digest: str) -> str:
    """Names a secret without telling its digest: holders of a token can read the token."""
    return salted_hmac(_SALT, digest, algorithm="sha256").hexdigest()[:32]


def _named(scopes: frozenset[str]) -> str:
    return ", ".join(f"`{scope}`" for scope in sorted(scopes))
