"""Replaying recorded activation cases: `reverie lore replay FILE` (form: docs/lore.md). Pure.

Each case holds books, settings, messages and steps that share their state; the outcome is what
each step activates and every slot of the prompt.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from lore.activation import activate
from lore.books import Bound, compile_book
from lore.formats.reading import Notes
from lore.formats.sillytavern import read
from lore.outcome import Activation
from lore.scene import SOURCES, Said, Scene, Settings, Strategy
from lore.slots import Placed
from lore.timed import State

_SIMPLE: Final = {
    "before": "before",
    "after": "after",
    "note_top": "an_top",
    "note_bottom": "an_bottom",
    "examples_top": "em_top",
    "examples_bottom": "em_bottom",
}
_SOURCE_NAMES: Final = {
    "persona_description": "personaDescription",
    "character_description": "characterDescription",
    "character_personality": "characterPersonality",
    "character_depth_prompt": "characterDepthPrompt",
    "scenario": "scenario",
    "creator_notes": "creatorNotes",
}
_NAME: Final = re.compile(r"\{\{(user|char)\}\}", re.IGNORECASE)


def replay(recorded: dict[str, Any]) -> dict[str, Any]:
    """The outcome of every case of a file, as `{"results": [{"id", "steps"}]}`."""
    entries = recorded.get("entry_defaults", {})
    settings = recorded.get("setting_defaults", {})
    return {
        "results": [
            {"id": case["id"], "steps": _steps(case, entries, settings)}
            for case in recorded["cases"]
        ]
    }


def _steps(
    case: dict[str, Any], entries: dict[str, Any], defaults: dict[str, Any]
) -> list[dict[str, Any]]:
    bound = [_bound(book, entries) for book in case["books"]]
    settings = _settings({**defaults, **case.get("settings", {})})
    state, steps = State(), []
    for step in case["steps"]:
        scene = _scene(case, step)
        found = activate(bound, settings, scene, state, count=_words)
        state = found.state
        steps.append(_outcome(found))
    return steps


def _words(text: str) -> int:
    return len(text.split())


def _bound(book: dict[str, Any], defaults: dict[str, Any]) -> Bound:
    whole = {uid: {**defaults, **entry} for uid, entry in book["entries"].items()}
    compiled = compile_book(read({"entries": whole}, Notes()), book["name"])
    return Bound(compiled, book["scope"])


def _settings(said: dict[str, Any]) -> Settings:
    strategy = Strategy(said.pop("insertion_strategy", Strategy.CHARACTER_FIRST))
    return Settings(**said, insertion_strategy=strategy)


def _scene(case: dict[str, Any], step: dict[str, Any]) -> Scene:
    user, char = case.get("user_name", ""), case.get("char_name", "")
    messages = case["messages"][: step["upto"]]
    data = case.get("scan_data", {})
    return Scene(
        messages=tuple(Said(m["name"], m["text"], m["name"] == char) for m in messages),
        length=len(messages),
        replies=sum(message["name"] == char for message in messages),
        char_names=frozenset({char}),
        char_tags=frozenset(case.get("char_tags", ())),
        triggers=frozenset({step.get("trigger", "normal")}),
        sources={name: data.get(_SOURCE_NAMES[name], "") for name in SOURCES},
        expand=_naming(user, char),
        seed=case["id"],
    )


def _naming(user: str, char: str) -> Callable[[str], str]:
    def expand(text: str) -> str:
        return _NAME.sub(lambda found: user if found[1].lower() == "user" else char, text)

    return expand


def _outcome(found: Activation) -> dict[str, Any]:
    slots = found.slots
    out: dict[str, Any] = {"activated": list(found.activated)}
    for name, short in _SIMPLE.items():
        if pieces := getattr(slots, name):
            out[short] = _ids(pieces)
    if slots.at_depth:
        out["depth"] = [
            {"depth": at.depth, "role": int(at.role), "ids": _ids(at.pieces)}
            for at in slots.at_depth
        ]
    if slots.outlets:
        out["outlets"] = {name: _ids(pieces) for name, pieces in slots.outlets.items()}
    return out


def _ids(pieces: tuple[Placed, ...]) -> list[str]:
    return [piece.entry for piece in pieces]
