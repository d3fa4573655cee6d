"""Which scope a request of the resource API needs.

One rule: what lies below /api/user/ needs `manage`, other reads `read`, other changes `write`.
A view to which the rule does not fit says `scopes`: any one of them will do.
"""

from typing import Any, Final

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.api.authentication import key_of
from accounts.keys import require
from accounts.models import Scope

_ACCOUNT: Final = "/api/user/"


class HasScope(BasePermission):
    """Lets a key do what its scopes allow. The browser's session may do everything."""

    def has_permission(self, request: Request, view: Any) -> bool:
        key = key_of(request)
        if key is not None:
            require(key, *scopes_for(view, request.method or "", request.path_info))
        return True


def scopes_for(view: Any, method: str, path: str) -> tuple[Scope, ...]:
    """One of these is needed; of none, nothing but a key."""
    stated: tuple[Scope, ...] | None = getattr(view, "scopes", None)
    if stated is not None:
        return stated
    if path.startswith(_ACCOUNT):
        return (Scope.MANAGE,)
    return (Scope.READ if method in SAFE_METHODS else Scope.WRITE,)
