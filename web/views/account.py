"""Signing in by a link, and the page about oneself."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.links import redeem_link
from core.errors import Invalid
from web.forms import AccountForm
from web.gate import MemberRequest, PageRequest, anyone, member, submitted


@require_safe
@never_cache
@anyone
def sign_in_by_link(request: PageRequest, token: str) -> HttpResponse:
    """One click signs in, once. A used or old link says so, unless one is signed in already."""
    try:
        user = redeem_link(token)
    except Invalid as error:
        if request.user.is_authenticated:
            return redirect("discover")
        context = {"page": "sign-in-link", "message": error.message}
        return render(request, "account/link_refused.html", context, status=410)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return redirect("discover")


@require_http_methods(["GET", "HEAD", "POST"])
@member
def you(request: MemberRequest) -> HttpResponse:
    """Name, colours, what is shown, and the way to everything that is one's own."""
    form = AccountForm(submitted(request)[0], user=request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return redirect("you")
    return render(request, "account/you.html", {"page": "you", "form": form})
