"""Characters written as YAML, by Text Generation Web UI above all. Pure."""

import re
from typing import Any, Final

import yaml

from characters.cards.json_form import read_object
from characters.cards.values import Card, Note, refuse
from core.jsontext import cleaned

YAML_BYTES_MOST: Final = 512 * 1024
EVENTS_MOST: Final = 20_000
DEPTH_MOST: Final = 20
_FIRST_KEY: Final = re.compile(
    rb"(?:\s*(?:#[^\n]*)?\n|---[^\n]*\n)*[\"']?(?:(?:char_)?name|context|greeting)[\"']?[ \t]*:",
    re.IGNORECASE,
)
_NULL: Final = "tag:yaml.org,2002:null"


class _Texts(yaml.SafeLoader):
    """Reads every value as text: somebody may well be called No, On or 007."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag == _NULL]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def is_yaml(data: bytes, filename: str = "") -> bool:
    """Whether this is a character in YAML, by its name or by its first key."""
    start = data.removeprefix(b"\xef\xbb\xbf")[:4096]
    return filename.lower().endswith((".yaml", ".yml")) or bool(_FIRST_KEY.match(start))


def read_yaml(data: bytes) -> Card:
    """The character in YAML. Raises Invalid."""
    if len(data) > YAML_BYTES_MOST:
        most = YAML_BYTES_MOST // 1024
        raise refuse(
            f"A character in YAML may have {most} KB; this one has more.", "card_too_large"
        )
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode()
        _check(text)
        root: Any = yaml.load(text, Loader=_Texts)  # noqa: S506 - a loader that is safer than safe
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise refuse("The file is not valid YAML.", "card_damaged") from error
    if not isinstance(root, dict):
        raise refuse("A character in YAML has names and values; this file has not.", "no_card")
    notes: list[Note] = []
    card = read_object(cleaned(_keyed(root), "card"), place="a YAML file", notes=notes)
    card.media_type = "application/yaml"
    return card


def _keyed(value: Any) -> Any:
    """The same with every key a text, for YAML has keys that are nothing."""
    if isinstance(value, list):
        return [_keyed(item) for item in value]
    if isinstance(value, dict):
        return {key or "": _keyed(item) for key, item in value.items()}
    return value


def _check(text: str) -> None:
    """Refuse what makes small YAML large, before anything is built from it."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        if getattr(event, "anchor", None) is not None or getattr(event, "tag", None) is not None:
            raise refuse("YAML with references or types of its own is not read.", "card_unsafe")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if count > EVENTS_MOST or depth > DEPTH_MOST:
            raise refuse("The YAML is more tangled than any character.", "card_too_complex")
