"""The prompt behind a reply, as it was saved: what went in, what was cut, which lore spoke."""

import difflib
from dataclasses import dataclass, field
from typing import Any

import msgspec

from accounts.models import User
from chats import queries
from chats.models import Message, Revision, Turn
from core.errors import NotFound
from engine.parts import Block, Line, lines_of
from lore.outcome import Verdict
from lore.reasons import why


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the prompt. `uid` names the message of the chat that it was, if it was one.

    `changed` says that it reads differently today, or is gone.
    """

    role: str
    content: str
    uid: str = ""
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Inspection:
    """The prompt of one reply.

    `is_over_budget` and `is_cut_short` are about its lore: the budget was used up, or the scan
    had become too long and ended. `comments` are for the reader alone, `banned` what
    authors want never to be written.
    """

    message: Message
    turn: Turn
    blocks: list[dict[str, Any]]
    messages: list[Said]
    lore: list[dict[str, Any]]
    budget_tokens: int
    total_tokens: int
    slow_keys: dict[str, str] = field(default_factory=dict)
    is_over_budget: bool = False
    is_cut_short: bool = False
    persona: str = ""
    comments: list[str] = field(default_factory=list)
    banned: list[str] = field(default_factory=list)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    unsearched: int = 0


def inspect(*, user: User, message_uid: str) -> Inspection:
    """The prompt that one of the user's replies was written from. Raises NotFound."""
    message = queries.get_message(user, message_uid)
    turn = Turn.objects.filter(uid=message.turn, user=user).first() if message.turn else None
    if message.role != Message.Role.ASSISTANT or turn is None or not turn.manifest:
        raise NotFound("No prompt was kept for this message.", code="prompt_not_found")
    record = turn.manifest
    # Through the type, because prompts that were kept before it grew lack some of its fields.
    blocks = msgspec.to_builtins(msgspec.convert(record.get("blocks", []), list[Block]))
    lore = record.get("lore") or {}
    return Inspection(
        message=message,
        turn=turn,
        blocks=blocks,
        messages=_messages(lines_of(record.get("layout", [])), blocks, turn),
        lore=[_verdict(verdict, lore.get("books") or {}) for verdict in lore.get("verdicts", [])],
        budget_tokens=record.get("budget_tokens", 0),
        total_tokens=record.get("total_tokens", 0),
        slow_keys=lore.get("slow_keys") or {},
        is_over_budget=lore.get("is_over_budget", False),
        is_cut_short=lore.get("is_cut_short", False),
        persona=(record.get("persona") or {}).get("name", ""),
        comments=record.get("comments", []),
        banned=record.get("banned", []),
        rounds=record.get("rounds", []),
        unsearched=(record.get("recall") or {}).get("stale", 0),
    )


def _verdict(saved: dict[str, Any], books: dict[str, Any]) -> dict[str, Any]:
    uid = saved["entry"].rpartition(".")[0]
    name, scope = books.get(uid) or ("", "")
    return {
        "score": None,
        **saved,
        "book": name or ("The character's own" if uid.startswith("card:") else "A lorebook"),
        "scope": scope,
        "why": why(msgspec.convert(saved, Verdict)),
    }


def _messages(layout: list[Line], blocks: list[dict[str, Any]], turn: Turn) -> list[Said]:
    """The prompt message by message, in the words it was sent in."""
    uids = [line.uid for line in layout if line.uid]
    now = {m.uid: m for m in Message.objects.filter(uid__in=uids, chat_id=turn.chat_id)}
    then = _as_they_were(uids, turn)
    return [_said(line, blocks, now, then) for line in layout]


def _said(
    line: Line,
    blocks: list[dict[str, Any]],
    now: dict[str, Message],
    then: dict[str, str],
) -> Said:
    uid = line.uid
    if not uid:
        texts = [blocks[index]["text"] for index in line.blocks]
        return Said(line.role, "\n\n".join(texts))
    message = now.get(uid)
    if message is None:
        return Said(line.role, "", uid, changed=True)
    return Said(line.role, then.get(uid, message.content), uid, changed=uid in then)


def _as_they_were(uids: list[str], turn: Turn) -> dict[str, str]:
    """What messages said that were edited after the turn: the first revision kept since."""
    rows = Revision.objects.filter(message_id__in=uids, created_at__gt=turn.created_at)
    found: dict[str, str] = {}
    for uid, content in rows.order_by("id").values_list("message_id", "content"):
        found.setdefault(uid, content)
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    """One kind of block in two prompts: its tokens in each, and the lines that differ."""

    name: str
    before: int
    after: int
    lines: list[str]


def compare(older: Inspection, newer: Inspection) -> list[Difference]:
    """How the second prompt differs from the first, block by block."""
    one, two = _by_name(older), _by_name(newer)
    found = []
    for name in dict.fromkeys([*one, *two]):
        before, after = one.get(name, (0, "")), two.get(name, (0, ""))
        if before == after:
            continue
        diff = difflib.unified_diff(before[1].splitlines(), after[1].splitlines(), lineterm="", n=1)
        lines = [line for line in diff if not line.startswith(("---", "+++", "@@"))]
        found.append(Difference(name, before[0], after[0], lines))
    return found


def _by_name(inspection: Inspection) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for block in inspection.blocks:
        if block["kept"]:
            tokens, text = found.get(block["name"], (0, ""))
            joined = "\n\n".join(part for part in (text, block["text"]) if part)
            found[block["name"]] = (tokens + block["tokens"], joined)
    return found
