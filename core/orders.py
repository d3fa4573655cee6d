"""Orders to every process at once, and to every open page of a person.

They go out once the transaction that causes them is committed, and are never stored: who must not
miss one also looks at the rows from time to time (`chats.ending`).
"""

from typing import Any, Final, Literal

import structlog
from django.db import transaction
from redis import RedisError

from core.layers import layer
from core.loop import submit

log = structlog.get_logger(__name__)

EVERYBODY: Final = "nodes"
"""The channel group on which every process that runs turns takes orders."""

Whose = Literal["user", "key", "provider", "model"]
"""What the turns to be ended belong to."""


def group_of_person(user_id: int) -> str:
    """The channel group of the pages that this person has open."""
    return f"person.{user_id}"


def end_turns(whose: Whose, which: int | str) -> None:
    """End every running turn of this person, key, provider or model, wherever it runs."""
    _send(EVERYBODY, {"type": "node.order", "verb": "end", "whose": whose, "which": str(which)})


def forget_models() -> None:
    """Let every process read the tables of models again."""
    _send(EVERYBODY, {"type": "node.order", "verb": "forget_models"})


def close_pages(user_id: int) -> None:
    """Close the live connections of every page that this person has open."""
    _send(group_of_person(user_id), {"type": "person.sign_out"})


def _send(group: str, message: dict[str, Any]) -> None:
    transaction.on_commit(lambda: submit(_sent(group, message)))


async def _sent(group: str, message: dict[str, Any]) -> None:
    try:
        await layer().group_send(group, message)
    except (RedisError, OSError) as error:
        log.warning("order_not_sent", group=group, error=type(error).__name__)
