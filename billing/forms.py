"""Operators' forms for money. Each says why; each counts once, however often it is sent."""

from decimal import Decimal
from typing import Any, Final

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime

from billing.models import AMOUNT_MOST, MICRO, Plan, Voucher
from core.deeds import DeedForm

_MOST: Final = AMOUNT_MOST // MICRO
_LEAST: Final = Decimal("0.000001")


class CreditsField(forms.DecimalField):
    """Credits, exact to the micro-credit."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_value": _MOST, "max_digits": 19, "decimal_places": 6, **options})


def micro_of(credits_: Decimal | None) -> int | None:
    """What such a field says, in micro-credits."""
    return None if credits_ is None else int(credits_ * MICRO)


class GrantForm(DeedForm):
    credits = CreditsField(min_value=_LEAST)
    field_order = ("credits", "reason")

    @property
    def amount_micro(self) -> int:
        return int(self.cleaned_data["credits"] * MICRO)


class AdjustForm(GrantForm):
    credits = CreditsField(
        min_value=-_MOST,
        help_text="With a minus to take credits back. What is spent or held cannot be taken.",
    )

    def clean_credits(self) -> Decimal:
        value: Decimal = self.cleaned_data["credits"]
        if value == 0:
            raise forms.ValidationError("More or less than nothing, please.")
        return value


class RefundForm(GrantForm):
    credits = CreditsField(
        required=False,
        min_value=_LEAST,
        help_text="From each charge. Empty: all that is left of it.",
    )

    @property
    def amount_or_all(self) -> int | None:
        return self.amount_micro if self.cleaned_data["credits"] is not None else None


class PlanForm(DeedForm):
    plan = forms.ModelChoiceField(
        Plan.objects.all(), required=False, empty_label="None: the default plan"
    )
    until = forms.SplitDateTimeField(
        required=False, widget=AdminSplitDateTime, help_text="UTC. Empty: for ever."
    )
    field_order = ("plan", "until", "reason")


class BudgetForm(DeedForm):
    """Both budgets as they will be: a field that is left empty takes its budget away."""

    day = CreditsField(
        required=False,
        min_value=0,
        label="Credits a day",
        help_text="UTC. Empty: no budget. 0: nothing may be spent.",
    )
    month = CreditsField(
        required=False,
        min_value=0,
        label="Credits a month",
    )
    field_order = ("day", "month", "reason")

    @property
    def budgets_micro(self) -> tuple[int | None, int | None]:
        day, month = self.cleaned_data["day"], self.cleaned_data["month"]
        return micro_of(day), micro_of(month)


class VoucherMakeForm(forms.ModelForm):
    """A voucher to be made. Its code is made with it."""

    credits = CreditsField(min_value=_LEAST)
    uses_most = forms.IntegerField(min_value=1, max_value=1_000_000, initial=1, label="Uses")

    class Meta:
        model = Voucher
        fields = ("uses_most", "expires_at", "note")

    field_order = ("credits", "uses_most", "expires_at", "note")

    def values(self) -> dict[str, Any]:
        """What `billing.vouchers.make_voucher` takes."""
        names = ("uses_most", "expires_at", "note")
        given = {name: self.cleaned_data[name] for name in names}
        return {**given, "amount_micro": int(self.cleaned_data["credits"] * MICRO)}
