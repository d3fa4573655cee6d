"""What people who are not signed in may read, in one place with those who are."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from accounts.models import User
from catalog.models import Project
from characters import queries
from characters.models import Character
from core.errors import NotFound

Reader = User | AnonymousUser


def listed_for(reader: Reader) -> QuerySet[Character]:
    """The characters that Discover shows: everything public, and one's own."""
    if reader.is_authenticated:
        return queries.listed_for(reader)
    return _open_to_all(Project.Visibility.PUBLIC)


def get_readable(reader: Reader, uid: str) -> Character:
    """A character that may be read by this address. Raises NotFound."""
    if reader.is_authenticated:
        return queries.get_visible(reader, uid)
    shared = _open_to_all(Project.Visibility.PUBLIC, Project.Visibility.UNLISTED)
    character = shared.filter(uid=uid).first()
    if character is None:
        raise NotFound("There is no such character.", code="character_not_found")
    return character


def _open_to_all(*visibilities: str) -> QuerySet[Character]:
    return Character.objects.filter(visibility__in=visibilities, trashed_at=None)
