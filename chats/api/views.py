"""The resource API's views of turns and of the trash."""

from asgiref.sync import async_to_sync
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import user_of
from chats import prompts, queries, services, turns
from chats.api.serializers import (
    PromptSerializer,
    RestoredSerializer,
    StoppedSerializer,
    TrashSerializer,
    TurnSerializer,
)


class TurnView(APIView):
    @extend_schema(operation_id="get_turn", responses=TurnSerializer, tags=["chat"])
    def get(self, request: Request, turn_id: str) -> Response:
        """How a turn stands or ended."""
        return Response(TurnSerializer(queries.get_turn(user_of(request), turn_id)).data)


class StopView(APIView):
    @extend_schema(
        operation_id="stop_turn", request=None, responses=StoppedSerializer, tags=["chat"]
    )
    def post(self, request: Request, turn_id: str) -> Response:
        """Stop a reply, from any device. What was written so far is kept."""
        turn = queries.get_turn(user_of(request), turn_id)
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
