"""Wire shapes of credits. Amounts are whole micro-credits: 1,000,000 are one credit."""

from typing import Any

from rest_framework import serializers

from billing.models import AMOUNT_MOST, LedgerEntry, Purchase
from billing.queries import Filter, Line, Statement

_ID_MOST = 2**63 - 1


class CreditPlanSerializer(serializers.Serializer[Any]):
    """The plan that counts now."""

    slug = serializers.CharField()
    name = serializers.CharField()
    monthly_credits = serializers.IntegerField()


class CreditsSerializer(serializers.Serializer[dict[str, Any]]):
    """What a person has. `available_micro` is the balance without what is held."""

    balance_micro = serializers.IntegerField()
    held_micro = serializers.IntegerField()
    available_micro = serializers.IntegerField()
    plan = CreditPlanSerializer(allow_null=True)
    plan_until = serializers.DateTimeField(allow_null=True)


class CreditHoldSerializer(serializers.Serializer[Any]):
    """Credits set aside for work under way."""

    reference = serializers.CharField(source="key")
    amount_micro = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class StatementLineSerializer(serializers.Serializer[Line]):
    """One entry of the statement. `reference` names its cause, as `charge:turn:UID`."""

    id = serializers.IntegerField(source="entry.pk")
    kind = serializers.ChoiceField(choices=LedgerEntry.Kind.choices, source="entry.kind")
    amount_micro = serializers.IntegerField(source="entry.amount_micro")
    balance_micro = serializers.IntegerField()
    note = serializers.CharField(source="entry.note")
    reference = serializers.CharField(source="entry.key")
    created_at = serializers.DateTimeField(source="entry.created_at")


class StatementSerializer(serializers.Serializer[Statement]):
    """One page of the statement, newest first. `older` goes into `before` for the next."""

    entries = StatementLineSerializer(many=True, source="lines")
    older = serializers.IntegerField(allow_null=True)


class StatementFilterSerializer(serializers.Serializer[dict[str, Any]]):
    """Which entries are asked for. Days are UTC and included."""

    kind = serializers.ChoiceField(choices=LedgerEntry.Kind.choices, required=False)
    since = serializers.DateField(required=False)
    until = serializers.DateField(required=False)

    def which(self) -> Filter:
        names = ("kind", "since", "until")
        return Filter(**{n: self.validated_data[n] for n in names if n in self.validated_data})


class StatementPageSerializer(StatementFilterSerializer):
    """Which page of the statement is asked for."""

    before = serializers.IntegerField(min_value=1, max_value=_ID_MOST, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=200, default=50)


class VoucherCodeSerializer(serializers.Serializer[dict[str, Any]]):
    code = serializers.CharField(max_length=100)


class RedeemedSerializer(serializers.Serializer[dict[str, Any]]):
    """What a voucher gave, and the balance after it."""

    amount_micro = serializers.IntegerField(max_value=AMOUNT_MOST)
    balance_micro = serializers.IntegerField()


class CreditPackSerializer(serializers.Serializer[Any]):
    """An amount of credits that is sold, its price in the smallest unit of the currency."""

    id = serializers.IntegerField(source="pk")
    credits = serializers.IntegerField()
    price_cents = serializers.IntegerField()
    currency = serializers.CharField()


class CreditPacksSerializer(serializers.Serializer[dict[str, Any]]):
    """What is sold; nothing where purchases are off."""

    packs = CreditPackSerializer(many=True)


class PurchaseStartSerializer(serializers.Serializer[dict[str, Any]]):
    pack = serializers.IntegerField(min_value=1, max_value=_ID_MOST)


class PurchaseSerializer(serializers.Serializer[Any]):
    """A purchase of credits. They are there when the state is `paid`."""

    id = serializers.CharField(source="uid")
    state = serializers.ChoiceField(choices=Purchase.State.choices)
    credits_micro = serializers.IntegerField()
    price_cents = serializers.IntegerField()
    refunded_cents = serializers.IntegerField()
    currency = serializers.CharField()
    created_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)


class PurchaseStartedSerializer(serializers.Serializer[dict[str, Any]]):
    """A purchase, and the page of Stripe where it is paid."""

    purchase = PurchaseSerializer()
    url = serializers.CharField()
