"""The resource API's views of usage: sums, single requests, receipts, quota. All one's own."""

from collections.abc import Callable, Collection
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import key_of, user_of
from accounts.keys import own_key
from accounts.models import User
from accounts.zones import known_zones, zone_of
from billing import usage
from billing.api.receipts import ReceiptSerializer
from billing.export import usage_csv
from billing.limits.standing import Standing
from billing.limits.terms import for_key
from billing.models import Usage
from billing.queries import receipt
from billing.quota import quota
from billing.usage import SPLITS, Question
from core.errors import NotFound

NamesOf = Callable[[User, Collection[str]], dict[str, str]]
"""Finds the names of a person's characters and keys by their uids."""

_ID_MOST: Final = 2**63 - 1
_SHARES: Final = 50
_DRAWN: Final = 10


class UsageFilterSerializer(serializers.Serializer[dict[str, Any]]):
    """Which requests are asked for: the last `days` until today, or those from `since` to `until`.

    `timezone` is that of the days, your own if you have set one, else UTC. `-` stands for
    requests without a character or key.
    """

    days = serializers.IntegerField(min_value=1, max_value=usage.DAYS_MOST, default=30)
    since = serializers.DateField(required=False)
    until = serializers.DateField(required=False)
    timezone = serializers.CharField(required=False, max_length=64)
    model = serializers.CharField(required=False, max_length=200)
    character = serializers.CharField(required=False, max_length=24)
    key = serializers.CharField(required=False, max_length=24)
    surface = serializers.CharField(required=False, max_length=8)

    def validate_timezone(self, name: str) -> str:
        if name not in known_zones():
            raise serializers.ValidationError("Not a time zone of the IANA database.")
        return name

    def question(self, user: User) -> Question:
        """What is asked. Call when valid."""
        given = self.validated_data
        named = given.get("timezone")
        span = usage.span_of(
            timezone.now(),
            ZoneInfo(named) if named else zone_of(user),
            days=given["days"],
            since=given.get("since"),
            until=given.get("until"),
        )
        only = tuple((name, given[name]) for name in SPLITS if given.get(name))
        return Question(span, given.get("by", "model"), only)


class UsageQuestionSerializer(UsageFilterSerializer):
    """What sums are asked for, and by what they are split."""

    by = serializers.ChoiceField(choices=list(SPLITS), default="model")


class RequestsPageSerializer(UsageFilterSerializer):
    """Which page of single requests is asked for."""

    before = serializers.IntegerField(min_value=1, max_value=_ID_MOST, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=200, default=50)


class SumsSerializer(serializers.Serializer[Any]):
    """`cached_tokens` are part of `input_tokens`; `estimated` counts requests whose upstream did
    not say all that they used."""

    requests = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    amount_micro = serializers.IntegerField()
    estimated = serializers.IntegerField()


class ShareSerializer(SumsSerializer):
    """The sums of one model, character, key or surface. `value` is "" for none."""

    value = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_blank=True)


class DaySerializer(SumsSerializer):
    """The sums of one day and one of the ten largest shares; `value` null is all others."""

    day = serializers.DateField()
    value = serializers.CharField(allow_blank=True, allow_null=True)


class UsageSerializer(serializers.Serializer[Any]):
    """Usage over whole days. Days without use are left out."""

    since = serializers.DateField()
    until = serializers.DateField()
    timezone = serializers.CharField()
    by = serializers.ChoiceField(choices=list(SPLITS))
    totals = SumsSerializer()
    refunded_micro = serializers.IntegerField()
    shares = ShareSerializer(many=True)
    others = SumsSerializer()
    days = DaySerializer(many=True)


class UsageRequestSerializer(serializers.Serializer[Any]):
    """One request. Its receipt is at `/api/user/usage/receipts/{reference}`."""

    id = serializers.IntegerField(source="pk")
    reference = serializers.CharField(source="key")
    created_at = serializers.DateTimeField()
    surface = serializers.CharField()
    model = serializers.CharField()
    character = serializers.CharField(allow_blank=True)
    character_name = serializers.CharField(allow_blank=True)
    key = serializers.CharField(source="api_key", allow_blank=True)
    key_name = serializers.CharField(allow_blank=True)
    input_tokens = serializers.IntegerField(source="prompt_tokens")
    cached_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField(source="completion_tokens")
    amount_micro = serializers.IntegerField()
    estimated = serializers.BooleanField()


class UsageRequestsSerializer(serializers.Serializer[Any]):
    """One page of requests, newest first. `older` goes into `before` for the next."""

    requests = UsageRequestSerializer(many=True, source="rows")
    older = serializers.IntegerField(allow_null=True)


class QuotaPlanSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()


class QuotaQuestionSerializer(serializers.Serializer[dict[str, Any]]):
    """`key` is the id of one of your keys, whose limits are told too. Asked with a key, it is that
    one unless you say."""

    key = serializers.CharField(required=False, max_length=24)


class LimitSerializer(serializers.Serializer[Any]):
    """So many a minute. `usual` is more than `limit` while the site is busy. Null is: not known
    now."""

    limit = serializers.IntegerField()
    usual = serializers.IntegerField()
    left = serializers.IntegerField(allow_null=True)
    reset_seconds = serializers.IntegerField(allow_null=True)


class BudgetSerializer(serializers.Serializer[Any]):
    """A budget, in micro-credits. What is held for work under way counts as spent."""

    of = serializers.ChoiceField(choices=["account", "key"])
    period = serializers.ChoiceField(choices=["day", "month"])
    limit_micro = serializers.IntegerField()
    spent_micro = serializers.IntegerField()
    held_micro = serializers.IntegerField()
    left_micro = serializers.IntegerField()
    resets_at = serializers.DateTimeField()


class LimitsSerializer(serializers.Serializer[Any]):
    """The limits that hold now. Null is no limit, and for `running`: not known, or not counted.

    `is_known` is false while what was used of them is not known.
    """

    is_known = serializers.BooleanField()
    requests_per_minute = LimitSerializer(allow_null=True, source="requests")
    key_requests_per_minute = LimitSerializer(allow_null=True, source="key")
    free_turns_per_minute = LimitSerializer(allow_null=True, source="free")
    concurrency = serializers.SerializerMethodField()
    running = serializers.IntegerField(allow_null=True)
    budgets = BudgetSerializer(many=True)

    def get_concurrency(self, limits: Standing) -> int | None:
        return limits.concurrency or None


class QuotaSerializer(serializers.Serializer[Any]):
    """What one may use now. Months are those of UTC."""

    plan = QuotaPlanSerializer(allow_null=True)
    plan_until = serializers.DateTimeField(allow_null=True)
    monthly_micro = serializers.IntegerField()
    renews_at = serializers.DateTimeField()
    spent_this_month_micro = serializers.IntegerField()
    balance_micro = serializers.IntegerField()
    held_micro = serializers.IntegerField()
    available_micro = serializers.IntegerField()
    limits = LimitsSerializer()


def rows_of(user: User) -> Any:
    return Usage.objects.filter(user=user)


class UsageView(APIView):
    names_of: NamesOf | None = None

    @extend_schema(
        operation_id="get_usage",
        parameters=[UsageQuestionSerializer],
        responses=UsageSerializer,
        tags=["usage"],
    )
    def get(self, request: Request) -> Response:
        """Credits and tokens by day, and by model, character, key or surface."""
        asked = UsageQuestionSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        user = user_of(request)
        question = asked.question(user)
        found = usage.answer(rows_of(user), question, listed=_SHARES, drawn=_DRAWN)
        names = _names(self.names_of, user, [share.value for share in found.shares])
        body = {
            "since": question.span.since,
            "until": question.span.until,
            "timezone": question.span.zone.key,
            "by": question.by,
            "totals": found.totals,
            "refunded_micro": usage.refunded(user.pk, question.span),
            "shares": [
                {"value": value, "name": names.get(value, value), **sums._asdict()}
                for value, sums in found.shares
            ],
            "others": found.others,
            "days": [
                {"day": day, "value": value, **sums._asdict()}
                for (day, value), sums in found.days.items()
            ],
        }
        return Response(UsageSerializer(body).data)


def _names(names_of: NamesOf | None, user: User, uids: Collection[str]) -> dict[str, str]:
    return names_of(user, {uid for uid in uids if uid}) if names_of else {}


class UsageRequestsView(APIView):
    names_of: NamesOf | None = None

    @extend_schema(
        operation_id="list_usage_requests",
        parameters=[RequestsPageSerializer],
        responses=UsageRequestsSerializer,
        tags=["usage"],
    )
    def get(self, request: Request) -> Response:
        """Single requests with what they used and cost, newest first."""
        asked = RequestsPageSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        user = user_of(request)
        found = usage.requests(
            asked.question(user).of(rows_of(user)),
            before=asked.validated_data.get("before"),
            limit=asked.validated_data["limit"],
        )
        uids = {uid for row in found.rows for uid in (row.character, row.api_key)}
        names = _names(self.names_of, user, uids)
        for row in found.rows:
            row.character_name = names.get(row.character, "")  # type: ignore[attr-defined]
            row.key_name = names.get(row.api_key, "")  # type: ignore[attr-defined]
        return Response(UsageRequestsSerializer(found).data)


class UsageExportView(APIView):
    names_of: NamesOf | None = None

    @extend_schema(
        operation_id="export_usage",
        parameters=[UsageFilterSerializer],
        responses={(200, "text/csv"): OpenApiTypes.STR},
        tags=["usage"],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Single requests as CSV, oldest first, amounts in credits."""
        asked = UsageFilterSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        user = user_of(request)
        return csv_of(user, asked.question(user), self.names_of)


def csv_of(user: User, question: Question, names_of: NamesOf | None) -> StreamingHttpResponse:
    """The file as a download."""
    lines = usage_csv(
        question.of(rows_of(user)),
        question.span.zone,
        lambda uids: _names(names_of, user, uids),
    )
    headers = {
        "Content-Disposition": 'attachment; filename="reverie-usage.csv"',
        "Cache-Control": "no-store",
    }
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


class UsageReceiptView(APIView):
    @extend_schema(operation_id="get_receipt", responses=ReceiptSerializer, tags=["usage"])
    def get(self, request: Request, reference: str) -> Response:
        """What one request used and cost: tokens × multipliers, to the micro-credit."""
        found = receipt(user_of(request).pk, reference)
        if found is None:
            raise NotFound("There is no such receipt.", code="receipt_not_found")
        return Response(ReceiptSerializer(found).data)


class QuotaView(APIView):
    @extend_schema(
        operation_id="get_quota",
        parameters=[QuotaQuestionSerializer],
        responses=QuotaSerializer,
        tags=["usage"],
    )
    def get(self, request: Request) -> Response:
        """Plan, credits, what this month has cost, and the limits as they stand."""
        asked = QuotaQuestionSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        user = user_of(request)
        uid = asked.validated_data.get("key")
        key = own_key(user, uid) if uid else key_of(request)
        return Response(QuotaSerializer(quota(user, for_key(key))).data)
