"""Filters and tags that the templates share: prose, credits, portraits, times."""

from datetime import datetime
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from billing.models import MICRO, Pack, Purchase
from billing.pricing import money
from billing.queries import exact_credits
from catalog.models import Project
from chats.services import LAST_LINE_CHARS
from core.pictures import avatar_url
from llm.prices import fraction
from llm.registry import ModelSpec
from personas.models import Persona
from web.rendering import render_prose

register = template.Library()
HUES = 24
_OKLCH = (29, 110, 142, 195, 264, 328, 389)
_LARGE = {"card", "large"}
_STEPS = ((60, 1, "second"), (3600, 60, "minute"), (86400, 3600, "hour"), (864000, 86400, "day"))


@register.filter
def prose(text: str) -> SafeString:
    return mark_safe(render_prose(text))  # noqa: S308 - sanitised by `web.rendering`


@register.filter
def credits_of(micro: int) -> str:
    """Micro-credits as credits: whole ones for sums, up to three decimals for small change."""
    whole, rest = divmod(abs(micro), MICRO)
    sign = "-" if micro < 0 else ""
    if whole >= 10 or not rest:  # noqa: PLR2004 - from ten on, decimals are noise
        return f"{sign}{intcomma(whole)}"
    return f"{sign}{whole}.{rest:06d}"[: len(sign) + len(str(whole)) + 4].rstrip("0").rstrip(".")


@register.filter
def exact(micro: int) -> str:
    """Micro-credits as credits with every digit that counts, thousands set apart."""
    whole, point, rest = exact_credits(micro).partition(".")
    return f"{intcomma(whole)}{point}{rest}"


@register.filter
def signed(micro: int) -> str:
    """What came or went: +1,000 or −860, with the minus of print."""
    return f"+{credits_of(micro)}" if micro > 0 else f"−{credits_of(-micro)}"


@register.simple_tag
def price_of(sold: Pack | Purchase) -> str:
    return money(sold.price_cents, sold.currency)


@register.filter
def multiplier(micro: int) -> str:
    return f"×{fraction(micro)}"


@register.filter
def costs(spec: ModelSpec) -> str:
    """What a model costs in a few words: `free`, `×1`, or `×0.25 in, ×1 out`."""
    micro = (spec.input_multiplier_micro, spec.output_multiplier_micro)
    if spec.free:
        return "free"
    if micro[0] == micro[1]:
        return multiplier(micro[0])
    return f"{multiplier(micro[0])} in, {multiplier(micro[1])} out"


def _perceived(hue: int) -> float:
    """A portrait's hue is on the colour wheel of screens; the style sheet's is on OKLCH's."""
    sixth, rest = divmod(hue % 360, 60)
    start, end = _OKLCH[sixth], _OKLCH[sixth + 1]
    return start + (end - start) * rest / 60


@register.filter
def hue(shown: Project | Persona | None) -> str:
    """The class that lights a part of the page in the colour of a character or persona."""
    return f"hue-{round(_perceived(shown.hue if shown else 190) / (360 / HUES)) % HUES}"


@register.filter
def ago(moment: datetime | None) -> str:
    """How long ago, in a few words; a date when it is long ago."""
    if moment is None:
        return "never"
    seconds = int((timezone.now() - moment).total_seconds())
    if seconds < 5:  # noqa: PLR2004
        return "just now"
    for limit, size, word in _STEPS:
        if seconds < limit:
            count = max(1, seconds // size)
            return f"{count} {word}{'s' if count != 1 else ''} ago"
    return f"{moment:%d %b %Y}".lstrip("0")


@register.filter
def preview(line: str) -> str:
    """A stored line without its marks; a long one ends with a whole word."""
    text = line.replace("*", "").replace("_", "").strip()
    if len(line) < LAST_LINE_CHARS:
        return text
    return text.rpartition(" ")[0] + "…"


@register.filter
def until(moment: datetime | None) -> str:
    return f"{moment:%d %b %Y}".lstrip("0") if moment else "never"


@register.simple_tag
def avatar(shown: Project | Persona, kind: str = "small", *, eager: Any = False) -> SafeString:
    """The portrait of a character or persona, or the initial in its colour when there is none.

    Portraits stand beside the name, so they carry no text of their own.
    """
    url = avatar_url(shown.avatar, small=kind not in _LARGE)
    if url:
        loading = "eager" if eager else "lazy"
        return format_html(
            '<img class="avatar avatar-{}" src="{}" alt="" width="512" height="768"'
            ' loading="{}" decoding="async">',
            kind, url, loading,
        )  # fmt: skip
    initial = next((char for char in shown.name if char.isalnum()), "·").upper()
    return format_html(
        '<span class="avatar avatar-{} avatar-letter {}" aria-hidden="true">{}</span>',
        kind, hue(shown), initial,
    )  # fmt: skip


@register.filter
def attr(field: Any, spec: str) -> Any:
    """Render a bound form field with more attributes: `field|attr:"rows=4,class=prose"`."""
    pairs = (pair.split("=", 1) for pair in spec.split(","))
    return field.as_widget(attrs={name.strip(): value for name, value in pairs})
