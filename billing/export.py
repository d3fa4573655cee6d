"""Statements and usage as CSV: streamed, exact, and harmless in a spreadsheet."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from billing.models import Usage
from billing.queries import Filter, exact_credits, whole_statement
from billing.usage import every_request
from core.hop import hop

_ROWS: Final = 500
_COLUMNS: Final = ("time", "kind", "credits", "balance", "note", "reference")
_USAGE_COLUMNS: Final = (
    "time", "surface", "key", "character", "model", "input_tokens", "cached_tokens",
    "output_tokens", "credits", "estimated", "reference",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


async def statement_csv(user_id: int, which: Filter) -> AsyncIterator[bytes]:
    """The file in blocks, oldest entry first. Credits have up to six decimals."""
    async for block in _blocks(_rows(user_id, which)):
        yield block


async def usage_csv(
    rows: QuerySet[Usage], zone: ZoneInfo, names_of: Callable[[Collection[str]], dict[str, str]]
) -> AsyncIterator[bytes]:
    """Requests in blocks, oldest first. Times are those of `zone`, with their offset."""
    async for block in _blocks(_usage_rows(rows, zone, names_of)):
        yield block


async def _blocks(rows: Iterator[str]) -> AsyncIterator[bytes]:
    while block := await hop(_block, rows):
        yield block


def _block(rows: Iterator[str]) -> bytes:
    return "".join(islice(rows, _ROWS)).encode()


def _rows(user_id: int, which: Filter) -> Iterator[str]:
    yield _row(_COLUMNS)
    for line in whole_statement(user_id, which):
        entry = line.entry
        yield _row(
            (
                entry.created_at.isoformat(timespec="seconds"),
                entry.kind,
                exact_credits(entry.amount_micro),
                exact_credits(line.balance_micro),
                harmless(entry.note),
                harmless(entry.key),
            )
        )


def _usage_rows(
    rows: QuerySet[Usage], zone: ZoneInfo, names_of: Callable[[Collection[str]], dict[str, str]]
) -> Iterator[str]:
    yield _row(_USAGE_COLUMNS)
    names = {"": ""}
    for batch in every_request(rows):
        uids = {uid for row in batch for uid in (row.api_key, row.character)} - names.keys()
        names |= {**dict.fromkeys(uids, ""), **names_of(uids)} if uids else {}
        for row in batch:
            yield _row(
                (
                    row.created_at.astimezone(zone).isoformat(timespec="seconds"),
                    row.surface,
                    harmless(names[row.api_key] or row.api_key),
                    harmless(names[row.character] or row.character),
                    harmless(row.model),
                    str(row.prompt_tokens),
                    str(row.cached_tokens),
                    str(row.completion_tokens),
                    exact_credits(row.amount_micro),
                    "yes" if row.estimated else "no",
                    harmless(row.key),
                )
            )


def harmless(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text.startswith(_FORMULA) else text


def _row(values: tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()
