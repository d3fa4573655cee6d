"""Who replies: from the `model` of a request to a character, a scenario or a catalogue model."""

import difflib
import re
from dataclasses import dataclass
from typing import Final, Literal

from accounts.models import ApiKey, User
from characters.models import Character, Scenario
from characters.queries import listed_for, named, visible_to, with_short_id
from chats.models import Chat
from core.errors import Invalid, NotFound
from core.ids import is_uid
from llm.registry import ModelSpec, find_missing, find_model

Rule = Literal["model", "default", "recent"]

_SHORT: Final = re.compile(r"^(?P<name>.*\S)\s*\[(?P<short>[0-9a-z]{8})\]$", re.DOTALL)
_LLM_NAME: Final = re.compile(
    r"^(chatgpt|gpt|o\d|claude|gemini|gemma|llama|codellama|mistral|mixtral|ministral|codestral"
    r"|qwen|qwq|deepseek|grok|command|phi|yi|text|davinci|babbage|curie|ada|palm|nova|kimi|glm"
    r"|hermes|wizardlm|vicuna|falcon|nemotron|granite|solar|minimax)[-_:.\d]|/",
    re.IGNORECASE,
)
_CANDIDATES: Final = 5
_NAMES_COMPARED: Final = 2000


@dataclass(frozen=True, slots=True)
class Somebody:
    """A character replies, under a scenario if one was named. `rule` says what chose it."""

    character: Character
    scenario: Scenario | None
    rule: Rule


@dataclass(frozen=True, slots=True)
class PlainModel:
    """A catalogue model was named: nobody in particular replies and nothing is stored."""

    spec: ModelSpec
    suffix: str = ""


def resolve(user: User, key: ApiKey | None, name: str) -> Somebody | PlainModel:
    """Decide who answers `name` ("" when the request has no model). Raises NotFound, Invalid."""
    if name:
        found = _named(user, key, name)
        if found is not None:
            return found
        plain = find_plain_model(name)
        if plain is not None:
            return plain
        _check_not_missing(name)
        default = _default(user, key)
        if default is not None:
            return default
        if not _LLM_NAME.search(name):
            raise _unknown(user, name)
    else:
        default = _default(user, key)
        if default is not None:
            return default
    return _recent(user)


def find_plain_model(name: str) -> PlainModel | None:
    """A catalogue model by slug, with or without a `/text`, `/assistant` or `/{json}` suffix."""
    spec = find_model(name)
    if spec is not None:
        return PlainModel(spec)
    base, suffix = _split(name)
    spec = find_model(base) if suffix else None
    return None if spec is None else PlainModel(spec, suffix)


def _split(name: str) -> tuple[str, str]:
    """A name and the role that is asked for behind it, "" if none is."""
    base, slash, suffix = name.partition("/{")
    if slash:
        return base, "{" + suffix
    base, _, suffix = name.rpartition("/")
    return (base, suffix) if suffix in ("text", "assistant") else (name, "")


def _check_not_missing(name: str) -> None:
    """Raise for a model that the catalogue has and that cannot answer now.

    Whoever names one of ours means it, so nobody else answers in its place.
    """
    missing = find_missing(name, _split(name)[0]) if "/" in name else None
    if missing is None:
        return
    if missing.is_off:
        raise NotFound(
            f"{missing.slug} is switched off. GET /v1/models lists what answers now.",
            code="model_not_found",
            param="model",
        )
    raise Invalid(f"{missing.slug} does not chat.", code="model_not_supported", param="model")


def _named(user: User, key: ApiKey | None, name: str) -> Somebody | None:
    """Rules 1 and 2. Raises NotFound for something shaped like an id that names nothing."""
    kind, separator, rest = name.partition("_")
    if separator and kind in ("character", "scenario") and (is_uid(rest) or rest.isdecimal()):
        return _by_id(user, rest, kinds=(kind,), default_key=False)
    if is_uid(name) or (name.isascii() and name.isdecimal()):
        return _by_id(user, name, kinds=("scenario", "character"), default_key=_has_default(key))
    if match := _SHORT.match(name):
        return _by_short(user, key, match["short"])
    return _by_name(user, key, name)


def _has_default(key: ApiKey | None) -> bool:
    return key is not None and bool(key.default_character)


def _by_id(user: User, text: str, *, kinds: tuple[str, ...], default_key: bool) -> Somebody:
    if "scenario" in kinds and is_uid(text):
        scenario = _visible_scenarios(user).filter(uid=text).first()
        if scenario is not None:
            return Somebody(scenario.character, scenario, "model")
    if "character" in kinds:
        wanted = {"uid": text} if is_uid(text) else {"pk": min(int(text), 2**62)}
        character = visible_to(user).filter(**wanted).first()
        if character is not None:
            return Somebody(character, None, "model")
    if kinds == ("scenario",) or (default_key and is_uid(text)):
        raise _no_scenario()
    raise _no_character()


def _visible_scenarios(user: User):  # type: ignore[no-untyped-def]  # a queryset of Scenario
    return Scenario.objects.filter(character__in=visible_to(user)).select_related("character")


def _by_short(user: User, key: ApiKey | None, short: str) -> Somebody:
    if key is not None and key.default_character:
        scenario = (
            _visible_scenarios(user)
            .filter(character__uid=key.default_character, uid__endswith=short)
            .first()
        )
        if scenario is not None:
            return Somebody(scenario.character, scenario, "model")
    characters = list(with_short_id(user, short)[:2])
    if len(characters) == 1:
        return Somebody(characters[0], None, "model")
    if len(characters) > 1:
        raise _ambiguous(characters)
    raise _no_scenario() if _has_default(key) else _no_character()


def _by_name(user: User, key: ApiKey | None, name: str) -> Somebody | None:
    """A bare display name: one's own, then whom one talked to lately, then a public one."""
    found = named(user, name)
    own = [character for character in found if character.owner_id == user.pk]
    if len(own) == 1:
        return Somebody(own[0], None, "model")
    if not found:
        return _by_title(user, key, name)
    candidates = own or found
    if len(candidates) > 1:
        latest = (
            Chat.objects.filter(user=user, character__in=candidates)
            .order_by("-active_at")
            .values_list("character_id", flat=True)
            .first()
        )
        candidates = [c for c in candidates if c.pk == latest] or candidates
    if len(candidates) > 1:
        raise _ambiguous(candidates)
    return Somebody(candidates[0], None, "model")


def _by_title(user: User, key: ApiKey | None, name: str) -> Somebody | None:
    """Under a key with a default character, a bare scenario title of that character."""
    if key is None or not key.default_character:
        return None
    found = list(
        _visible_scenarios(user).filter(
            character__uid=key.default_character, title__iexact=name.strip()
        )[:2]
    )
    return Somebody(found[0].character, found[0], "model") if len(found) == 1 else None


def _default(user: User, key: ApiKey | None) -> Somebody | None:
    if key is None or not key.default_character:
        return None
    character = visible_to(user).filter(uid=key.default_character).first()
    return None if character is None else Somebody(character, None, "default")


def _recent(user: User) -> Somebody:
    """Rule 4: whom this person talked to last, on any surface."""
    chat = (
        Chat.objects.filter(user=user, trashed_at=None, character__in=visible_to(user))
        .select_related("character", "scenario")
        .order_by("-active_at")
        .first()
    )
    if chat is None:
        raise NotFound(
            "Please start a conversation with a character on the website first, or name a"
            " character in `model`. GET /v1/models lists the names that work with this key.",
            code="no_chat_history",
            param="model",
        )
    return Somebody(chat.character, chat.scenario, "recent")


def _no_character() -> NotFound:
    return NotFound(
        "No character with that id can be seen by this key. GET /v1/models lists valid names.",
        code="character_not_found",
        param="model",
    )


def _no_scenario() -> NotFound:
    return NotFound(
        "No scenario with that id belongs to the key's default character."
        " GET /v1/models lists valid names.",
        code="scenario_not_found",
        param="model",
    )


def _ambiguous(characters: list[Character]) -> NotFound:
    labels = ", ".join(character.label for character in characters[:_CANDIDATES])
    return NotFound(
        f"Several characters have that name. Say which one: {labels}",
        code="character_not_found",
        param="model",
    )


def _unknown(user: User, name: str) -> NotFound:
    """Nobody has this name: suggest the closest, so that a typo explains itself."""
    rows = listed_for(user).order_by("-updated_at")[:_NAMES_COMPARED]
    people = {character.name.lower(): character for character in rows}
    close = difflib.get_close_matches(name.lower(), people, n=_CANDIDATES, cutoff=0.5)
    hint = ", ".join(people[match].label for match in close)
    message = f"No character is called {name[:80]!r}."
    if hint:
        message += f" Did you mean {hint}?"
    else:
        message += " GET /v1/models lists the names that work with this key."
    return NotFound(message, code="character_not_found", param="model")
