"""The limits of the resource API, as what Django REST framework calls a throttle."""

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.models import ApiKey, User
from billing.limits.admission import Admission
from billing.limits.terms import for_key


class PlanThrottle(BaseThrottle):
    """Counts every request of somebody known, whichever way they signed in.

    The headers go to the view's own, which DRF puts on every answer, refusals too.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """True, or RateLimited is raised, which says more than False could."""
        user: Any = request.user
        if not isinstance(user, User):
            return True
        key = request.auth if isinstance(request.auth, ApiKey) else None
        admission = Admission()
        try:
            admission.enter(user, for_key(key))
        finally:
            view.headers.update(admission.headers())
        return True
