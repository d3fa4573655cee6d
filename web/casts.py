"""A character as a lorebook's dry run needs it: names, tags and the texts entries may see."""

from accounts.models import User
from characters.models import Character
from characters.queries import visible_to
from core.errors import NotFound
from lore.dryrun import Cast


def cast_of(user: User, character_id: str) -> Cast:
    """The cast with a character that this person may read, by number or uid. Raises NotFound."""
    key = "pk" if character_id.isascii() and character_id.isdigit() else "uid"
    is_possible = key == "uid" or len(character_id) < 19  # noqa: PLR2004 - what integers hold
    rows = visible_to(user).prefetch_related("tags")
    character = rows.filter(**{key: character_id}).first() if is_possible else None
    if character is None:
        raise NotFound("There is no such character.", code="character_not_found")
    return Cast(
        char=character.spoken_name,
        user=user.name,
        tags=frozenset(tag.name for tag in character.tags.all()) | frozenset(character.card_tags),
        sources=_sources(character),
    )


def _sources(character: Character) -> dict[str, str]:
    note = character.extensions.get("depth_prompt")
    prompt = note.get("prompt") if isinstance(note, dict) else ""
    return {
        "character_description": character.description,
        "character_personality": character.personality,
        "character_depth_prompt": prompt if isinstance(prompt, str) else "",
        "scenario": character.scenario,
        "creator_notes": character.creator_notes,
    }
