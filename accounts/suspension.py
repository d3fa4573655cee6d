"""Who is suspended, which keys are, and what they are told.

A person who is suspended is one who is not active: Django's sessions stop at that flag by
themselves, and keys ask for it.
"""

from typing import Any

from accounts.models import ApiKey, User
from core.errors import Forbidden
from core.prepared import Select

_MESSAGES = {
    "account_suspended": "This account is suspended. Ask whoever runs this server.",
    "key_suspended": "This API key is suspended. Ask whoever runs this server.",
    "key_revoked": "This API key was revoked.",
}


def refused(code: str) -> Forbidden:
    return Forbidden(_MESSAGES[code], code=code)


def check_key(key: ApiKey) -> None:
    """Raise Forbidden if this key or its holder is suspended. Costs no query."""
    if not key.user.is_active:
        raise refused("account_suspended")
    if key.suspended_at is not None:
        raise refused("key_suspended")


_active: Select[Any] = Select(
    lambda user: User.objects.filter(pk=user, is_active=True).values_list("pk"), user=int
)


def find_suspension(user_id: int, key_uid: str) -> Forbidden | None:
    """Why work of this person, with this key, must not go on; None if it may."""
    if not _active.all(user=user_id):
        return refused("account_suspended")
    key = ApiKey.objects.filter(uid=key_uid).first() if key_uid else None
    if key is not None and key.revoked_at is not None:
        return refused("key_revoked")
    if key is not None and key.suspended_at is not None:
        return refused("key_suspended")
    return None
