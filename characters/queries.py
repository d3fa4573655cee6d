"""Reads of characters. Every one begins with who asks."""

import unicodedata

from django.db.models import Q, QuerySet
from django.db.models.functions import Upper

from accounts.models import User
from catalog.models import Project
from characters.models import Character
from core.errors import NotFound
from core.prepared import Select

NAMESAKES_MOST = 50
IDENTITY = ("project_ptr_id", "uid", "name", "nickname", "owner_id", "visibility", "number")
"""What a turn needs to know of a character; its texts come from `characters.spoken`."""


def owned_by(user: User) -> QuerySet[Character]:
    """One's own characters that are not in the trash."""
    return Character.objects.filter(owner=user, trashed_at=None).select_related("owner")


def visible_to(user: User) -> QuerySet[Character]:
    """What this person may talk to: their own, and what others made public or unlisted."""
    shared = Q(visibility__in=(Project.Visibility.PUBLIC, Project.Visibility.UNLISTED))
    return Character.objects.filter(Q(owner=user) | shared, trashed_at=None)


def listed_for(user: User) -> QuerySet[Character]:
    """What a listing shows this person: their own and what is public."""
    public = Q(visibility=Project.Visibility.PUBLIC)
    return Character.objects.filter(Q(owner=user) | public, trashed_at=None)


def _listed_as(user: int, name: str) -> QuerySet[Character]:
    public = Q(visibility=Project.Visibility.PUBLIC)
    rows = Character.objects.alias(shouted=Upper("name")).filter(shouted=name, trashed_at=None)
    return rows.filter(Q(owner_id=user) | public).only(*IDENTITY)[:NAMESAKES_MOST]


_named: Select[Character] = Select(_listed_as, user=int, name=str)


def named(user: User, name: str) -> list[Character]:
    """Characters of this display name, whatever its case, among one's own and the public ones."""
    text = unicodedata.normalize("NFC", " ".join(name.split()))
    if not text.isascii():
        return _named_in_any_script(user, text)
    return _named.all(user=user.pk, name=text.upper())


def _named_in_any_script(user: User, name: str) -> list[Character]:
    """SQLite ignores case in ASCII alone, so the usual ways of writing are asked for by name."""
    ways = {name, name.lower(), name.upper(), name.title(), name.capitalize()}
    same = Q(name__iexact=name) | Q(name__in=ways)
    return list(listed_for(user).filter(same)[:NAMESAKES_MOST])


def with_short_id(user: User, short: str) -> QuerySet[Character]:
    return visible_to(user).filter(uid__endswith=short)


def get_visible(user: User, uid: str) -> Character:
    character = visible_to(user).select_related("owner").filter(uid=uid).first()
    if character is None:
        raise NotFound("There is no such character.", code="character_not_found")
    return character


def get_by_any_id(user: User, text: str) -> Character:
    """A character this person may talk to, by its uid or number, with or without `character_`."""
    name = text.removeprefix("character_")
    if name.isascii() and name.isdecimal():
        found = visible_to(user).filter(pk=min(int(name[:20]), 2**62)).first()
    else:
        found = visible_to(user).filter(uid=name).first()
    if found is None:
        raise NotFound("There is no such character.", code="character_not_found")
    return found


def get_owned(user: User, uid: str) -> Character:
    character = owned_by(user).filter(uid=uid).first()
    if character is None:
        raise NotFound("There is no such character.", code="character_not_found")
    return character
