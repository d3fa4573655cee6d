"""A new chat that begins with what another one came to."""

from collections.abc import Iterable

from django.db import transaction

from accounts.models import User
from chats import queries, services
from chats.models import Chat
from chats.remembering import give_notebook
from memory.services import carry


def start_carrying(
    *, user: User, chat_uid: str, text: str = "", memories: Iterable[str] = ()
) -> Chat:
    """A new chat with the same character and scenario, on the same notebook.

    `text` becomes the summary it begins with; `memories` are uids of what only the old chat
    knows and the new one shall know too. Raises NotFound and Invalid; then nothing changed.
    """
    old = queries.get_chat(user, chat_uid)
    with transaction.atomic():
        give_notebook(old)
        assert old.notebook is not None
        new = services.start_chat(user=user, character=old.character, scenario=old.scenario)
        new.notebook = old.notebook
        new.persona_id = old.persona_id
        new.save(update_fields=["notebook", "persona"])
        carry(old.notebook, old_chat=old.uid, new_chat=new.uid, text=text, memories=memories)
    return new
