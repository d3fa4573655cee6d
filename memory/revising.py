"""Summaries as people change them. Each change is one transaction and raises the version."""

from typing import Final

from django.db import transaction
from django.utils import timezone

from core.errors import Invalid
from core.text import clean
from engine.tokens import default_counter
from memory.models import Summary
from memory.rows import changed
from memory.summaries import outdate_coarser

SUMMARY_CHARS_MOST: Final = 20_000


@transaction.atomic
def revise(summary: Summary, text: str) -> Summary:
    """Put a person's words in the place of a summary. Coarser ones that rest on it become stale.

    Raises Invalid; then nothing changed.
    """
    summary.text = _checked(text)
    summary.tokens = default_counter().count(summary.text)
    summary.author = Summary.Author.PERSON
    summary.edited_at = timezone.now()
    summary.stale = False
    changed(summary.notebook_id)
    summary.save(update_fields=["text", "tokens", "author", "edited_at", "stale"])
    outdate_coarser(summary)
    return summary


@transaction.atomic
def pin(summary: Summary, pinned: bool) -> Summary:
    """Keep a summary as it is, also when it would be written anew."""
    summary.pinned = pinned
    changed(summary.notebook_id)
    summary.save(update_fields=["pinned"])
    return summary


@transaction.atomic
def discard(summary: Summary) -> None:
    """Delete a summary. Coarser ones that rest on it become stale."""
    changed(summary.notebook_id)
    outdate_coarser(summary)
    summary.delete()


def _checked(text: str) -> str:
    text = clean(text).strip()
    if not text:
        raise Invalid("A summary needs a text.", code="empty_summary", param="text")
    if len(text) > SUMMARY_CHARS_MOST:
        raise Invalid(
            f"The summary has more than {SUMMARY_CHARS_MOST:,} characters.",
            code="summary_too_long",
            param="text",
        )
    return text
