"""How a person's lorebooks are scanned in every chat of theirs."""

import msgspec
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from lore import queries, services
from lore.scene import Settings
from web.gate import MemberRequest, member, submitted
from web.lore_forms import ScanForm


@require_http_methods(["GET", "HEAD", "POST"])
@member
def scan_settings(request: MemberRequest) -> HttpResponse:
    """The settings, and the way back to the usual ones."""
    if request.method == "POST" and "reset" in request.POST:
        services.change_settings(user=request.user, values={})
        messages.success(request, "The usual settings hold again.")
        return redirect("lore-scans")
    usual = msgspec.to_builtins(Settings())
    held = msgspec.to_builtins(queries.settings_of(request.user))
    form = ScanForm(submitted(request)[0], initial=held)
    if form.is_valid():
        given = form.settings()
        changed = {name: value for name, value in given.items() if value != usual[name]}
        services.change_settings(user=request.user, values=changed)
        messages.success(request, "Saved. It counts from your next message on.")
        return redirect("lore-scans")
    context = {"page": "lorebooks", "form": form, "is_usual": held == usual}
    status = 400 if form.errors else 200
    return render(request, "lorebooks/scans.html", context, status=status)
