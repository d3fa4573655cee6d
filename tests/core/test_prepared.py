"""Prepared statements do what the same expression of the ORM does, call after call."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from billing.models import Hold, Usage
from chats.models import Chat, Message
from core.prepared import Insert, Select, Update
from core.trips import read_together, write_together
from tests.factories import ChatFactory

pytestmark = pytest.mark.django_db


def test_select_gives_instances_with_what_was_joined(django_assert_num_queries):
    select = Select(
        lambda uid: Chat.objects.filter(uid=uid).select_related("character", "scenario"), uid=str
    )
    one, two = ChatFactory(), ChatFactory()
    select.all(uid="warm it up")

    with django_assert_num_queries(2):
        found = [select.first(uid=chat.uid) for chat in (two, one)]
        names = [chat.character.name for chat in found]

    assert found == [two, one]
    assert names == [two.character.name, one.character.name]
    assert found[0].scenario is None
    assert found[0].created_at == Chat.objects.get(pk=two.pk).created_at
    assert select.first(uid="nobody") is None


def test_select_gives_tuples_for_values():
    select = Select(
        lambda chat, least: (
            Message.objects.filter(chat_id=chat, position__gte=least)
            .order_by("-position")
            .values_list("position", "content")[:2]
        ),
        chat=str,
        least=int,
    )
    chat = ChatFactory()
    for position in range(4):
        Message.objects.create(chat=chat, position=position, role="user", content=str(position))

    assert select.all(chat=chat.uid, least=1) == [(3, "3"), (2, "2")]
    assert select.all(chat=chat.uid, least=3) == [(3, "3")]


def test_update_says_how_many_rows_changed():
    update = Update(
        lambda uid, now, line: (
            Chat.objects.filter(Q(turn="") | Q(lease_expires_at__lte=now), uid=uid),
            {"version": F("version") + 1, "last_line": line, "active_at": now},
        ),
        uid=str,
        now=datetime,
        line=str,
    )
    chat = ChatFactory()
    now = timezone.now() + timedelta(days=1)

    assert update(uid=chat.uid, now=now, line="A line") == 1
    assert update(uid="nobody", now=now, line="x") == 0

    chat.refresh_from_db()
    assert (chat.version, chat.last_line, chat.active_at) == (1, "A line", now)


def test_update_returns_columns_of_the_row_it_changed():
    update = Update(
        lambda uid, done: (Chat.objects.filter(uid=uid), {"title": done}),
        returning=("uid", "version"),
        uid=str,
        done=str,
    )
    chat = ChatFactory(version=7)

    assert update(uid=chat.uid, done="x") == (chat.uid, 7)
    assert update(uid="nobody", done="x") is None


def test_insert_fills_in_the_models_defaults(owner):
    insert = Insert(Message)
    chat = ChatFactory()

    insert(chat_id=chat.uid, position=0, role="user", content="Hi")
    insert(chat_id=chat.uid, position=1, role="user", content="Ho", active=False)

    rows = list(Message.objects.order_by("position"))
    assert [(m.content, m.active, m.chosen, m.status) for m in rows] == [
        ("Hi", True, True, "complete"),
        ("Ho", False, True, "complete"),
    ]
    assert len({m.uid for m in rows}) == 2
    assert all(timezone.now() - m.created_at < timedelta(minutes=1) for m in rows)


def test_insert_may_leave_a_conflict_alone(owner):
    insert = Insert(Usage, ignore_conflicts=True)
    row = {"user_id": owner.pk, "surface": "api", "model": "m", "amount_micro": 1}
    tokens = {"prompt_tokens": 1, "completion_tokens": 1}

    for _ in range(2):
        insert(key="same", **row, **tokens)

    assert Usage.objects.count() == 1


def test_insert_refuses_columns_that_are_not_there():
    with pytest.raises(TypeError) as raised:
        Insert(Hold)(colour="red")

    assert "no column 'colour'" in str(raised.value)


def test_writes_that_travel_together_are_all_made_in_their_order(owner):
    chat = ChatFactory()
    insert = Insert(Message)
    rename = Update(
        lambda uid, title: (Chat.objects.filter(uid=uid), {"title": title}), uid=str, title=str
    )

    write_together(
        insert.bind(uid="m" * 24, chat_id=chat.uid, position=0, role="user", content="Hi"),
        rename.bind(uid=chat.uid, title="first"),
        rename.bind(uid=chat.uid, title="second"),
    )

    assert Message.objects.get(uid="m" * 24).content == "Hi"
    assert Chat.objects.get(uid=chat.uid).title == "second"


def test_of_writes_that_travel_together_none_stays_when_one_fails(owner):
    chat = ChatFactory()
    insert = Insert(Message)
    row = insert.bind(uid="m" * 24, chat_id=chat.uid, position=0, role="user", content="Hi")

    with pytest.raises(IntegrityError), transaction.atomic():
        write_together(row, row)

    assert not Message.objects.filter(uid="m" * 24).exists()


def test_reads_that_travel_together_each_give_what_they_would_alone(owner):
    chats = Select(lambda uid: Chat.objects.filter(uid=uid).select_related("character"), uid=str)
    titles = Select(lambda title: Chat.objects.filter(title=title).values_list("uid"), title=str)
    chat = ChatFactory(title="Rain")

    found, uids, none = read_together(
        chats.bind(uid=chat.uid), titles.bind(title="Rain"), chats.bind(uid="nobody")
    )

    assert found == [chat]
    assert found[0].character == chat.character
    assert (uids, none) == ([(chat.uid,)], [])


def test_writes_that_travel_together_say_how_many_rows_each_changed(owner):
    chat = ChatFactory()
    rename = Update(
        lambda uid, title: (Chat.objects.filter(uid=uid), {"title": title}), uid=str, title=str
    )

    changed = write_together(
        rename.bind(uid=chat.uid, title="x"), rename.bind(uid="nobody", title="x")
    )

    assert changed == [1, 0]


def test_instances_can_be_changed_and_saved_like_any_other(owner):
    select = Select(
        lambda uid: Chat.objects.filter(uid=uid).select_related("character", "scenario"), uid=str
    )
    chat = ChatFactory(note={"text": "Rain"})

    found = select.first(uid=chat.uid)
    assert (found.note, found.lane_key, found._state.adding) == ({"text": "Rain"}, None, False)
    found.title = "New"
    found.save(update_fields=["title"])

    assert Chat.objects.get().title == "New"


def test_columns_that_were_left_out_are_read_when_they_are_looked_at(
    owner, django_assert_num_queries
):
    select = Select(lambda uid: Chat.objects.filter(uid=uid).only("uid"), uid=str)
    chat = ChatFactory(title="Rain")

    found = select.first(uid=chat.uid)

    with django_assert_num_queries(1):
        assert found.title == "Rain"


def test_insert_writes_json_as_it_can_be_read_again(owner):
    insert = Insert(Message)
    chat = ChatFactory()
    state = {"variables": {"mood": 'glad — "so"'}, "list": [1, None, True]}

    insert(chat_id=chat.uid, position=0, role="user", content="Hi", state=state)

    assert Message.objects.get().state == state
    assert Message.objects.filter(state__variables__mood=state["variables"]["mood"]).exists()


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC),
        datetime(2026, 5, 1, 12, 30, tzinfo=UTC),
        datetime(2026, 5, 1, 12, 30, 15, tzinfo=ZoneInfo("Europe/Rome")),
    ],
)
def test_times_are_kept_as_the_orm_keeps_them(moment, owner):
    insert = Insert(Message)
    move = Update(
        lambda uid, at: (Message.objects.filter(uid=uid), {"edited_at": at}), uid=str, at=datetime
    )
    chat = ChatFactory()

    insert(uid="m" * 24, chat_id=chat.uid, position=0, role="user", content="", created_at=moment)
    move(uid="m" * 24, at=moment)

    found = Message.objects.get(created_at=moment, edited_at=moment)
    assert (found.created_at, found.edited_at) == (moment, moment)
    move(uid="m" * 24, at=None)
    assert Message.objects.get().edited_at is None
