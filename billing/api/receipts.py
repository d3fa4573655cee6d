"""Wire shape of a receipt. Amounts are whole micro-credits: 1,000,000 are one credit."""

from typing import Any

from rest_framework import serializers

from billing.queries import Receipt


class ReceiptSerializer(serializers.Serializer[Receipt]):
    """What one piece of work used and cost.

    `input_micro` and `output_micro` are tokens × multiplier and `price_micro` their sum;
    `cached_tokens` are part of `input_tokens` and cost the same. `charged_micro` is less where
    the price exceeded what had been set aside; `cost_micro` is what was paid in the end.
    `estimated`: the upstream did not say all of it, and we counted the rest.
    """

    reference = serializers.CharField(source="key")
    model = serializers.CharField()
    created_at = serializers.DateTimeField()
    input_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    input_multiplier_micro = serializers.IntegerField()
    output_multiplier_micro = serializers.IntegerField()
    input_micro = serializers.IntegerField()
    output_micro = serializers.IntegerField()
    price_micro = serializers.IntegerField()
    charged_micro = serializers.IntegerField()
    refunded_micro = serializers.IntegerField()
    cost_micro = serializers.IntegerField()
    estimated = serializers.BooleanField()
    entry = serializers.SerializerMethodField()
    refunds = serializers.SerializerMethodField()

    def get_entry(self, found: Receipt) -> int | None:
        """The id of its ledger entry; null for what cost nothing."""
        return found.entry.pk if found.entry else None

    def get_refunds(self, found: Receipt) -> list[int]:
        """The ids of the entries that gave something back."""
        return [entry.pk for entry in found.refunds]


class MessageReceiptSerializer(serializers.Serializer[Any]):
    """What a message cost: a receipt for each turn that wrote a part of it, oldest first."""

    message_id = serializers.CharField(source="message.uid")
    cost_micro = serializers.IntegerField()
    estimated = serializers.BooleanField()
    receipts = ReceiptSerializer(many=True)
