"""Cleaning of text at the edges, so that nothing unstorable travels inwards."""

import unicodedata

_REPLACEMENT = "\ufffd"


def clean(text: str) -> str:
    """Drop NUL and replace lone surrogates; databases and JSON clients choke on both."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def normalised(text: str) -> str:
    """A form for comparing messages: NFC, line ends unified, runs of blanks folded."""
    return " ".join(unicodedata.normalize("NFC", text).split())
