"""What the rules of a verdict mean, in a sentence for people. Pure."""

from typing import Final

ACTIVATED: Final = {
    "key": "One of its keys was found.",
    "constant": "It is always active.",
    "sticky": "It is still active from an earlier message.",
    "activate": "A decorator activates it.",
    "keep_activate_after_match": "It matched before and stays active.",
    "vectorized": "It was found by meaning.",
}
BLOCKED: Final = {
    "disabled": "It is switched off.",
    "trigger": "It is not meant for this kind of reply.",
    "character_filter": "It is not meant for this character.",
    "delay": "The chat is still too short for it.",
    "cooldown": "It is resting after it was active.",
    "dont_activate_after_match": "It matched once and may not again.",
    "delay_until_recursion": "It waits until another entry mentions it.",
    "exclude_recursion": "Other entries cannot call it up.",
    "dont_activate": "A decorator keeps it out.",
    "condition": "A condition of its decorators does not hold.",
    "no_key": "None of its keys was found.",
    "keyless": "It has no keys.",
    "exclude_keys": "A key that excludes it was found.",
    "additional_keys": "A further key that it needs was not found.",
    "secondary_keys": "Its secondary keys do not allow it.",
    "group_lost": "Another entry of its group was chosen.",
    "group_taken": "Its group already has an active entry.",
    "group_sticky": "An entry of its group is still active from an earlier message.",
    "group_score": "Another entry of its group matched more keys.",
    "probability": "The dice decided against it.",
    "budget": "The budget for lore was used up.",
    "book_budget": "The budget of its own lorebook was used up.",
}


def why(rule: str, *, activated: bool) -> str:
    """The sentence for a rule; the rule itself if it is not known."""
    return (ACTIVATED if activated else BLOCKED).get(rule, rule)
