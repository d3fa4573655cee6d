"""Usage at /app/usage: what was used and cost, day by day, and the receipt of each request."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.zones import set_zone, zone_of
from billing.api.usage import csv_of
from billing.limits.terms import for_key
from billing.queries import receipt
from billing.quota import quota
from chats.receipts import messages_of, receipt_of
from core.errors import NotFound
from llm import registry
from web.gate import MemberRequest, member
from web.names import names_of
from web.usage_context import asked_in, build_page, build_rows, key_asked, span_words

_PRICES = 12


@require_safe
@never_cache
@member
def page(request: MemberRequest) -> HttpResponse:
    """Sums, the chart, and single requests; these alone for "Older"."""
    user = request.user
    asked = asked_in(user, request.GET)
    rows, found = build_rows(user, asked)
    context = {"page": "usage", "asked": asked, "rows": rows, "older": found.older}
    with timezone.override(zone_of(user)):
        if request.htmx:
            return render(request, "usage/_rows.html", context)
        quota_ = quota(user, for_key(key_asked(user, asked)))
        shown = build_page(user, asked, available_micro=quota_.available_micro)
        context |= {"quota": quota_, "view": shown, "span": span_words(asked)}
        if not shown.totals.requests and not shown.filters:
            context["prices"] = registry.list_models()[:_PRICES]
        return render(request, "usage/page.html", context)


@require_safe
@member
def export(request: MemberRequest) -> HttpResponse:
    """The requests of an address of the page as a CSV file."""
    asked = asked_in(request.user, request.GET)
    # A streaming response is an HttpResponseBase; to the gate and to Django they are the same.
    return csv_of(request.user, asked.question, names_of)  # type: ignore[return-value]


@require_safe
@member
def show_receipt(request: MemberRequest, reference: str) -> HttpResponse:
    """What one request used and cost."""
    found = receipt(request.user.pk, reference)
    if found is None:
        raise NotFound("There is no such receipt.", code="receipt_not_found")
    message = messages_of(request.user, [reference]).get(reference, "")
    context = {"page": "receipt", "receipts": [found], "message_uid": message}
    with timezone.override(zone_of(request.user)):
        return render(request, "usage/receipt.html", context)


@require_safe
@member
def message_receipt(request: MemberRequest, uid: str) -> HttpResponse:
    """What a message cost, with each turn that wrote a part of it."""
    found = receipt_of(request.user, uid)
    context = {"page": "receipt", "receipts": found.receipts, "message_uid": uid, "whole": found}
    with timezone.override(zone_of(request.user)):
        return render(request, "usage/receipt.html", context)


@require_POST
@member
def choose_zone(request: MemberRequest) -> HttpResponse:
    """Count days in the time zone that the browser said."""
    set_zone(request.user, request.POST.get("timezone", ""))
    messages.success(request, "Days are those of your time zone now.")
    return redirect("usage")
