"""The audit log: what operators did, written with the deed. Entries are only ever added."""

from typing import Any

from accounts.models import AuditEntry


def record(
    *,
    actor: str,
    action: str,
    user_id: int | None = None,
    target: str = "",
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEntry:
    """Note a deed. Call it inside the deed's transaction: neither is without the other.

    `before` and `after` hold what changed, as JSON values.
    """
    return AuditEntry.objects.create(
        actor=actor[:80],
        action=action,
        user_id=user_id,
        target=target[:200],
        reason=reason[:500],
        before=before or {},
        after=after or {},
    )
