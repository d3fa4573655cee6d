"""What the rules of a verdict mean, in a sentence for people. Pure."""

from typing import Final

from lore.outcome import Verdict
from lore.sight import NOTE, RECURSION, Where

_SOURCES: Final = {
    "persona_description": "the persona's description",
    "character_description": "the character's description",
    "character_personality": "the character's personality",
    "character_depth_prompt": "the character's note",
    "scenario": "the situation",
    "creator_notes": "the creator's notes",
    NOTE: "a note",
    RECURSION: "the text of another entry",
}
_REASONS: Final = {
    "key": "“{key}” is in {where}.",
    "constant": "It is always in play.",
    "activate": "Its decorator @@activate calls it up.",
    "keep_activate_after_match": "It was called up before and stays (@@keep_activate_after_match).",
    "vectorized": "It was found by meaning, score {score}.",
    "sticky": "It is still in play from an earlier message (sticky).",
    "disabled": "It is turned off.",
    "trigger": "It is not for this kind of reply.",
    "character_filter": "It is not for this character.",
    "delay": "The chat is still shorter than its delay.",
    "cooldown": "It is resting after its last use (cooldown).",
    "dont_activate_after_match": "It has spoken once and is done (@@dont_activate_after_match).",
    "delay_until_recursion": "It answers only to the texts of other entries.",
    "exclude_recursion": "It does not answer to the texts of other entries.",
    "dont_activate": "Its decorator @@dont_activate keeps it out.",
    "condition": "A condition in its decorators does not hold.",
    "no_key": "None of its keys was found.",
    "keyless": "It has no keys and is not set to be always in play.",
    "exclude_keys": "“{key}” is in {where}, but so is a key that keeps it out.",
    "additional_keys": "“{key}” is in {where}, but a further key it needs was not found.",
    "secondary_keys": "“{key}” is in {where}, but its secondary keys do not allow it.",
    "group_taken": "Another entry of its group is in play already.",
    "group_lost": "Another entry of its group was chosen.",
    "group_sticky": "An entry of its group that stays in play has its place.",
    "group_score": "Another entry of its group matched more keys.",
    "probability": "The dice were against it.",
    "budget": "The budget was used up before it.",
    "book_budget": "The budget of its lorebook has no room for it.",
}


def why(verdict: Verdict) -> str:
    """The sentence for a verdict."""
    words = _REASONS.get(verdict.rule, verdict.rule)
    where = where_in_words(verdict.where)
    return words.format(key=verdict.key, where=where, score=verdict.score)


def where_in_words(where: Where | None) -> str:
    if where is None:
        return "the text"
    if where.message is None:
        return _SOURCES.get(where.source, where.source)
    return "the newest message" if where.message == 0 else f"message {where.message + 1} from below"
