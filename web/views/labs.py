"""Labs: what programs can do with Reverie, and how to connect a model."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from web.gate import MemberRequest, member
from web.views.keys import EXAMPLE_CHARACTER


@require_safe
@member
def labs(request: MemberRequest) -> HttpResponse:
    context = {
        "page": "labs",
        "base": request.build_absolute_uri("/api/device/v1"),
        "model": EXAMPLE_CHARACTER,
        "key_count": request.user.api_keys.filter(revoked_at=None).count(),
    }
    return render(request, "labs/page.html", context)


@require_safe
@member
def connect(request: MemberRequest) -> HttpResponse:
    """How to get from the understudy to a language model."""
    return render(request, "labs/connect.html", {"page": "connect"})
