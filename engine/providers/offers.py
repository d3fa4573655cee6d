"""What an upstream's list of models says of each: window, price and abilities, where it does.

OpenAI's own list has names alone; OpenRouter, Together, Mistral, Fireworks, Groq, vLLM, llama.cpp
and Reverie add to it, each in its own words. A list is a stranger's text: whatever is not of the
expected shape is as good as unsaid.
"""

from decimal import Decimal, InvalidOperation
from typing import Any, Final

from engine.providers.base import UpstreamModel

MODELS_MOST: Final = 5000
NAME_CHARS: Final = 150
_TITLE_CHARS: Final = 120
_WINDOW_MOST: Final = 100_000_000
_FINEST: Final = -40
_WINDOWS: Final = (
    "context_length", "max_model_len", "context_window", "max_context_length", "context_size",
)  # fmt: skip
_TALKING: Final = ("chat", "language", "code")

Said = dict[str, Any]


def offers_of(body: Any) -> list[UpstreamModel]:
    """The models of a list, as an object with `data` or bare. Raises TypeError, KeyError."""
    rows = body if isinstance(body, list) and body else body["data"] or []
    if isinstance(rows, list) and len(rows) > MODELS_MOST:
        raise TypeError(f"a list of models has at most {MODELS_MOST}")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TypeError("a list of models holds objects")
    return [offer_of(row) for row in rows if _is_named(row)]


def _is_named(row: Said) -> bool:
    name = row.get("id")
    return isinstance(name, str) and 0 < len(name) <= NAME_CHARS and name.isprintable()


def offer_of(row: Said) -> UpstreamModel:
    """One model of a list."""
    able: dict[str, bool] = {}
    for read in (
        _by_kind,
        _by_flags,
        _by_capabilities,
        _by_parameters,
        _by_modality,
        _by_abilities,
    ):
        able |= {name: is_so for name, is_so in read(row).items() if isinstance(is_so, bool)}
    title = row.get("name") or row.get("display_name")
    return UpstreamModel(
        name=row["id"],
        context_tokens=_window(row),
        title=title[:_TITLE_CHARS] if isinstance(title, str) and title.isprintable() else "",
        prices=_prices(_part(row, "pricing")),
        able=able,
    )


def _part(row: Said, name: str) -> Said:
    part = row.get(name)
    return part if isinstance(part, dict) else {}


def _words(part: Said, name: str) -> set[str] | None:
    """A list of words, None if there is none."""
    found = part.get(name)
    return {word for word in found if isinstance(word, str)} if isinstance(found, list) else None


def _window(row: Said) -> int | None:
    sizes = [*(row.get(name) for name in _WINDOWS), _part(row, "meta").get("n_ctx")]
    whole = (size for size in sizes if isinstance(size, int) and not isinstance(size, bool))
    return next((min(size, _WINDOW_MOST) for size in whole if size > 0), None)


def _prices(pricing: Said) -> tuple[Decimal, Decimal] | None:
    """OpenRouter's dollars per token of prompt and reply; both or none."""
    found = (_dollars(pricing.get("prompt")), _dollars(pricing.get("completion")))
    return None if found[0] is None or found[1] is None else (found[0], found[1])


def _dollars(value: Any) -> Decimal | None:
    """A price of at most a dollar a token. -1, which stands for "it depends", is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        price = Decimal(str(value)[:64])
    except InvalidOperation:
        return None
    if not price.is_finite() or not 0 <= price <= 1:
        return None
    finest = price.as_tuple().exponent
    return price if isinstance(finest, int) and finest >= _FINEST else None


def _by_kind(row: Said) -> dict[str, Any]:
    """Together: one word for what a model is for."""
    kind = row.get("type")
    if not isinstance(kind, str) or kind in ("model", ""):
        return {}
    return {
        "answers": kind in _TALKING,
        "completion": kind == "language",
        "embeddings": kind == "embedding",
        "images": kind == "image",
        "speech": kind == "audio",
        "video": kind == "video",
    }


def _by_flags(row: Said) -> dict[str, Any]:
    """Fireworks."""
    return {
        "answers": row.get("supports_chat"),
        "vision": row.get("supports_image_input"),
        "tools": row.get("supports_tools"),
    }


def _by_capabilities(row: Said) -> dict[str, Any]:
    """Mistral."""
    said = _part(row, "capabilities")
    return {
        "answers": said.get("completion_chat"),
        "tools": said.get("function_calling"),
        "vision": said.get("vision"),
    }


def _by_parameters(row: Said) -> dict[str, Any]:
    """OpenRouter: the parameters that a model takes."""
    taken = _words(row, "supported_parameters")
    if not taken:
        return {}
    return {"tools": "tools" in taken, "json_schema": "structured_outputs" in taken}


def _by_modality(row: Said) -> dict[str, Any]:
    """OpenRouter: what goes in and what comes out."""
    architecture = _part(row, "architecture")
    goes_in, comes_out = (_words(architecture, f"{way}_modalities") for way in ("input", "output"))
    said: dict[str, Any] = {}
    if goes_in:
        said["vision"] = "image" in goes_in
    if comes_out:
        said |= {
            "answers": "text" in comes_out,
            "embeddings": "embeddings" in comes_out,
            "images": "image" in comes_out,
            "speech": "audio" in comes_out,
            "video": "video" in comes_out,
        }
    return said


def _by_abilities(row: Said) -> dict[str, Any]:
    """Another Reverie, which names what a model can do and leaves out what it may not."""
    named = _words(row, "abilities") or set()
    return {
        name: True for name in ("tools", "json_schema", "vision", "completion") if name in named
    }
