"""Text of messages and cards to safe HTML: Markdown, quoted dialogue marked, nothing active."""

import re
from functools import lru_cache
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

CACHED_CHARS: Final = 20_000
_QUOTE: Final = re.compile(r'(["“”„«»「」])')
_OPENING: Final = {'"': '"', "“": "”", "„": "“", "«": "»", "「": "」"}
_TAGS: Final = {
    "a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol",
    "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip


def _mark_speech(state: StateCore) -> None:
    for token in state.tokens:
        if token.type == "inline" and token.children:
            token.children = _with_speech(token.children)


def _with_speech(children: list[Token]) -> list[Token]:
    """Wrap each quoted run in a span. A quote that closes at another depth is left alone."""
    out: list[Token] = []
    opened: tuple[str, int, int] | None = None
    for child in children:
        if child.type != "text" or not _QUOTE.search(child.content):
            out.append(child)
            continue
        for piece in _QUOTE.split(child.content):
            if not piece:
                continue
            if opened and piece == opened[0] and child.level == opened[1]:
                out.append(_text(piece, child.level))
                out.insert(opened[2], _span(1))
                out.append(_span(-1))
                opened = None
            else:
                if piece in _OPENING and opened is None:
                    opened = (_OPENING[piece], child.level, len(out))
                out.append(_text(piece, child.level))
    return out


def _text(content: str, level: int) -> Token:
    return Token("text", "", 0, content=content, level=level)


def _span(nesting: int) -> Token:
    name = "speech_open" if nesting == 1 else "speech_close"
    return Token(name, "span", nesting, attrs={"class": "speech"} if nesting == 1 else {})  # type: ignore[arg-type]


def _lower_headings(state: StateCore) -> None:
    """A page has one first heading, and it is never somebody's text."""
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    parser.enable(["strikethrough", "table"]).disable(["image"])
    parser.core.ruler.push("speech", _mark_speech)
    parser.core.ruler.push("headings", _lower_headings)
    return parser


_markdown: Final = _parser()
_cleaner: Final = nh3.Cleaner(
    tags=_TAGS,
    attributes={"a": {"href", "title"}},
    allowed_classes={"span": {"speech"}},
    link_rel="noopener nofollow ugc",
    url_schemes={"http", "https", "mailto"},
)


def render_prose(text: str) -> str:
    """Safe HTML of a message or a description. Short texts are remembered."""
    return _remembered(text) if len(text) <= CACHED_CHARS else _render(text)


@lru_cache(maxsize=2048)
def _remembered(text: str) -> str:
    return _render(text)


def _render(text: str) -> str:
    return _cleaner.clean(_markdown.render(text))
