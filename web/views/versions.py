"""Versions of a character: their list, what changed between two, and going back to one."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from characters import services, versions
from characters.changes import label_of, told
from characters.models import Character, CharacterVersion
from characters.queries import get_owned
from chats import queries as chat_queries
from core.errors import NotFound
from web.gate import MemberRequest, member

PAGE_SIZE = 20


@require_safe
@member
def versions_of(request: MemberRequest, uid: str) -> HttpResponse:
    character = get_owned(request.user, uid)
    paged = Paginator(character.versions.all(), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": "character-versions",
        "character": character,
        "paged": paged,
        "rows": _rows(character, list(paged), _holding(request.user, character)),
        "numbers": _numbers(character),
    }
    return render(request, "characters/versions.html", context)


def _numbers(character: Character) -> list[int]:
    return list(character.versions.values_list("number", flat=True))


def _holding(user: User, character: Character) -> dict[int, int]:
    """How many of this person's chats hold to each version."""
    chats = chat_queries.owned_by(user).filter(character=character, character_number__gt=0)
    counted = chats.order_by().values_list("character_number").annotate(count=Count("pk"))
    return dict(counted)


def _rows(
    character: Character, shown: list[CharacterVersion], holding: dict[int, int]
) -> list[dict[str, Any]]:
    """Each version with the one before it, which says what it changed."""
    if not shown:
        return []
    older = character.versions.filter(number__lt=shown[-1].number).first()
    before = [*shown[1:], older]
    return [
        {
            "version": version,
            "is_current": version.number == character.number,
            "before": previous.number if previous else None,
            "changed": _changed(previous, version) if previous else [],
            "chats": holding.get(version.number, 0),
        }
        for version, previous in zip(shown, before, strict=True)
    ]


def _changed(older: CharacterVersion, newer: CharacterVersion) -> list[str]:
    return [label_of(name) for name, _, _ in versions.differences(older.card, newer.card)]


@require_safe
@member
def compare(request: MemberRequest, uid: str) -> HttpResponse:
    """What changed from the version `?older=` to the version `?newer=`, field by field."""
    character = get_owned(request.user, uid)
    older = _version(character, request.GET.get("older", ""))
    newer = _version(character, request.GET.get("newer", ""))
    context = {
        "page": "character-versions",
        "character": character,
        "older": older,
        "newer": newer,
        "changes": [told(*found) for found in versions.differences(older.card, newer.card)],
        "numbers": _numbers(character),
    }
    return render(request, "characters/compare.html", context)


def _version(character: Character, number: str) -> CharacterVersion:
    is_number = number.isascii() and number.isdecimal() and len(number) <= 9  # noqa: PLR2004
    found = versions.get(character, int(number)) if is_number else None
    if found is None:
        raise NotFound("There is no such version.", code="version_not_found")
    return found


@require_POST
@member
def restore(request: MemberRequest, uid: str, number: int) -> HttpResponse:
    character = get_owned(request.user, uid)
    services.restore_version(character=character, number=number)
    told_so = f"{character.name} is as in version {number} again. That is version "
    messages.success(request, f"{told_so}{character.number}.")
    return redirect("character-versions", uid)
