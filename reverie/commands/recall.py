"""Ask recorded conversations questions, with the recall that every turn uses.

`reverie recall --turns FILE.jsonl --questions FILE.jsonl` stores the conversations in a
throw-away database and prints a line of JSON for each question: the passages that would go into
the prompt, best first. Nothing else is read or written.

With the embedded model (`make semantic`) it goes by meaning too, as a turn does, and waits for
it as a turn would not; `--words` or REVERIE_EMBEDDINGS=off leaves it out. Nobody is charged.

A turn is {"conversation", "id", "session", "time" (ISO or null), "speaker", "text"}, a question
{"conversation", "id", "text"}; an answer {"conversation", "id", "hits": [{"ids", "text",
"score"}]}.
"""

import argparse
import os
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Final

import django

_PATIENCE_MS: Final = "60000"
_NOT_OURS: Final = ("DATABASE_URL", "REDIS_URL", "REVERIE_DATA", "REVERIE_PRODUCTION")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--turns", type=Path, required=True, help="conversations, a turn a line")
    parser.add_argument("--questions", type=Path, required=True, help="a question a line")
    parser.add_argument("--k", type=_count, default=50, help="passages for each question (50)")
    parser.add_argument("--words", action="store_true", help="by words only, not by meaning")
    parser.add_argument("--quiet", action="store_true", help="draw no progress bar")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one passage has to be asked for")
    return number


def run(options: argparse.Namespace) -> int:
    """Settings are read after the throw-away folder is chosen, so that they know no other."""
    for name in _NOT_OURS:
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    with tempfile.TemporaryDirectory(prefix="reverie-recall-") as folder:
        os.environ["REVERIE_DATA"] = folder
        os.environ["REVERIE_EMBEDDING_TIMEOUT_MS"] = _PATIENCE_MS
        if options.words:
            os.environ["REVERIE_EMBEDDINGS"] = "off"
        django.setup()
        return int(import_module("reverie.trial").answer_all(options))
