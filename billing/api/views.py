"""The resource API's views of credits. Everything is one's own."""

from django.http import StreamingHttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import user_of
from billing import ledger, purchases, vouchers
from billing.api.serializers import (
    CreditHoldSerializer,
    CreditPacksSerializer,
    CreditsSerializer,
    PurchaseSerializer,
    PurchaseStartedSerializer,
    PurchaseStartSerializer,
    RedeemedSerializer,
    StatementFilterSerializer,
    StatementPageSerializer,
    StatementSerializer,
    VoucherCodeSerializer,
)
from billing.export import statement_csv
from billing.plans import plan_of
from billing.queries import open_holds, statement

HOLDS_MOST = 100


class CreditsView(APIView):
    @extend_schema(operation_id="get_credits", responses=CreditsSerializer, tags=["credits"])
    def get(self, request: Request) -> Response:
        """Balance, what is held, and the plan."""
        account = ledger.get_account(user_of(request).pk)
        body = {
            "balance_micro": account.balance_micro,
            "held_micro": account.held_micro,
            "available_micro": account.available_micro,
            "plan": plan_of(account),
            "plan_until": account.plan_until,
        }
        return Response(CreditsSerializer(body).data)


class HoldsView(APIView):
    @extend_schema(
        operation_id="list_credit_holds",
        responses=CreditHoldSerializer(many=True),
        tags=["credits"],
    )
    def get(self, request: Request) -> Response:
        """What is set aside for work under way, newest first, the first hundred."""
        rows = open_holds(user_of(request).pk)[:HOLDS_MOST]
        return Response(CreditHoldSerializer(rows, many=True).data)


class StatementView(APIView):
    @extend_schema(
        operation_id="list_credit_entries",
        parameters=[StatementPageSerializer],
        responses=StatementSerializer,
        tags=["credits"],
    )
    def get(self, request: Request) -> Response:
        """The statement: every movement of credits, with the balance after it."""
        asked = StatementPageSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = statement(
            user_of(request).pk,
            which=asked.which(),
            before=asked.validated_data.get("before"),
            limit=asked.validated_data["limit"],
        )
        return Response(StatementSerializer(found).data)


class StatementExportView(APIView):
    @extend_schema(
        operation_id="export_credit_entries",
        parameters=[StatementFilterSerializer],
        responses={(200, "text/csv"): OpenApiTypes.STR},
        tags=["credits"],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """The whole statement as CSV, oldest first, amounts in credits."""
        asked = StatementFilterSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        return csv_of(user_of(request).pk, asked)


def csv_of(user_id: int, asked: StatementFilterSerializer) -> StreamingHttpResponse:
    """The file as a download. `asked` is valid."""
    headers = {
        "Content-Disposition": 'attachment; filename="reverie-credits.csv"',
        "Cache-Control": "no-store",
    }
    lines = statement_csv(user_id, asked.which())
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


class VouchersView(APIView):
    @extend_schema(
        operation_id="redeem_voucher",
        request=VoucherCodeSerializer,
        responses=RedeemedSerializer,
        tags=["credits"],
    )
    def post(self, request: Request) -> Response:
        """Turn a voucher's code into credits. Each person can, once."""
        asked = VoucherCodeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user = user_of(request)
        entry = vouchers.redeem(user_id=user.pk, code=asked.validated_data["code"])
        body = {
            "amount_micro": entry.amount_micro,
            "balance_micro": ledger.get_account(user.pk).balance_micro,
        }
        return Response(RedeemedSerializer(body).data)


class PacksView(APIView):
    @extend_schema(operation_id="list_packs", responses=CreditPacksSerializer, tags=["credits"])
    def get(self, request: Request) -> Response:
        """What credits can be bought."""
        return Response(CreditPacksSerializer({"packs": purchases.packs()}).data)


class PurchasesView(APIView):
    @extend_schema(
        operation_id="start_purchase",
        request=PurchaseStartSerializer,
        responses=PurchaseStartedSerializer,
        tags=["credits"],
    )
    def post(self, request: Request) -> Response:
        """Begin to buy a pack: the answer says where a person pays."""
        asked = PurchaseStartSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        purchase, url = purchases.buy_pack(
            user=user_of(request),
            pack_id=asked.validated_data["pack"],
            home=request.build_absolute_uri(reverse("credits")),
        )
        return Response(PurchaseStartedSerializer({"purchase": purchase, "url": url}).data)


class PurchaseView(APIView):
    @extend_schema(operation_id="get_purchase", responses=PurchaseSerializer, tags=["credits"])
    def get(self, request: Request, purchase_id: str) -> Response:
        """How a purchase is."""
        found = purchases.get_purchase(user_of(request).pk, purchase_id)
        return Response(PurchaseSerializer(found).data)
