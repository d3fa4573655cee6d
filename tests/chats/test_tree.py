"""The shown path is read from its end, no further than it is needed."""

import pytest

from chats import tree
from chats.models import Message
from core.ids import new_uid
from tests.factories import ChatFactory

pytestmark = pytest.mark.django_db


def grown(count, size):
    chat = ChatFactory()
    Message.objects.filter(chat=chat).delete()
    rows, parent = [], None
    for position in range(count):
        parent = Message(
            uid=new_uid(),
            chat=chat,
            parent=parent,
            position=position,
            role="user" if position % 2 else "assistant",
            content="x" * size,
        )
        rows.append(parent)
    Message.objects.bulk_create(rows)
    return chat


@pytest.mark.parametrize(
    ("count", "size", "chars", "first", "queries"),
    [
        (10, 5, 1000, 0, 1),
        (48, 5, 1000, 0, 1),
        (100, 50, 1000, 52, 1),
        (100, 5, 10_000, 0, 2),
        (500, 5, 1000, 52, 2),
        (900, 5, tree.ALL, 0, 4),
    ],
)
def test_path_is_read_in_steps(count, size, chars, first, queries, django_assert_num_queries):
    chat = grown(count, size)
    tree.path("warm it up", chars=1)
    with django_assert_num_queries(queries):
        path = tree.path(chat.uid, chars=chars)
    assert [node.position for node in path] == list(range(first, count))


def test_path_ends_where_it_is_told_to():
    chat = grown(100, 50)
    path = tree.path(chat.uid, chars=1, up_to=60)
    assert [node.position for node in path] == list(range(13, 61))
