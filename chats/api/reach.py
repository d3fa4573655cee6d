"""Which turns a caller of the resource API reaches.

A program that only chats must be able to take up and to stop its own replies. With `chat` alone a
key therefore reaches the turns that it began, and no other.
"""

from accounts.models import ApiKey, Scope, User
from chats import queries
from chats.models import Turn
from core.errors import NotFound


def turn_of(user: User, key: ApiKey | None, turn_id: str, scope: Scope) -> Turn:
    """The turn, if the session asks, or a key with `scope`, or the key that began it."""
    turn = queries.get_turn(user, turn_id)
    if key is not None and scope not in key.granted and turn.api_key_id != key.pk:
        raise NotFound("There is no such turn.", code="turn_not_found")
    return turn
