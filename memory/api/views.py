"""The resource API's views of memories and notebooks.

Memories know of characters and chats by uid only; `notebook_of` finds the notebook that a
request means. What it needs is given with the addresses.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from django.db import transaction
from django.db.models import prefetch_related_objects
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from accounts.api.authentication import user_of
from accounts.models import User
from core.errors import Invalid
from memory import queries, services
from memory.api.serializers import (
    ForgettingSerializer,
    ManyChangedSerializer,
    ManyMemoriesSerializer,
    MemoryChangeSerializer,
    MemoryDetailSerializer,
    MemoryListSerializer,
    MemoryQuerySerializer,
    NewMemorySerializer,
    NotebookChangeSerializer,
    NotebookSerializer,
    PlaceSerializer,
)
from memory.models import Memory, Notebook
from memory.queries import Contents

_PERSON: Final = str(Memory.Author.PERSON)


class NotebookOf(Protocol):
    """Finds a person's notebook. Raises NotFound, and Invalid if neither uid is given."""

    def __call__(self, user: User, *, character: str = "", chat: str = "") -> Notebook: ...


def asked(kind: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    """What a request says, checked."""
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    found: dict[str, Any] = serializer.validated_data
    return found


def _place(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: given[name] for name in ("character", "chat") if name in given}


def _shape(held: Contents, memories: Iterable[Memory]) -> dict[str, Any]:
    """The context of serializers; sources are read for all of these at once."""
    prefetch_related_objects(list(memories), "sources")
    return {"standing": held.standing}


def told(memory: Memory) -> Response:
    """A memory as it is now, with its history."""
    held = queries.contents(memory.notebook_id)
    memory = held.memories[memory.uid]
    family = held.family(memory)
    context = {**_shape(held, family), "family": family}
    return Response(MemoryDetailSerializer(memory, context=context).data)


class _NotebookView(APIView):
    notebook_of: Any = None

    def notebook(self, request: Request, given: Mapping[str, Any]) -> Notebook:
        find: NotebookOf = self.notebook_of
        return find(user_of(request), **_place(given))


class MemoriesView(_NotebookView):
    @extend_schema(
        operation_id="list_memories",
        parameters=[MemoryQuerySerializer],
        responses=MemoryListSerializer,
        tags=["memory"],
    )
    def get(self, request: Request) -> Response:
        """What a character remembers of the caller, the newest first."""
        given = asked(MemoryQuerySerializer, request.query_params)
        held = queries.contents(self.notebook(request, given).uid)
        found = held.matching(
            status=given.get("status", ""), text=given.get("q", ""), chat=given.get("chat", "")
        )
        after = given.get("cursor")
        rest = [row for row in found if after is None or row.uid < after]
        page = rest[: given["limit"]]
        body = {
            "memories": page,
            "count": len(found),
            "next_cursor": page[-1].uid if len(rest) > len(page) else None,
        }
        return Response(MemoryListSerializer(body, context=_shape(held, page)).data)

    @extend_schema(
        operation_id="create_memory",
        request=NewMemorySerializer,
        responses=MemoryDetailSerializer,
        tags=["memory"],
    )
    def post(self, request: Request) -> Response:
        """Tell a character something. What says the same as one it knows is that one."""
        given = asked(NewMemorySerializer, request.data)
        notebook = self.notebook(request, given)
        with transaction.atomic():
            memory = services.remember(
                notebook,
                given["text"],
                author=_PERSON,
                scope=given["scope"],
                chat=given.get("chat", ""),
                importance=given["importance"],
            )
            if given["pinned"]:
                services.set_pinned(memory, True)
        return told(memory)


class ManyMemoriesView(_NotebookView):
    @extend_schema(
        operation_id="change_memories",
        request=ManyMemoriesSerializer,
        responses=ManyChangedSerializer,
        tags=["memory"],
    )
    def post(self, request: Request) -> Response:
        """Approve, reject or forget several memories of one notebook. Others are left alone."""
        given = asked(ManyMemoriesSerializer, request.data)
        notebook = self.notebook(request, given)
        uids: list[str] | None = given.get("memories")
        if given["action"] == "approve":
            count = services.approve_all(notebook, uids)
        elif given["action"] == "reject":
            count = services.reject_all(notebook, uids)
        elif uids is None:
            raise Invalid("Say which memories are to be forgotten.", param="memories")
        else:
            count = services.forget_all(notebook, uids)
        return Response({"changed": count})


class NotebookView(_NotebookView):
    @extend_schema(
        operation_id="get_notebook",
        parameters=[PlaceSerializer],
        responses=NotebookSerializer,
        tags=["memory"],
    )
    def get(self, request: Request) -> Response:
        """Whether a character remembers and sums up, and whether the caller approves first."""
        given = asked(PlaceSerializer, request.query_params)
        return _settings(request, self.notebook(request, given))

    @extend_schema(
        operation_id="change_notebook",
        request=NotebookChangeSerializer,
        responses=NotebookSerializer,
        tags=["memory"],
    )
    def patch(self, request: Request) -> Response:
        """Change the switches that are sent. What is known already stays."""
        given = asked(NotebookChangeSerializer, request.data)
        notebook = self.notebook(request, given)
        with transaction.atomic():
            notebook = services.set_switches(
                notebook, remembers=given.get("remembers"), summarises=given.get("summarises")
            )
            if "approve_first" in given:
                services.set_approval(user_of(request), given["approve_first"])
        return _settings(request, notebook)


def _settings(request: Request, notebook: Notebook) -> Response:
    context = {"approve_first": queries.asks_first(user_of(request))}
    return Response(NotebookSerializer(notebook, context=context).data)


class MemoryView(APIView):
    @extend_schema(operation_id="get_memory", responses=MemoryDetailSerializer, tags=["memory"])
    def get(self, request: Request, memory_id: str) -> Response:
        """One memory: how it stands, which messages taught it, and what came before and after."""
        return told(queries.get_memory(user_of(request), memory_id))

    @extend_schema(
        operation_id="change_memory",
        request=MemoryChangeSerializer,
        responses=MemoryDetailSerializer,
        tags=["memory"],
    )
    def patch(self, request: Request, memory_id: str) -> Response:
        """Change what is sent. With another text, the answer is the memory that supersedes it."""
        given = asked(MemoryChangeSerializer, request.data)
        memory = queries.get_memory(user_of(request), memory_id)
        with transaction.atomic():
            if "text" in given:
                memory = services.correct(memory, given["text"], author=_PERSON)
            if "importance" in given:
                services.set_importance(memory, given["importance"])
            if "pinned" in given:
                services.set_pinned(memory, given["pinned"])
        return told(memory)

    @extend_schema(
        operation_id="forget_memory",
        parameters=[ForgettingSerializer],
        responses={204: None},
        tags=["memory"],
    )
    def delete(self, request: Request, memory_id: str) -> Response:
        """Forget a memory: undo brings it back for 30 days, unless it is forgotten for good."""
        given = asked(ForgettingSerializer, request.query_params)
        memory = queries.get_memory(user_of(request), memory_id)
        if given["for_good"]:
            services.erase(memory)
        else:
            services.forget(memory, author=_PERSON)
        return Response(status=204)


class ApproveView(APIView):
    @extend_schema(
        operation_id="approve_memory",
        request=None,
        responses=MemoryDetailSerializer,
        tags=["memory"],
    )
    def post(self, request: Request, memory_id: str) -> Response:
        """Let a memory that waits for approval count."""
        return told(services.approve(queries.get_memory(user_of(request), memory_id)))


class RejectView(APIView):
    @extend_schema(
        operation_id="reject_memory",
        request=None,
        responses=MemoryDetailSerializer,
        tags=["memory"],
    )
    def post(self, request: Request, memory_id: str) -> Response:
        """Refuse a memory that waits for approval."""
        return told(services.reject(queries.get_memory(user_of(request), memory_id)))


class UndoView(APIView):
    @extend_schema(
        operation_id="undo_memory",
        request=None,
        responses=MemoryDetailSerializer,
        tags=["memory"],
    )
    def post(self, request: Request, memory_id: str) -> Response:
        """Take back the newest decision: forgetting, rejecting, or correcting."""
        return told(services.undo(queries.get_memory(user_of(request), memory_id)))
