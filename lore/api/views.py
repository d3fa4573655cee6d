"""The resource API's views of lorebooks."""

from collections.abc import Callable, Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from msgspec.structs import replace
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from accounts.api.authentication import user_of
from accounts.models import Scope, User
from catalog.models import Project
from core.errors import Conflict, Invalid, NotFound
from lore import dryrun, editing, queries, services
from lore.api.outcome import outcome
from lore.api.serializers import (
    CreatedSerializer,
    DryRunResultSerializer,
    DryRunSerializer,
    LorebookChangeSerializer,
    LorebookSerializer,
    NewLorebookSerializer,
    described,
)
from lore.dryrun import Cast
from lore.models import Lorebook
from lore.scene import Said, settings_with
from lore.services import book_of
from lore.values import Book, Entry

CastOf = Callable[[User, str], Cast]
_ID = OpenApiParameter("lorebook_id", str, OpenApiParameter.PATH, description="Number or uid.")
_LISTING = ("description", "tagline", "nsfw")


def _given(kind: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    given: dict[str, Any] = serializer.validated_data
    return given


def _uid(lorebook_id: str) -> str:
    """The uid behind a number or a uid; "" if there is none."""
    if len(lorebook_id) < 20 and lorebook_id.isascii() and lorebook_id.isdigit():  # noqa: PLR2004
        number = int(lorebook_id)
        found = Lorebook.objects.filter(pk=number).values_list("uid", flat=True).first()
        return found or ""
    return lorebook_id


class LorebooksView(APIView):
    @extend_schema(
        operation_id="create_lorebook",
        request=NewLorebookSerializer,
        responses=CreatedSerializer,
        tags=["lorebook"],
    )
    def post(self, request: Request) -> Response:
        """Make a lorebook."""
        given = _given(NewLorebookSerializer, request)
        book = _book(Book(name=given["name"]), given)
        lorebook = services.create_lorebook(
            owner=user_of(request), name=given["name"], book=book, **_listing(given)
        )
        return Response(CreatedSerializer(lorebook).data)


class LorebookView(APIView):
    @extend_schema(
        operation_id="get_lorebook",
        parameters=[_ID],
        responses=LorebookSerializer,
        tags=["lorebook"],
    )
    def get(self, request: Request, lorebook_id: str) -> Response:
        """One's own lorebook, or one that somebody shares, with its entries."""
        lorebook = queries.get_visible(user_of(request), _uid(lorebook_id))
        return Response(described(lorebook, book_of(lorebook)))

    @extend_schema(
        operation_id="update_lorebook",
        parameters=[_ID],
        request=LorebookChangeSerializer,
        responses=LorebookSerializer,
        tags=["lorebook"],
    )
    def put(self, request: Request, lorebook_id: str) -> Response:
        """Change what is given and leave the rest. The book before the change can be had back."""
        lorebook = queries.get_owned(user_of(request), _uid(lorebook_id))
        given = _given(LorebookChangeSerializer, request)
        if given.get("version", lorebook.number) != lorebook.number:
            raise Conflict(
                f"The lorebook is at version {lorebook.number} by now.", code="lorebook_changed"
            )
        saved = services.update_lorebook(
            lorebook=lorebook,
            number=lorebook.number,
            book=_book(book_of(lorebook), given),
            name=given.get("name", lorebook.name),
            **_listing(given),
        )
        return Response(described(saved, book_of(saved)))

    @extend_schema(
        operation_id="delete_lorebook", parameters=[_ID], responses={204: None}, tags=["lorebook"]
    )
    def delete(self, request: Request, lorebook_id: str) -> Response:
        """Move a lorebook to the trash. It applies nowhere from then on."""
        services.trash_lorebook(lorebook=queries.get_owned(user_of(request), _uid(lorebook_id)))
        return Response(status=204)


class DryRunView(APIView):
    """`cast_of` finds the character of a request; characters are not this app's to know."""

    scopes = (Scope.READ,)
    cast_of: Any = None

    @extend_schema(
        operation_id="test_lorebook",
        parameters=[_ID],
        request=DryRunSerializer,
        responses=DryRunResultSerializer,
        tags=["lorebook"],
    )
    def post(self, request: Request, lorebook_id: str) -> Response:
        """Say which entries a text would call up, and why or why not. Changes nothing."""
        user = user_of(request)
        lorebook = queries.get_visible(user, _uid(lorebook_id))
        given = _given(DryRunSerializer, request)
        cast = self._cast(user, given.get("character_id", ""))
        settings = settings_with(queries.settings_of(user), given.get("settings", {}))
        book = queries.compiled(lorebook.uid, lorebook.number)
        found = dryrun.dry_run(
            book, settings, _messages(given, cast), cast, seed=given.get("seed", "")
        )
        return Response(outcome(found, book))

    def _cast(self, user: User, character_id: str) -> Cast:
        if not character_id:
            return Cast(user=user.name)
        if self.cast_of is None:
            raise NotFound("There is no such character.", code="character_not_found")
        cast: Cast = self.cast_of(user, character_id)
        return cast


def _listing(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a listing shows, as the services take it."""
    listing = {name: given[name] for name in ("tags", *_LISTING) if name in given}
    if "public" in given:
        shown = Project.Visibility.PUBLIC if given["public"] else Project.Visibility.PRIVATE
        listing["visibility"] = shown
    return listing


def _book(book: Book, given: Mapping[str, Any]) -> Book:
    """The book with what is given in its place. Raises Invalid."""
    values = {name: given[name] for name in editing.BOOK_FIELDS if name in given}
    book = editing.change_book(book, values)
    if "entries" not in given:
        return book
    known = {entry.uid: entry for entry in book.entries}
    spare = max([*known, *(said.get("uid", -1) for said in given["entries"]), -1]) + 1
    entries: list[Entry] = []
    for place, said in enumerate(given["entries"]):
        uid = said.pop("uid", spare + place)
        entries.append(_entry(known.get(uid) or Entry(uid=uid), said, place))
    if len({entry.uid for entry in entries}) < len(entries):
        raise Invalid("Two entries have the same uid.", code="uid_twice", param="entries")
    return replace(book, entries=tuple(entries))


def _entry(entry: Entry, values: Mapping[str, Any], place: int) -> Entry:
    try:
        return replace(editing.changed(entry, values), display_index=place)
    except Invalid as error:
        param = f"entries.{place}.{error.param}"
        raise Invalid(f"Entry {place}: {error.message}", code=error.code, param=param) from error


def _messages(given: Mapping[str, Any], cast: Cast) -> tuple[Said, ...]:
    """What is to be scanned. Raises Invalid."""
    if "messages" not in given:
        return dryrun.said_in(given.get("text", ""), cast.char)
    chars = sum(len(said["content"]) for said in given["messages"])
    if chars > dryrun.TEXT_CHARS_MOST:
        raise Invalid(
            f"The messages have more than {dryrun.TEXT_CHARS_MOST:,} characters.", param="messages"
        )
    return tuple(_said(said, cast) for said in given["messages"])


def _said(said: Mapping[str, Any], cast: Cast) -> Said:
    is_reply = said.get("role") == "assistant"
    name = said.get("name") or (cast.char if is_reply else cast.user)
    return Said(name, said["content"], is_reply or (bool(cast.char) and name == cast.char))
