"""The resource API's views of turns and of the trash."""

from asgiref.sync import async_to_sync
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import key_of, user_of
from accounts.models import Scope
from billing.api.receipts import MessageReceiptSerializer
from chats import prompts, receipts, services, turns
from chats.api.reach import turn_of
from chats.api.serializers import (
    PromptSerializer,
    RestoredSerializer,
    StoppedSerializer,
    TrashSerializer,
    TurnSerializer,
)


class TurnView(APIView):
    scopes = (Scope.READ, Scope.CHAT)

    @extend_schema(operation_id="get_turn", responses=TurnSerializer, tags=["chat"])
    def get(self, request: Request, turn_id: str) -> Response:
        """How a turn stands or ended."""
        turn = turn_of(user_of(request), key_of(request), turn_id, Scope.READ)
        return Response(TurnSerializer(turn).data)


class StopView(APIView):
    scopes = (Scope.WRITE, Scope.CHAT)

    @extend_schema(
        operation_id="stop_turn", request=None, responses=StoppedSerializer, tags=["chat"]
    )
    def post(self, request: Request, turn_id: str) -> Response:
        """Stop a reply, from any device. What was written so far is kept."""
        turn = turn_of(user_of(request), key_of(request), turn_id, Scope.WRITE)
        stopped = async_to_sync(turns.stop)(user_id=turn.user_id, chat_uid=turn.chat_id)
        return Response({"stopped": stopped})


class TrashView(APIView):
    @extend_schema(
        operation_id="list_chat_trash", responses=TrashSerializer(many=True), tags=["chat"]
    )
    def get(self, request: Request, session_id: str) -> Response:
        """What was deleted from a chat in the last 30 days, newest first."""
        found = services.list_trash(user=user_of(request), chat_uid=session_id)
        return Response([TrashSerializer(entry).data for entry in found])


class RestoreView(APIView):
    @extend_schema(
        operation_id="restore_trash", request=None, responses=RestoredSerializer, tags=["chat"]
    )
    def post(self, request: Request, trash_id: str) -> Response:
        """Undo a deletion: its messages return to their places."""
        count = services.restore_trash(user=user_of(request), trash_uid=trash_id)
        return Response({"restored": count})


class PromptView(APIView):
    @extend_schema(operation_id="get_message_prompt", responses=PromptSerializer, tags=["chat"])
    def get(self, request: Request, message_id: str) -> Response:
        """The prompt a reply was written from: every block with its exact text and tokens, what
        was cut and why, and which lorebook entries spoke or did not."""
        found = prompts.inspect(user=user_of(request), message_uid=message_id)
        return Response(PromptSerializer(found).data)


class ReceiptView(APIView):
    @extend_schema(
        operation_id="get_message_receipt", responses=MessageReceiptSerializer, tags=["chat"]
    )
    def get(self, request: Request, message_id: str) -> Response:
        """What a reply cost: input, cached and output tokens × multipliers, exact. A reply that
        was continued has a receipt for each turn."""
        found = receipts.receipt_of(user_of(request), message_id)
        return Response(MessageReceiptSerializer(found).data)
