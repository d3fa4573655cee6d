"""Credits at /app/credits: balance, statement, vouchers, buying."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from billing import checkout, ledger, purchases, queries, vouchers
from billing.api.serializers import StatementPageSerializer
from billing.api.views import csv_of
from billing.models import LedgerEntry, Purchase
from billing.plans import plan_of
from core.errors import Conflict, NotFound, RateLimited
from web.gate import MemberRequest, member

_ROWS = 25
_HOLDS = 10


class VoucherForm(forms.Form):
    code = forms.CharField(
        max_length=100,
        label="Code",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )


@require_safe
@never_cache
@member
def page(request: MemberRequest) -> HttpResponse:
    """Everything about one's credits; the rows alone for "More"."""
    context = {**_entries(request), "page": "credits"}
    if request.htmx:
        return render(request, "credits/_rows.html", context)
    return render(request, "credits/page.html", {**_frame(request), **context})


def _entries(request: MemberRequest) -> dict[str, Any]:
    """The statement that the address asks for. What it cannot mean is left out."""
    asked = StatementPageSerializer(data=_meant(request.GET))
    which = asked.which() if asked.is_valid() else queries.Filter()
    before = asked.validated_data.get("before") if asked.is_valid() else None
    found = queries.statement(request.user.pk, which=which, before=before, limit=_ROWS)
    return {
        "statement": found,
        "which": which,
        "kinds": LedgerEntry.Kind.choices,
        "query": _query(which),
        "is_filtered": which != queries.Filter(),
    }


def _meant(given: QueryDict) -> dict[str, str]:
    """A form sends its empty fields too."""
    names = ("kind", "since", "until", "before")
    return {name: str(given[name]) for name in names if given.get(name)}


def _query(which: queries.Filter) -> str:
    """The filter as part of an address."""
    found = QueryDict(mutable=True)
    for name in ("kind", "since", "until"):
        if value := getattr(which, name):
            found[name] = str(value)
    return found.urlencode()


def _frame(request: MemberRequest, form: VoucherForm | None = None) -> dict[str, Any]:
    account = ledger.get_account(request.user.pk)
    return {
        "page": "credits",
        "credit_account": account,
        "holds": queries.open_holds(request.user.pk)[:_HOLDS],
        "plan": plan_of(account),
        "form": form or VoucherForm(),
        "packs": purchases.packs(),
        "plans": purchases.plans_for_sale(),
        "subscription": purchases.subscription_of(request.user.pk),
        "is_selling": checkout.is_on(),
    }


@require_safe
@member
def export(request: MemberRequest) -> HttpResponse:
    """The statement as a CSV file."""
    asked = StatementPageSerializer(data=_meant(request.GET))
    if not asked.is_valid():
        raise NotFound("There is no such statement.")
    # A streaming response is an HttpResponseBase; to the gate and to Django they are the same.
    return csv_of(request.user.pk, asked)  # type: ignore[return-value]


@require_POST
@member
def redeem(request: MemberRequest) -> HttpResponse:
    """Take in a voucher. A refusal stands beside the field that holds the code."""
    form = VoucherForm(request.POST)
    if form.is_valid():
        try:
            entry = vouchers.redeem(user_id=request.user.pk, code=form.cleaned_data["code"])
        except (NotFound, Conflict, RateLimited) as error:
            form.add_error("code", error.message)
        else:
            given = queries.exact_credits(entry.amount_micro)
            messages.success(request, f"The voucher gave you {given} credits.")
            return redirect("credits")
    context = {**_frame(request, form), **_entries(request)}
    return render(request, "credits/page.html", context, status=400)


def _home(request: MemberRequest) -> str:
    return request.build_absolute_uri(reverse("credits"))


@require_POST
@member
def buy(request: MemberRequest) -> HttpResponse:
    """Begin a purchase of the pack or plan that the form names, and go on to Stripe."""
    if plan := request.POST.get("plan"):
        _, url = purchases.buy_plan(user=request.user, slug=plan, home=_home(request))
    else:
        pack = request.POST.get("pack", "")
        number = int(pack) if pack.isdecimal() else 0
        _, url = purchases.buy_pack(user=request.user, pack_id=number, home=_home(request))
    return _leave(request, url)


@require_POST
@member
def manage(request: MemberRequest) -> HttpResponse:
    """Go to where a subscription is changed or ended."""
    return _leave(request, purchases.manage(user_id=request.user.pk, back=_home(request)))


def _leave(request: MemberRequest, url: str) -> HttpResponse:
    """A page that goes on by itself: our policy lets no form lead straight to another site."""
    response = render(request, "credits/leave.html", {"page": "credits-leave", "url": url})
    response["Refresh"] = f"0; url={url}"
    return response


@require_safe
@never_cache
@member
def bought(request: MemberRequest, uid: str) -> HttpResponse:
    """Where people come back to from Stripe. Payment may take a moment to be confirmed."""
    purchase = purchases.get_purchase(request.user.pk, uid)
    context = {"page": "credits-bought", "purchase": purchase}
    response = render(request, "credits/bought.html", context)
    if purchase.state == Purchase.State.OPEN:
        response["Refresh"] = "3"
    return response
