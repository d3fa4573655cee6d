"""What goes out comes in again as it was."""

import io
import zipfile

import msgspec
import pytest

from chats.exporting import export_jsonl, export_text, export_zip
from chats.files import merge_branches, read_chat
from chats.importing import import_chats
from tests.chats.files.build import GREETING, HEADER, QUESTION, REPLY, WHOLE, asked, jsonl, said

pytestmark = pytest.mark.django_db


def taken_in(owner, luna, *lines, name="Luna - 2.jsonl"):
    return import_chats(owner=owner, character=luna, data=jsonl(*lines), filename=name)[0].chat


def written(chat, title="Luna - 2"):
    return read_chat(b"".join(export_jsonl(chat)), f"{title}.jsonl")[0]


def test_a_chat_goes_out_as_it_came_in(owner, luna):
    chat = taken_in(owner, luna, *WHOLE)

    assert written(chat) == read_chat(jsonl(*WHOLE), "Luna - 2.jsonl")[0]
