"""Whose notebook a request means: that of a chat, or the one that chats with a character share."""

from accounts.models import User
from characters import queries as characters
from chats import queries
from chats.remembering import give_notebook
from core.errors import Invalid
from memory import services
from memory.models import Notebook


def notebook_of(user: User, *, character: str = "", chat: str = "") -> Notebook:
    """One's own notebook by the uid of a chat, or else of a character.

    What is known of a character can be read on after it was withdrawn. Raises NotFound, and
    Invalid if neither is named.
    """
    if chat:
        found = queries.get_chat(user, chat)
        give_notebook(found)
        assert found.notebook is not None
        return found.notebook
    if not character:
        raise Invalid("Say which character or chat it is about.", param="character")
    held = Notebook.objects.filter(user=user, character=character, is_default=True).first()
    if held is not None:
        return held
    characters.get_visible(user, character)
    return services.default_notebook(user=user, character=character)
