"""What operators do to people and keys: suspend, let in again, revoke. At once and everywhere.

Each deed is in the audit log, in the same transaction. Replies under way end within a second.
"""

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.keys import revoke_key
from accounts.models import ApiKey, User
from core import orders
from core.errors import Conflict, Forbidden, Invalid


def suspend_user(*, user: User, by: User, reason: str) -> bool:
    """Shut somebody out: keys, pages, and replies under way, which end within a second.

    Returns whether they were let in before. Raises Forbidden for oneself, and for operators
    unless `by` is a superuser.
    """
    if user.pk == by.pk:
        raise Forbidden("Nobody suspends themselves.")
    if user.is_staff and not by.is_superuser:
        raise Forbidden("Only a superuser suspends an operator.")
    reason = _given(reason)
    with transaction.atomic():
        if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
            return False
        _note("user.suspend", user.handle, user.pk, by, reason, is_now=True)
        orders.end_turns("user", user.pk)
        orders.close_pages(user.pk)
    return True


def unsuspend_user(*, user: User, by: User, reason: str) -> bool:
    """Let somebody in again. Returns whether they were shut out. Raises like `suspend_user`."""
    if user.is_staff and not by.is_superuser:
        raise Forbidden("Only a superuser lets an operator in again.")
    reason = _given(reason)
    with transaction.atomic():
        if not User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
            return False
        _note("user.unsuspend", user.handle, user.pk, by, reason, is_now=False)
    return True


def suspend_key(*, key: ApiKey, by: User, reason: str) -> bool:
    """Shut out what uses this key; its replies under way end within a second.

    Returns whether it worked before. Raises Conflict if it is revoked, which is for good, and
    Forbidden for an operator's key unless `by` is a superuser.
    """
    _check_may_touch(key, by)
    if key.revoked_at is not None:
        raise Conflict("This key is revoked already.", code="key_revoked")
    reason = _given(reason)
    with transaction.atomic():
        rows = ApiKey.objects.filter(pk=key.pk, suspended_at=None)
        if not rows.update(suspended_at=timezone.now()):
            return False
        _note("key.suspend", f"key {key.prefix}", key.user_id, by, reason, is_now=True)
        orders.end_turns("key", key.uid)
    return True


def unsuspend_key(*, key: ApiKey, by: User, reason: str) -> bool:
    """Let this key work again. Returns whether it was suspended. Raises like `suspend_key`."""
    _check_may_touch(key, by)
    reason = _given(reason)
    with transaction.atomic():
        rows = ApiKey.objects.filter(pk=key.pk, suspended_at__isnull=False)
        if not rows.update(suspended_at=None):
            return False
        _note("key.unsuspend", f"key {key.prefix}", key.user_id, by, reason, is_now=False)
    return True


def revoke(*, key: ApiKey, by: User, reason: str) -> bool:
    """Stop this key for good. Returns whether it was not revoked before.

    Raises Forbidden for an operator's key unless `by` is a superuser.
    """
    _check_may_touch(key, by)
    reason = _given(reason)
    if key.revoked_at is not None:
        return False
    with transaction.atomic():
        revoke_key(key=key)
        audit.record(
            actor=by.handle,
            action="key.revoke",
            user_id=key.user_id,
            target=f"key {key.prefix}",
            reason=reason,
            before={"revoked": False},
            after={"revoked": True},
        )
        orders.end_turns("key", key.uid)
    return True


def _check_may_touch(key: ApiKey, by: User) -> None:
    if key.user.is_staff and not by.is_superuser:
        raise Forbidden("Only a superuser suspends, revokes or lets work the key of an operator.")


def _given(reason: str) -> str:
    if not reason.strip():
        raise Invalid("Say why, please.", param="reason")
    return reason.strip()


def _note(action: str, target: str, user_id: int, by: User, reason: str, *, is_now: bool) -> None:
    audit.record(
        actor=by.handle,
        action=action,
        user_id=user_id,
        target=target,
        reason=reason,
        before={"suspended": not is_now},
        after={"suspended": is_now},
    )
