"""Operators' pages for money. Everything is read-only; credits are given through the ledger."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from billing import ledger
from billing.models import MICRO, Account, Charge, Hold, LedgerEntry, Usage
from core.admin import ReadOnlyAdmin
from core.ids import new_uid


def credits_of(micro: int) -> str:
    return f"{micro / MICRO:,.6f}".rstrip("0").rstrip(".")


class GrantForm(forms.Form):
    credits = forms.IntegerField(min_value=1, max_value=10**12)
    reason = forms.CharField(max_length=200)
    key = forms.CharField(widget=forms.HiddenInput, initial=new_uid)


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ("user", "balance", "held", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__handle", "user__email")
    fields = ("user", "balance", "held", "created_at")
    actions = ("give_credits",)

    @admin.display(description="balance (credits)")
    def balance(self, account: Account) -> str:
        return credits_of(account.balance_micro)

    @admin.display(description="held (credits)")
    def held(self, account: Account) -> str:
        return credits_of(account.held_micro)

    def has_give_permission(self, request: HttpRequest) -> bool:
        """Looking at accounts does not include filling them."""
        return bool(request.user.is_superuser)

    @admin.action(description="Give credits…", permissions=["give"])
    def give_credits(
        self, request: HttpRequest, queryset: QuerySet[Account]
    ) -> HttpResponse | None:
        """A form first, then one ledger entry for each account, with the operator's name."""
        form = GrantForm(request.POST if "credits" in request.POST else None)
        if not form.is_valid():
            context = {
                **self.admin_site.each_context(request),
                "title": "Give credits",
                "form": form,
                "accounts": queryset.select_related("user"),
                "checkbox": ACTION_CHECKBOX_NAME,
            }
            return render(request, "admin/billing/give_credits.html", context)
        self._give(request, queryset, form.cleaned_data)
        return None

    def _give(
        self, request: HttpRequest, queryset: QuerySet[Account], asked: dict[str, Any]
    ) -> None:
        for account in queryset:
            ledger.grant(
                user_id=account.user_id,
                amount_micro=asked["credits"] * MICRO,
                key=f"admin:{asked['key']}:{account.pk}",
                note=asked["reason"],
                actor=str(request.user),
            )
        self.message_user(request, f"{asked['credits']:,} credits given.")


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "account", "kind", "credits", "note", "actor")
    list_select_related = ("account",)
    list_filter = ("kind",)
    search_fields = ("key", "account__user__handle")
    ordering = ("-id",)

    @admin.display(description="credits")
    def credits(self, entry: LedgerEntry) -> str:
        return credits_of(entry.amount_micro)


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    list_display = ("key", "account", "amount_micro", "state", "created_at", "expires_at")
    list_filter = ("state",)
    search_fields = ("key",)
    ordering = ("-id",)


@admin.register(Charge)
class ChargeAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "account",
        "model",
        "prompt_tokens",
        "completion_tokens",
        "amount_micro",
        "estimated",
    )
    search_fields = ("key", "model")
    ordering = ("-id",)


@admin.register(Usage)
class UsageAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "user",
        "surface",
        "model",
        "prompt_tokens",
        "completion_tokens",
        "amount_micro",
    )
    list_select_related = ("user",)
    list_filter = ("surface",)
    search_fields = ("user__handle", "model")
    ordering = ("-id",)
