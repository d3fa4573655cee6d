"""Every macro by name, in lower case, with what answers it. None leaves it as written."""

import re
from collections.abc import Callable
from functools import partial
from typing import Final

from engine.macros import chance, times
from engine.macros.context import MacroContext
from engine.macros.evaluate import Call, Handler, Run

_COUNT: Final = re.compile(r"[0-9]{1,4}")
_COUNT_MOST: Final = 1000


def _shown(number: int | None) -> str:
    return "" if number is None else str(number)


def _others(context: MacroContext) -> str:
    """Everybody but the one who speaks."""
    return ", ".join([name for name in context.group if name != context.char] + [context.user])


# What a macro gives as it is: names, numbers, and words that somebody said.
_VALUES: Final[dict[str, Callable[[MacroContext], str | None]]] = {
    "char": lambda c: c.char,
    "user": lambda c: c.user,
    "charversion": lambda c: c.char_version,
    "group": lambda c: ", ".join(c.group) or c.char,
    "groupnotmuted": lambda c: ", ".join(c.group_not_muted) or c.char,
    "notchar": _others,
    "lastmessage": lambda c: c.last_message,
    "lastusermessage": lambda c: c.last_user_message,
    "lastcharmessage": lambda c: c.last_char_message,
    "lastmessageid": lambda c: _shown(c.last_message_id),
    "firstincludedmessageid": lambda c: _shown(c.first_included_message_id()),
    "currentswipeid": lambda c: _shown(c.current_swipe_id()),
    "lastswipeid": lambda c: _shown(c.last_swipe_id()),
    "summary": lambda c: c.summary,
    "model": lambda c: c.model,
    "maxprompt": lambda c: _shown(c.max_prompt),
    "input": lambda c: c.input,
    "idleduration": lambda c: "just now" if c.idle is None else times.spoken(c.idle),
    "noop": lambda _: "",
}
# Authored texts: they may hold macros of their own.
_TEXTS: Final[dict[str, Callable[[MacroContext], str]]] = {
    "description": lambda c: c.description,
    "personality": lambda c: c.personality,
    "scenario": lambda c: c.scenario,
    "persona": lambda c: c.persona,
    "charprompt": lambda c: c.char_prompt,
    "charinstruction": lambda c: c.char_instruction,
    "chardepthprompt": lambda c: c.char_depth_prompt,
    "charcreatornotes": lambda c: c.creator_notes,
    "mesexamples": lambda c: c.mes_examples,
    "authorsnote": lambda c: c.authors_note,
}
_TIMES: Final = {
    "time": "LT",
    "date": "LL",
    "weekday": "dddd",
    "isotime": "HH:mm",
    "isodate": "YYYY-MM-DD",
}
ALIASES: Final = {
    "charifnotgroup": "group",
    "char_version": "charversion",
    "chardescription": "description",
    "charpersonality": "personality",
    "charscenario": "scenario",
    "charjailbreak": "charinstruction",
    "creatornotes": "charcreatornotes",
    "greeting": "charfirstmessage",
    "mesexamplesraw": "mesexamples",
    "idle_duration": "idleduration",
    "flushvar": "deletevar",
    "flushglobalvar": "deleteglobalvar",
}


def _value(get: Callable[[MacroContext], str | None], run: Run, call: Call) -> str | None:
    return None if call.args else get(run.context)


def _authored(get: Callable[[MacroContext], str], run: Run, call: Call) -> str | None:
    if call.args or call.is_test:
        return None if call.args else get(run.context)
    return run.brought_in(ALIASES.get(call.name, call.name), get(run.context))


def _first_message(run: Run, call: Call) -> str | None:
    """A greeting by its number, the first one without."""
    index = call.text() or "0"
    if not _COUNT.fullmatch(index):
        return None
    greetings = run.context.first_messages
    found = greetings[int(index)] if int(index) < len(greetings) else ""
    return found if call.is_test else run.brought_in(f"greeting {int(index)}", found)


def _original(run: Run, call: Call) -> str | None:
    """What this text replaces: once, and then nothing."""
    if run.context.original is None or call.args:
        return None
    if run.is_original_used or call.is_test:
        return "" if run.is_original_used else run.context.original
    run.is_original_used = True
    return run.brought_in("original", run.context.original)


def _outlet(run: Run, call: Call) -> str | None:
    return run.context.outlets.get(call.text(), "") if call.args else None


def _kept(get: Callable[[Run], list[str]], run: Run, call: Call) -> str | None:
    """Taken out of the text and put on a list."""
    text = call.rest(0)
    if not text:
        return None
    get(run).append(text)
    return ""


def _banned(run: Run, call: Call) -> str | None:
    text = call.rest(0)
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if not text:
        return None
    run.banned.append(text)
    return ""


def _reverse(run: Run, call: Call) -> str | None:
    return call.rest(0)[::-1] if call.args else None


def _repeated(text: str, run: Run, call: Call) -> str | None:
    if not call.args:
        return text
    if not _COUNT.fullmatch(call.text()) or int(call.text()) > _COUNT_MOST:
        return None
    return text * int(call.text())


def _time(pattern: str, run: Run, call: Call) -> str | None:
    now = run.context.now
    if now is None or (call.args and pattern != "LT"):
        return None
    time = times.shifted(now, call.text()) if call.args else now
    return None if time is None else times.formatted(time, pattern)


def _time_at(run: Run, call: Call) -> str | None:
    """`time_UTC+2`, and `time_UTC+5:30`, whose minutes look like an argument."""
    minutes = f":{call.text()}" if call.args else ""
    offset = call.name.removeprefix("time_utc") + minutes
    now = run.context.now
    time = None if now is None else times.shifted(now, offset)
    return None if time is None else times.formatted(time, "LT")


def _formatted(run: Run, call: Call) -> str | None:
    now = run.context.now
    pattern = call.text()
    return times.formatted(now, pattern) if now is not None and pattern else None


def _difference(run: Run, call: Call) -> str | None:
    """How the first moment lies to the second: "in 2 hours", "3 days ago"."""
    now = run.context.now
    if now is None:
        return None
    left, right = (times.understood(call.text(index), now) for index in (0, 1))
    return None if left is None or right is None else times.relative(left - right)


def _get(scope: str, run: Run, call: Call) -> str | None:
    return run.scopes[scope].get(call.text()) or "" if call.args else None


def _has(scope: str, run: Run, call: Call) -> str | None:
    if not call.args:
        return None
    return "false" if run.scopes[scope].get(call.text()) is None else "true"


def _set(scope: str, run: Run, call: Call) -> str | None:
    has_value = bool(call.args[1:])
    return "" if has_value and run.scopes[scope].put(call.text(), call.rest(1)) else None


def _add(scope: str, run: Run, call: Call) -> str | None:
    has_value = bool(call.args[1:])
    return "" if has_value and run.scopes[scope].add(call.text(), call.rest(1)) else None


def _up(scope: str, run: Run, call: Call) -> str | None:
    return run.scopes[scope].step(call.text(), 1)


def _down(scope: str, run: Run, call: Call) -> str | None:
    return run.scopes[scope].step(call.text(), -1)


def _delete(scope: str, run: Run, call: Call) -> str | None:
    return "" if run.scopes[scope].put(call.text(), None) else None


_VARIABLES: Final[dict[str, Callable[[str, Run, Call], str | None]]] = {
    "get": _get,
    "set": _set,
    "add": _add,
    "inc": _up,
    "dec": _down,
    "has": _has,
    "delete": _delete,
}


def _built() -> dict[str, Handler]:
    table: dict[str, Handler] = {
        "random": chance.random,
        "pick": chance.pick,
        "roll": chance.roll,
        "charfirstmessage": _first_message,
        "original": _original,
        "outlet": _outlet,
        "hidden_key": partial(_kept, lambda run: run.hidden_keys),
        "comment": partial(_kept, lambda run: run.comments),
        "banned": _banned,
        "reverse": _reverse,
        "newline": partial(_repeated, "\n"),
        "space": partial(_repeated, " "),
        "time_utc": _time_at,
        "datetimeformat": _formatted,
        "timediff": _difference,
    }
    table |= {name: partial(_value, get) for name, get in _VALUES.items()}
    table |= {name: partial(_authored, text) for name, text in _TEXTS.items()}
    table |= {name: partial(_time, pattern) for name, pattern in _TIMES.items()}
    for verb, act in _VARIABLES.items():
        table[f"{verb}var"] = partial(act, ".")
        table[f"{verb}globalvar"] = partial(act, "$")
    return table | {alias: table[name] for alias, name in ALIASES.items()}


TABLE: Final = _built()
