"""Bring what recall keeps of chats up to date: after another embedding model, or with `--force`.

Nobody is charged. It may be stopped and started again, and runs beside the server. The vectors
of an earlier model go, chat by chat, when the new ones are complete.
"""

import argparse
import sys

from accounts.models import User
from chats.reindexing import chats_to_index, reindex
from core.errors import NotFound
from llm import services
from memory import embedders, pgvector
from reverie.commands.output import add_json, find_user, say, say_json
from reverie.progress import Bar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", metavar="U", help="only this person's chats")
    parser.add_argument("--chat", metavar="C", default="", help="only the chat with this uid")
    parser.add_argument("--force", action="store_true", help="also what is up to date already")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    user: User | None = find_user(options.user) if options.user else None
    chats = chats_to_index(user=user, chat_uid=options.chat)
    count = chats.count()
    if options.chat and not count:
        raise NotFound(f"There is no chat {options.chat}.")
    pgvector.prepare()
    used = _embedder(anew=options.force)
    made: list[int] = []
    bar = Bar(count, shown=sys.stderr.isatty() and not options.json)
    try:
        for chat in chats.iterator(chunk_size=100):
            reindex(chat, used, force=options.force, told=made.append)
            bar.step()
    finally:
        bar.end()
    if options.json:
        say_json({"chats": count, "vectors": sum(made), "model": used.model})
    else:
        say(f"{count} chats are up to date; {sum(made)} vectors were made. Recall goes {used}.")
    return 0


def _embedder(*, anew: bool) -> embedders.Description:
    """What recall uses. `anew`, its vectors may have another length than before."""
    used = embedders.in_use()
    if anew and used.spec is not None:
        services.forget_dimensions(used.spec.slug)
        used = embedders.in_use()
    return used
