"""Making, changing, importing and deleting characters and their scenarios."""

import unicodedata
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from PIL.Image import Image

from accounts.models import User
from catalog.models import Project
from catalog.services import set_tags
from characters import cards, portraits, versions
from characters.cards import Card, Note
from characters.cards.mending import SHORT_CHARS_MOST, SHORT_FIELDS
from characters.models import CardOriginal, Character, Scenario
from core import pictures
from core.errors import Invalid, NotFound
from core.text import clean
from engine.tokens import default_counter

TEXT_CHARS_MOST: Final = 400_000
TEXT_FIELDS: Final = ("tagline", *cards.TEXT_FIELDS)
_SHORT_FIELDS: Final = dict.fromkeys(("tagline", *SHORT_FIELDS), SHORT_CHARS_MOST)
_TEXT_LISTS: Final = ("alternate_greetings", "group_only_greetings", "source")
_HUES: Final = range(360)
_PLAIN_FIELDS: Final = (
    "creator_notes_multilingual",
    "alternate_greetings",
    "group_only_greetings",
    "character_book",
    "assets",
    "source",
    "creation_date",
    "modification_date",
    "extensions",
    "unknown",
    "nsfw",
    "visibility",
    "hue",
)
_NOT_IN_CARDS: Final = ("nsfw", "visibility", "hue")
_COUNTED: Final = (
    "description",
    "personality",
    "scenario",
    "system_prompt",
    "post_history_instructions",
    "mes_example",
    "first_mes",
)


def create_character(
    *, owner: User, name: str, tags: Iterable[str] = (), picture: bytes | None = None, **given: Any
) -> Character:
    """A new character. Fields are named as in the table. Raises Invalid; then nothing changed."""
    portrait = pictures.read_picture(picture) if picture else None
    character = _draft(owner, {"name": name, **given}, tags, portrait)
    _save(character)
    return character


def _draft(
    owner: User, given: dict[str, Any], tags: Iterable[str], portrait: Image | None
) -> Character:
    """A character that is not stored yet. Painting is slow, so no transaction waits for it."""
    character = Character(owner=owner, card_tags=list(tags))
    _apply(character, given)
    if portrait is None:
        if "hue" not in given:
            character.hue = pictures.hue_of_name(character.name)
        portrait = portraits.paint(character.name, character.hue)
    else:
        character.hue = pictures.hue_of(portrait)
    character.avatar = pictures.store(portrait)
    return character


def _save(character: Character) -> None:
    with transaction.atomic():
        character.save()
        set_tags(character, character.card_tags)
        versions.keep(character)


def update_character(
    *,
    character: Character,
    tags: Iterable[str] | None = None,
    picture: bytes | None = None,
    **given: Any,
) -> Character:
    """Change the given fields and no others. Raises Invalid; then nothing changed."""
    portrait = pictures.read_picture(picture) if picture else None
    _apply(character, given)
    if portrait is not None:
        character.hue = pictures.hue_of(portrait)
        character.avatar = pictures.store(portrait)
    with transaction.atomic():
        if tags is not None:
            character.card_tags = list(tags)
            set_tags(character, character.card_tags)
        versions.renumber(character)
        character.save()
    return character


def _apply(character: Character, given: dict[str, Any]) -> None:
    for field, value in given.items():
        if field == "name":
            character.name = _name(value)
        elif field in TEXT_FIELDS:
            setattr(character, field, _text(field, value))
        elif field in _PLAIN_FIELDS:
            setattr(character, field, _checked(field, value))
        else:
            raise Invalid(f"A character has no field {field}.", param=field)
    character.token_count = count_tokens(character)


def _checked(field: str, value: Any) -> Any:
    if field == "visibility" and value not in Project.Visibility.values:
        raise Invalid("Visibility is private, unlisted or public.", param=field)
    if field == "hue" and value not in _HUES:
        raise Invalid("A hue is a whole number from 0 to 359.", param=field)
    if field in _TEXT_LISTS:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise Invalid(f"`{field}` is a list of texts.", param=field)
        return [clean(item) for item in value]
    return value


def _name(value: str) -> str:
    name = unicodedata.normalize("NFC", " ".join(clean(value).split()))
    if not name:
        raise Invalid("A character needs a name.", param="name")
    return name[: cards.NAME_CHARS_MOST]


def _text(field: str, value: str) -> str:
    text = clean(value)
    most = _SHORT_FIELDS.get(field, TEXT_CHARS_MOST)
    if len(text) > most:
        raise Invalid(f"`{field}` has {len(text)} characters; {most} is the most.", param=field)
    return text


def count_tokens(character: Character) -> int:
    """Tokens of everything that goes into prompts for this character by itself."""
    counter = default_counter()
    return sum(counter.count(getattr(character, field)) for field in _COUNTED)


def import_card(*, owner: User, data: bytes, filename: str = "") -> Character:
    """A new character from a card's file, whose bytes are kept. Raises Invalid.

    A namesake is never replaced: importing twice makes two.
    """
    return store_card(
        owner=owner, card=cards.read_card(data, filename), data=data, filename=filename
    )


def store_card(*, owner: User, card: Card, data: bytes, filename: str = "") -> Character:
    """A new character from a card that was read. Adds to its notes what storing it mended.

    The notes also tell of namesakes, which stay as they are.
    """
    _note_namesakes(owner, card, data)
    names = ("name", *cards.TEXT_FIELDS, *_PLAIN_FIELDS)
    given = {field: getattr(card, field) for field in names if field not in _NOT_IN_CARDS}
    character = _draft(owner, given, card.tags, _portrait_in(card))
    with transaction.atomic():
        _save(character)
        CardOriginal.objects.create(
            character=character,
            filename=clean(Path(filename).name)[:255],
            media_type=card.media_type,
            sha256=sha256(data).hexdigest(),
            data=data,
            number=character.number,
            avatar=character.avatar,
        )
    return character


def _note_namesakes(owner: User, card: Card, data: bytes) -> None:
    same = Character.objects.filter(owner=owner, trashed_at=None)
    if same.filter(original__sha256=sha256(data).hexdigest()).exists():
        told = "You imported this very file before; that character stays, and this is another."
        card.notes.append(Note("read", told))
    elif same.filter(name=card.name).exists():
        told = f"You have {card.name} already, who stays; this is another of the same name."
        card.notes.append(Note("read", told))


def _portrait_in(card: Card) -> Image | None:
    if card.picture is None:
        return None
    try:
        return pictures.read_picture(card.picture)
    except Invalid:
        told = "The picture cannot be decoded; a portrait was painted instead."
        card.notes.append(Note("repaired", told))
        return None


def restore_version(*, character: Character, number: int) -> Character:
    """Make the character say again what a version of it said, as a new version.

    What cards do not hold (portrait, listing) stays. Raises NotFound without such a version, and
    Invalid if the character says the same already.
    """
    version = versions.get(character, number)
    if version is None:
        raise NotFound("There is no such version.", code="version_not_found")
    given = versions.fields_of(version.card)
    tags = given.pop("tags")
    _apply(character, given)
    character.card_tags = tags
    with transaction.atomic():
        set_tags(character, tags)
        if not versions.renumber(character, f"Version {number} restored"):
            raise Invalid(
                f"The character is as it was in version {number} already.", code="same_version"
            )
        character.save()
    return character


def trash_character(*, character: Character) -> None:
    """Move a character to the trash. Its chats stay and can be read."""
    Project.objects.filter(pk=character.pk, trashed_at=None).update(trashed_at=timezone.now())


def restore_character(*, character: Character) -> None:
    Project.objects.filter(pk=character.pk).update(trashed_at=None)


def create_scenario(
    *, character: Character, title: str, context: str = "", greeting: str = ""
) -> Scenario:
    """A new scenario at the end of the character's list. Raises Invalid."""
    return Scenario.objects.create(
        character=character,
        title=_title(title),
        context=_text("context", context),
        greeting=_text("greeting", greeting),
        position=character.scenarios.count(),
    )


def update_scenario(
    *, scenario: Scenario, title: str, context: str = "", greeting: str = ""
) -> Scenario:
    scenario.title = _title(title)
    scenario.context = _text("context", context)
    scenario.greeting = _text("greeting", greeting)
    scenario.save(update_fields=["title", "context", "greeting"])
    return scenario


def delete_scenario(*, scenario: Scenario) -> None:
    """Delete a scenario. Chats under it go on without its context."""
    scenario.delete()


def _title(value: str) -> str:
    title = " ".join(clean(value).split())
    if not title:
        raise Invalid("A scenario needs a title.", param="title")
    return title[:120]
