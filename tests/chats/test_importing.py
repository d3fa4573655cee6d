"""Chats from files become trees of messages, once."""

from datetime import UTC, datetime

import pytest

from chats.files import merge_branches, read_chat
from chats.importing import Given, import_chats, store_chats
from chats.models import Chat, ChatSource, Message
from chats.services import step_version, trash_chat
from core.errors import Invalid
from lore.models import Binding
from lore.services import create_lorebook
from personas.services import create_persona
from tests.chats.files.build import WHOLE, asked, jsonl, said
from tests.factories import CharacterFactory

pytestmark = pytest.mark.django_db

def taken_in(owner, luna, *lines, name="Luna - 2.jsonl"):
    return import_chats(owner=owner, character=luna, data=jsonl(*lines), filename=name)


def shape(chat):
    """(depth, text, active, chosen) of each message."""
    rows = Message.objects.filter(chat=chat).order_by("position", "uid")
    return [(m.position, m.content, m.active, m.chosen) for m in rows]


def test_swipes_become_versions_and_the_shown_one_is_shown(owner, luna):
    [made] = taken_in(owner, luna, *WHOLE)

    assert (made.is_new, made.message_count) == (True, 5)
    assert shape(made.chat) == [
        (0, "Hello.", True, True),
        (0, "Good evening.", False, False),
        (1, "Where are we?", True, True),
        (2, "In a boat.", False, False),
        (2, "On a train.", True, True),
    ]
