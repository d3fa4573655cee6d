"""One-time sign-in links, for the first start and for people who lost their way in."""

import secrets
from datetime import timedelta
from hashlib import sha256

from django.utils import timezone

from accounts import suspension
from accounts.models import SignInLink, User
from core.errors import Invalid


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def issue_link(user: User, *, minutes: int = 24 * 60) -> str:
    """A token that signs this person in once, within `minutes`."""
    token = secrets.token_urlsafe(32)
    SignInLink.objects.create(
        user=user,
        digest=_digest(token),
        expires_at=timezone.now() + timedelta(minutes=minutes),
    )
    return token


def redeem_link(token: str) -> User:
    """The person behind an unused link, which is used up now. Raises Invalid, Forbidden."""
    now = timezone.now()
    link = SignInLink.objects.select_related("user").filter(digest=_digest(token)).first()
    if link is None:
        raise Invalid("This sign-in link is not known here.", code="unknown_link")
    if not link.user.is_active:
        raise suspension.refused("account_suspended")
    taken = SignInLink.objects.filter(pk=link.pk, used_at=None, expires_at__gt=now).update(
        used_at=now
    )
    if not taken:
        raise Invalid(
            "This sign-in link was used already, or is too old. Links work once, for a day.",
            code="used_link",
        )
    return link.user
