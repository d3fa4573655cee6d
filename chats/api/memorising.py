"""The resource API's views of what jobs write of a chat: asking for it, and how far it is."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import key_of, user_of
from billing.limits.terms import for_key
from chats import memorising
from core.errors import Forbidden


class MemoryJobSerializer(serializers.Serializer[Any]):
    """The newest job of one kind on a chat: `done` of `total` steps.

    `kind` is extract or summarise, `state` queued, running, done or failed.
    """

    kind = serializers.CharField()
    state = serializers.CharField()
    done = serializers.IntegerField(min_value=0)
    total = serializers.IntegerField(min_value=0)
    note = serializers.CharField(allow_blank=True)
    error = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()


def _answer(request: Request, session_id: str) -> Response:
    found = memorising.progress(user_of(request), session_id)
    return Response(MemoryJobSerializer(found, many=True).data)


def _check_payer(request: Request) -> None:
    """Jobs cost the person, whatever key asked for them: one with a budget asks for none."""
    if for_key(key_of(request)).has_budget:
        raise Forbidden(
            "What jobs write is paid by your account, which this key's budget would not count."
            " Use a key without a budget, or the website.",
            code="key_has_budget",
        )


class JobsView(APIView):
    @extend_schema(
        operation_id="list_memory_jobs", responses=MemoryJobSerializer(many=True), tags=["memory"]
    )
    def get(self, request: Request, session_id: str) -> Response:
        """How reading and summing up a chat stand."""
        return _answer(request, session_id)


class ReadView(APIView):
    @extend_schema(
        operation_id="read_chat_for_memories",
        request=None,
        responses=MemoryJobSerializer(many=True),
        tags=["memory"],
    )
    def post(self, request: Request, session_id: str) -> Response:
        """Read everything of a chat that was not read yet for memories, now."""
        _check_payer(request)
        memorising.read_now(user_of(request), session_id)
        return _answer(request, session_id)


class SumUpView(APIView):
    @extend_schema(
        operation_id="summarise_chat",
        request=None,
        responses=MemoryJobSerializer(many=True),
        tags=["memory"],
    )
    def post(self, request: Request, session_id: str) -> Response:
        """Sum up a chat anew, all but its newest messages. What is pinned or edited stays."""
        _check_payer(request)
        memorising.rebuild(user_of(request), session_id)
        return _answer(request, session_id)


class RegenerateView(APIView):
    @extend_schema(
        operation_id="regenerate_summary",
        request=None,
        responses=MemoryJobSerializer(many=True),
        tags=["memory"],
    )
    def post(self, request: Request, summary_id: str) -> Response:
        """Write one summary anew, and those that were made of it."""
        _check_payer(request)
        summary = memorising.regenerate(user_of(request), summary_id)
        return _answer(request, summary.chat)
