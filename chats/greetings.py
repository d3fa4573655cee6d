"""What a character says first."""

from characters.models import Character, Scenario
from engine.macros import expand_names


def of(character: Character, scenario: Scenario | None, user_name: str) -> list[str]:
    """The greetings of a new chat: the scenario's own first, then the character's. Never blank."""
    texts = [character.first_mes, *character.alternate_greetings]
    if scenario is not None and scenario.greeting.strip():
        texts = [scenario.greeting, *texts]
    return [
        expand_names(text, char=character.spoken_name, user=user_name)
        for text in texts
        if isinstance(text, str) and text.strip()
    ]
