"""A character as a lorebook's dry run needs it: names, tags and the texts entries may see."""

from accounts.models import User
from characters.queries import visible_to
from characters.spoken import spoken
from core.errors import NotFound
from lore.dryrun import Cast


def cast_of(user: User, character_id: str) -> Cast:
    """The cast with a character that this person may read, by number or uid. Raises NotFound."""
    key = "pk" if character_id.isascii() and character_id.isdigit() else "uid"
    is_possible = key == "uid" or len(character_id) < 19  # noqa: PLR2004 - what integers hold
    rows = visible_to(user).filter(**{key: character_id}) if is_possible else None
    character = rows.first() if rows is not None else None
    if character is None:
        raise NotFound("There is no such character.", code="character_not_found")
    voice = spoken(character)
    return Cast(
        char=voice.parts.spoken_name,
        user=user.name,
        called=voice.names,
        tags=voice.tags,
        sources={
            "character_description": voice.parts.description,
            "character_personality": voice.parts.personality,
            "character_depth_prompt": voice.parts.depth_prompt,
            "scenario": voice.parts.scenario,
            "creator_notes": voice.parts.creator_notes,
        },
    )
