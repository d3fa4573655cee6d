"""Operators' pages for money. What moves credits is a deed with a reason, never an edited row."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from billing import corrections, plans, vouchers
from billing.forms import (
    AdjustForm,
    BudgetForm,
    GrantForm,
    PlanForm,
    RefundForm,
    VoucherMakeForm,
)
from billing.limits import changes
from billing.models import (
    MICRO,
    Account,
    Charge,
    Hold,
    LedgerEntry,
    Pack,
    Plan,
    Purchase,
    Subscription,
    Usage,
    Voucher,
)
from billing.pricing import money
from core.admin import ReadOnlyAdmin
from core.deeds import Deed, DeedForm, Row, ask_or_act


def credits_of(micro: int) -> str:
    return f"{micro / MICRO:,.6f}".rstrip("0").rstrip(".")


def _balance_row(account: Account, change: int | None) -> Row:
    """`change` is clamped as the ledger will: what is held or spent cannot be taken."""
    after = ""
    if change is not None:
        after = credits_of(account.balance_micro + max(change, -account.available_micro))
    return Row(account.user.handle, credits_of(account.balance_micro), after)


def _give(account: Account, form: GrantForm, actor: str) -> str:
    entry = corrections.give(
        user_id=account.user_id,
        amount_micro=form.amount_micro,
        key=f"admin:{form.cleaned_data['key']}:{account.pk}",
        reason=form.cleaned_data["reason"],
        actor=actor,
    )
    return f"{account.user.handle}: {credits_of(entry.amount_micro)} credits given."


def _adjust(account: Account, form: AdjustForm, actor: str) -> str:
    done = corrections.adjust(
        user_id=account.user_id,
        amount_micro=form.amount_micro,
        key=f"admin:{form.cleaned_data['key']}:{account.pk}",
        reason=form.cleaned_data["reason"],
        actor=actor,
    )
    amount = done.entry.amount_micro
    if amount > 0:
        return f"{account.user.handle}: {credits_of(amount)} credits added."
    short = f" of {credits_of(-done.asked_micro)}: no more was there" if done.missing_micro else ""
    return f"{account.user.handle}: {credits_of(-amount)} credits taken back{short}."


def _set_plan(account: Account, form: PlanForm, actor: str) -> str:
    plan = form.cleaned_data["plan"]
    plans.set_plan(
        user_id=account.user_id,
        plan=plan,
        until=form.cleaned_data["until"],
        reason=form.cleaned_data["reason"],
        actor=actor,
    )
    return f"{account.user.handle}: {plan or 'no plan of their own'}."


def _set_budgets(account: Account, form: BudgetForm, actor: str) -> str:
    day, month = form.budgets_micro
    changes.set_budgets(
        user_id=account.user_id,
        day_micro=day,
        month_micro=month,
        reason=form.cleaned_data["reason"],
        actor=actor,
    )
    return f"{account.user.handle}: {_budgets(day, month)}."


def _budgets(day: int | None, month: int | None) -> str:
    told = [
        f"{credits_of(amount)} a {period}"
        for period, amount in (("day", day), ("month", month))
        if amount is not None
    ]
    return ", ".join(told) or "no budget"


def _refund(charge: Charge, form: RefundForm, actor: str) -> str:
    entry = corrections.refund(
        charge_key=charge.key,
        key=f"admin:{form.cleaned_data['key']}:{charge.pk}",
        amount_micro=form.amount_or_all,
        reason=form.cleaned_data["reason"],
        actor=actor,
    )
    return f"{charge}: {credits_of(entry.amount_micro)} credits refunded."


def _refund_row(charge: Charge, form: RefundForm | None) -> Row:
    def told(refunded: int) -> str:
        return f"{credits_of(refunded)} of {credits_of(charge.amount_micro)} refunded"

    after = ""
    if form is not None:
        asked = form.amount_or_all
        amount = charge.amount_micro if asked is None else charge.refunded_micro + asked
        is_over = amount > charge.amount_micro
        after = "more than is left: refused" if is_over else told(amount)
    return Row(f"{charge} ({charge.account.user.handle})", told(charge.refunded_micro), after)


def _disable(voucher: Voucher, form: DeedForm, actor: str) -> str:
    reason = form.cleaned_data["reason"]
    done = vouchers.disable_voucher(voucher=voucher, actor=actor, reason=reason)
    return f"{voucher}: {'disabled' if done else 'was disabled before'}."


def _voucher_row(voucher: Voucher, form: DeedForm | None) -> Row:
    state = "disabled" if voucher.disabled_at else f"{voucher.uses} of {voucher.uses_most} used"
    return Row(str(voucher), state, "disabled" if form else "")


_TOLD = "It is written into the ledger and the audit log with your name and the reason."

GIVE = Deed(
    action="give_credits",
    title="Give credits",
    form=GrantForm,
    told=_TOLD,
    preview=lambda account, form: _balance_row(account, form and form.amount_micro),
    act=_give,
)
ADJUST = Deed(
    action="adjust_credits",
    title="Add or take back credits",
    form=AdjustForm,
    told=_TOLD,
    preview=lambda account, form: _balance_row(account, form and form.amount_micro),
    act=_adjust,
)
SET_PLAN = Deed(
    action="set_plan",
    title="Set the plan",
    form=PlanForm,
    preview=lambda account, form: Row(
        account.user.handle,
        str(account.plan or "default"),
        str(form.cleaned_data["plan"] or "default") if form else "",
    ),
    act=_set_plan,
)
SET_BUDGETS = Deed(
    action="set_budgets",
    title="Set budgets",
    form=BudgetForm,
    preview=lambda account, form: Row(
        account.user.handle,
        _budgets(account.budget_day_micro, account.budget_month_micro),
        _budgets(*form.budgets_micro) if form else "",
    ),
    act=_set_budgets,
)
REFUND = Deed(
    action="refund",
    title="Refund charges",
    form=RefundForm,
    told=_TOLD,
    preview=_refund_row,
    act=_refund,
)
DISABLE = Deed(
    action="disable", title="Disable vouchers", form=DeedForm, preview=_voucher_row, act=_disable
)


class DeedAdmin(ReadOnlyAdmin):
    """Looking does not include doing: deeds are for superusers."""

    def has_act_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)


@admin.register(Account)
class AccountAdmin(DeedAdmin):
    list_display = ("user", "balance", "held", "plan", "plan_until", "created_at")
    list_select_related = ("user", "plan")
    search_fields = ("user__handle", "user__email")
    fields = ("user", "balance", "held", "plan", "plan_until", "budgets", "created_at")
    actions = ("give_credits", "adjust_credits", "set_plan", "set_budgets")

    @admin.display(description="balance (credits)")
    def balance(self, account: Account) -> str:
        return credits_of(account.balance_micro)

    @admin.display(description="held (credits)")
    def held(self, account: Account) -> str:
        return credits_of(account.held_micro)

    @admin.display(description="budgets (credits)")
    def budgets(self, account: Account) -> str:
        return _budgets(account.budget_day_micro, account.budget_month_micro)

    @admin.action(description="Give credits…", permissions=["act"])
    def give_credits(
        self, request: HttpRequest, queryset: QuerySet[Account]
    ) -> HttpResponse | None:
        return ask_or_act(self, request, queryset.select_related("user"), GIVE)

    @admin.action(description="Add or take back credits…", permissions=["act"])
    def adjust_credits(
        self, request: HttpRequest, queryset: QuerySet[Account]
    ) -> HttpResponse | None:
        return ask_or_act(self, request, queryset.select_related("user"), ADJUST)

    @admin.action(description="Set the plan…", permissions=["act"])
    def set_plan(self, request: HttpRequest, queryset: QuerySet[Account]) -> HttpResponse | None:
        return ask_or_act(self, request, queryset.select_related("user", "plan"), SET_PLAN)

    @admin.action(description="Set budgets…", permissions=["act"])
    def set_budgets(self, request: HttpRequest, queryset: QuerySet[Account]) -> HttpResponse | None:
        return ask_or_act(self, request, queryset.select_related("user"), SET_BUDGETS)


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
class ChargeAdmin(DeedAdmin):
    list_display = (
        "created_at",
        "account",
        "model",
        "prompt_tokens",
        "completion_tokens",
        "amount_micro",
        "refunded_micro",
        "estimated",
    )
    search_fields = ("key", "model", "account__user__handle")
    ordering = ("-id",)
    actions = ("refund",)

    @admin.action(description="Refund…", permissions=["act"])
    def refund(self, request: HttpRequest, queryset: QuerySet[Charge]) -> HttpResponse | None:
        return ask_or_act(self, request, queryset.select_related("account__user"), REFUND)


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


@admin.register(Voucher)
class VoucherAdmin(DeedAdmin):
    """Make and disable. The code is shown once, in the message after making it."""

    notes_itself = True
    list_display = (
        "prefix",
        "credits",
        "uses",
        "uses_most",
        "note",
        "actor",
        "expires_at",
        "disabled_at",
    )
    search_fields = ("prefix", "note")
    fields = (
        "prefix",
        "credits",
        "uses",
        "uses_most",
        "note",
        "actor",
        "expires_at",
        "disabled_at",
    )
    actions = ("disable",)

    @admin.display(description="credits")
    def credits(self, voucher: Voucher) -> str:
        return credits_of(voucher.amount_micro)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_act_permission(request)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        return super().get_form(request, obj, change, **kwargs) if obj else VoucherMakeForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else VoucherMakeForm.field_order

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ()

    def save_model(self, request: HttpRequest, obj: Voucher, form: Any, change: bool) -> None:
        voucher, code = vouchers.make_voucher(actor=str(request.user), **form.values())
        obj.pk, obj.prefix = voucher.pk, voucher.prefix
        self.message_user(request, f"The code, shown only now: {code}", level=messages.WARNING)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """A voucher has no related rows to save."""

    @admin.action(description="Disable…", permissions=["act"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Voucher]) -> HttpResponse | None:
        return ask_or_act(self, request, queryset, DISABLE)


@admin.register(Purchase)
class PurchaseAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "uid", "account", "bought", "price", "state", "paid_at")
    list_select_related = ("account", "plan")
    list_filter = ("state",)
    search_fields = ("uid", "session", "payment", "account__user__handle")

    @admin.display(description="what")
    def bought(self, purchase: Purchase) -> str:
        return str(purchase.plan or f"{credits_of(purchase.credits_micro)} credits")

    @admin.display(description="price")
    def price(self, purchase: Purchase) -> str:
        return money(purchase.price_cents, purchase.currency) if purchase.currency else ""


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ("uid", "account", "plan", "status", "until")
    list_select_related = ("account", "plan")
    list_filter = ("status",)
    search_fields = ("uid", "customer", "account__user__handle")


class SoldAdmin(admin.ModelAdmin):
    """What is on offer. Switched off, not deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Plan)
class PlanAdmin(SoldAdmin):
    list_display = (
        "name",
        "rank",
        "monthly_credits",
        "requests_per_minute",
        "concurrency",
        "is_default",
        "enabled",
    )
    search_fields = ("name", "slug")


@admin.register(Pack)
class PackAdmin(SoldAdmin):
    list_display = ("credits", "price", "enabled")

    @admin.display(description="price")
    def price(self, pack: Pack) -> str:
        return money(pack.price_cents, pack.currency)
