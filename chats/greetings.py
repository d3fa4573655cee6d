"""What a character says first."""

from datetime import datetime
from typing import Any, NamedTuple

from characters.models import Scenario
from characters.spoken import Spoken
from chats.state import State
from engine.expander import Expander
from engine.macros import MacroContext
from lore.timed import State as Timed


class Greeting(NamedTuple):
    """One way to begin, and the variables it sets, if any."""

    text: str
    state: dict[str, Any] | None


def of(
    voice: Spoken,
    scenario: Scenario | None,
    *,
    user_name: str,
    now: datetime,
    persona: str = "",
    chat_uid: str = "",
    in_group: bool = False,
) -> list[Greeting]:
    """The greetings of a new chat: the scenario's own first, then the character's. Never blank.

    `in_group` takes the character's greetings for scenes that others are in.
    """
    texts = list(voice.group_greetings if in_group else voice.parts.greetings)
    if scenario is not None and scenario.greeting.strip():
        texts.insert(0, scenario.greeting)
    context = MacroContext(
        char=voice.parts.spoken_name,
        user=user_name,
        persona=persona,
        description=voice.parts.description,
        personality=voice.parts.personality,
        scenario=voice.parts.scenario,
        char_version=voice.parts.version,
        first_messages=voice.parts.greetings,
        now=now,
        seed=chat_uid,
    )
    found = [_expanded(text, context) for text in texts]
    return [greeting for greeting in found if greeting.text.strip()]


def _expanded(text: str, context: MacroContext) -> Greeting:
    expand = Expander(context)
    said = expand(text)
    return Greeting(said, State().after(expand.changes, Timed()).after_path(()))
