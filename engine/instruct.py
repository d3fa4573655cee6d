"""Instruct templates: chat messages as one text, the way a model was trained to read them.

Pure. The beginning-of-sequence token is left out unless asked for, because servers put it in
front of a text prompt by themselves and a second one harms. Control tokens inside messages and
names are broken by a space, so that nobody can write a turn that is not theirs.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from core.errors import Invalid
from engine.types import ChatMessage

_NAME_CHARS_MOST: Final = 64
_NAME_STOPS_MOST: Final = 8


class Shape(msgspec.Struct, frozen=True):
    """What stands around one turn. `opening` starts a reply of which nothing is given yet."""

    before: str
    after: str
    opening: str


class Template(msgspec.Struct, frozen=True):
    """How one family of models wants its turns.

    `system` is None if there is no such role: what it would say joins the user's turn. So do
    system messages after the first turn, unless `system_anywhere`. `merges` joins turns of one
    role that follow each other, for models that insist on taking turns. With `names_in_header`
    a turn with a name has the role `text`; otherwise names stand before what is said.
    `control` finds what messages must not contain.
    """

    name: str
    bos: str
    user: Shape
    assistant: Shape
    system: Shape | None
    stop: tuple[str, ...]
    control: str
    system_anywhere: bool = True
    merges: bool = False
    names_in_header: bool = False


class InstructPrompt(msgspec.Struct, frozen=True):
    """The text, where the model has to stop, and whether the reply goes on a text it holds."""

    text: str
    stop: tuple[str, ...]
    is_continued: bool = False


class _Turn(msgspec.Struct):
    role: str
    name: str | None
    text: str


def render(
    messages: Sequence[ChatMessage],
    template: str | Template,
    *,
    reply_name: str | None = None,
    with_bos: bool = False,
) -> InstructPrompt:
    """The prompt for the next reply, spoken by `reply_name` if that is given.

    A last message of the assistant stays open, to be continued, unless it is somebody else's.
    Tool results count as the user's; `extra` is not written. Raises Invalid for an unknown
    template.
    """
    form = template if isinstance(template, Template) else get_template(template)
    turns = _turns(messages, form)
    last = messages[-1] if messages else None
    is_continued = (
        last is not None
        and last.role == "assistant"
        and (reply_name is None or last.name in (None, reply_name))
    )
    if is_continued and last is not None and last.name is None and reply_name is not None:
        turns[-1] = _turn("assistant", reply_name, last.content, form)
    if not is_continued:
        turns.append(_turn("assistant", reply_name, "", form))
    text = _written(_merged(turns) if form.merges else turns, form)
    # What the tokenizer puts between its own token and the text must not be there twice.
    text = form.bos + text if with_bos else text.lstrip(" ")
    return InstructPrompt(text, form.stop + _name_stops(messages, form, reply_name), is_continued)


def get_template(name: str) -> Template:
    """The template of that name. Raises Invalid."""
    if name not in TEMPLATES:
        known = ", ".join(TEMPLATES)
        raise Invalid(
            f"There is no instruct template {name!r}. Known are {known}.",
            code="unknown_template",
            param="template",
        )
    return TEMPLATES[name]


def _turns(messages: Sequence[ChatMessage], form: Template) -> list[_Turn]:
    turns: list[_Turn] = []
    is_leading = True
    for message in messages:
        role = "user" if message.role == "tool" else message.role
        is_leading = is_leading and role == "system"
        if role == "system" and (form.system is None or not (is_leading or form.system_anywhere)):
            role = "user"
        turns.append(_turn(role, message.name, message.content, form))
    return turns


def _turn(role: str, name: str | None, text: str, form: Template) -> _Turn:
    """A turn with nothing in it that the model would take for the template's own."""
    name = None if name is None else _guarded(" ".join(name.split())[:_NAME_CHARS_MOST], form)
    if form.names_in_header:
        is_text = name is not None and role != "system"
        return _Turn("text" if is_text else role, name, _guarded(text, form))
    if name:
        text = f"{name}: {text}" if text else f"{name}:"
    return _Turn(role, name, _guarded(text, form))


def _guarded(text: str, form: Template) -> str:
    return re.sub(form.control, lambda match: f"{match[0][0]} {match[0][1:]}", text)


def _merged(turns: list[_Turn]) -> list[_Turn]:
    merged: list[_Turn] = []
    for turn in turns:
        if merged and merged[-1].role == turn.role:
            merged[-1].text += f"\n\n{turn.text}"
        else:
            merged.append(turn)
    return merged


def _written(turns: list[_Turn], form: Template) -> str:
    """Every turn closed but the last, which is the model's to go on with."""
    *closed, last = turns
    pieces = []
    for turn in closed:
        shape = _shape(turn, form)
        pieces.append(f"{shape.before}{turn.text}{shape.after}")
    shape = _shape(last, form)
    pieces.append(shape.before + last.text if last.text else shape.opening)
    return "".join(pieces)


def _shape(turn: _Turn, form: Template) -> Shape:
    if turn.role == "text":
        header = f"<|im_start|>text names= {turn.name}\n" if turn.name else "<|im_start|>text\n"
        return Shape(header, "<|im_end|>\n", header)
    if turn.role == "system" and form.system is not None:
        return form.system
    return form.assistant if turn.role == "assistant" else form.user


def _name_stops(
    messages: Sequence[ChatMessage], form: Template, reply_name: str | None
) -> tuple[str, ...]:
    """Stop where the model would begin to speak for somebody else."""
    if form.names_in_header:
        return ()
    named = dict.fromkeys(message.name for message in messages if message.name)
    names = [" ".join(name.split()) for name in named if name and name != reply_name]
    return tuple(f"\n{name[:_NAME_CHARS_MOST]}:" for name in names[-_NAME_STOPS_MOST:])


def _same(before: str, after: str) -> Shape:
    return Shape(before, after, before)


def _im(role: str) -> Shape:
    return _same(f"<|im_start|>{role}\n", "<|im_end|>\n")


def _header(role: str) -> Shape:
    return _same(f"<|start_header_id|>{role}<|end_header_id|>\n\n", "<|eot_id|>")


def _mistral(name: str, space: str, *, first: str = "", system: bool = False) -> Template:
    """`space` is what the older tokenizers want between their tokens and the text."""
    return Template(
        name=name,
        bos="<s>",
        user=_same(f"{first}[INST]{space}", f"{first}[/INST]"),
        assistant=Shape(space, "</s>", ""),
        system=_same(f"[SYSTEM_PROMPT]{space}", "[/SYSTEM_PROMPT]") if system else None,
        stop=("</s>", "[INST]"),
        control=_MISTRAL_CONTROL,
        merges=True,
    )


_BARS: Final = r"<\|[^<>|\s]{1,48}\|>"
_ENDS: Final = r"</?s>"
_MISTRAL_CONTROL: Final = (
    r"</?s>|<unk>|<pad>|<SPECIAL_[0-9]+>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS"
    r"|TOOL_CALLS|TOOL_CONTENT|CALL_ID|ARGS|THINK|MODEL_SETTINGS|PREFIX|MIDDLE|SUFFIX|IMG"
    r"|IMG_BREAK|IMG_END|AUDIO|BEGIN_AUDIO|TRANSCRIBE|REF)\]"
)
_GEMMA_CONTROL: Final = (
    r"<(?:start_of_turn|end_of_turn|bos|eos|pad|unk|mask|start_of_image|end_of_image"
    r"|image_soft_token|unused[0-9]+)>"
)
_ALPACA_CONTROL: Final = rf"(?mi:^###(?=\s*(?:instruction|input|response)\b))|{_ENDS}"

_ALL: Final = (
    Template(
        name="chatml",
        bos="",
        user=_im("user"),
        assistant=_im("assistant"),
        system=_im("system"),
        stop=("<|im_end|>", "<|im_start|>"),
        control=f"{_BARS}|{_ENDS}",
    ),
    Template(
        name="llama3",
        bos="<|begin_of_text|>",
        user=_header("user"),
        assistant=_header("assistant"),
        system=_header("system"),
        stop=("<|eot_id|>", "<|end_of_text|>"),
        control=_BARS,
    ),
    _mistral("mistral-v1", " ", first=" "),
    _mistral("mistral-v3", " "),
    _mistral("mistral-v3-tekken", ""),
    _mistral("mistral-v7", " ", system=True),
    _mistral("mistral-v7-tekken", "", system=True),
    Template(
        name="alpaca",
        bos="<s>",
        user=_same("### Instruction:\n", "\n\n"),
        assistant=_same("### Response:\n", "\n\n"),
        system=_same("", "\n\n"),
        stop=("\n### Instruction:", "\n### Response:"),
        control=_ALPACA_CONTROL,
        system_anywhere=False,
        merges=True,
    ),
    Template(
        name="gemma",
        bos="<bos>",
        user=_same("<start_of_turn>user\n", "<end_of_turn>\n"),
        assistant=_same("<start_of_turn>model\n", "<end_of_turn>\n"),
        system=None,
        stop=("<end_of_turn>", "<start_of_turn>"),
        control=_GEMMA_CONTROL,
        merges=True,
    ),
    Template(
        name="dreamgen",
        bos="",
        user=_im("user"),
        assistant=_im("assistant"),
        system=_im("system"),
        stop=("<|im_end|>", "<|im_start|>"),
        control=f"{_BARS}|{_ENDS}",
        names_in_header=True,
    ),
)
TEMPLATES: Final = {template.name: template for template in _ALL}
