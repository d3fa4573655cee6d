"""Statements straight through libpq do what a cursor's would. Only where PostgreSQL is."""

from datetime import UTC, datetime

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from billing.models import Hold
from chats.models import Chat, Message
from core.prepared import Insert, Select, Update
from core.trips import read_together, write_together
from tests.factories import ChatFactory

if connection.vendor != "postgresql":
    pytest.skip("needs PostgreSQL", allow_module_level=True)

from psycopg import IsolationLevel

from core import postgres

pytestmark = pytest.mark.django_db


def run(*statements):
    connection.ensure_connection()
    return postgres.run(connection.connection, statements)


def test_values_of_each_kind_arrive_as_they_were_sent():
    noon = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)
    sql = "SELECT %s::text, %s::bigint, %s::bool, %s::timestamptz, %s::text, 100 %% 30"
    [done] = run((sql, ["Zoë's 100% {}", -(2**40), True, noon, None]))

    assert done.fetchall() == [("Zoë's 100% {}", -(2**40), True, noon, None, 10)]
    assert done.rows[0] == done.fetchall()[0]
    assert done.rowcount == 1


def test_kinds_that_have_no_text_are_refused():
    with pytest.raises(TypeError) as raised:
        run(("SELECT %s", [b"bytes"]))

    assert str(raised.value) == "a prepared statement takes no bytes"


def test_a_statement_is_prepared_once_for_each_connection():
    for number in range(3):
        run(("SELECT %s::int + 7001", [number]))

    [done] = run(
        ("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s", ["%+ 7001"])
    )
    assert done.rows[0] == (1,)


def test_several_statements_give_one_result_each():
    chat = ChatFactory()
    rename = "UPDATE chats_chat SET title = %s WHERE uid = %s"
    changed, missed, read = run(
        (rename, ["New", chat.uid]),
        (rename, ["New", "nobody"]),
        ("SELECT title FROM chats_chat WHERE uid = %s", [chat.uid]),
    )

    assert (changed.rowcount, missed.rowcount, read.fetchall()) == (1, 0, [("New",)])
    assert changed.rows == []


@pytest.mark.django_db(transaction=True)
def test_a_transaction_begins_with_its_first_statement_and_can_be_undone():
    chat = ChatFactory()
    rename = Update(
        lambda uid, title: (Chat.objects.filter(uid=uid), {"title": title}), uid=str, title=str
    )
    connection.connection.isolation_level = IsolationLevel.SERIALIZABLE
    try:
        with transaction.atomic():
            assert rename(uid=chat.uid, title="Gone") == 1
            assert run(("SHOW transaction_isolation", []))[0].rows[0] == ("serializable",)
            transaction.set_rollback(True)
    finally:
        connection.connection.isolation_level = None

    assert Chat.objects.get(uid=chat.uid).title == ""
    assert rename(uid=chat.uid, title="Kept") == 1
    assert Chat.objects.get(uid=chat.uid).title == "Kept"


@pytest.mark.django_db(transaction=True)
def test_after_an_error_among_several_the_connection_goes_on():
    chat = ChatFactory()
    insert = Insert(Message)
    good = insert.bind(uid="m" * 24, chat_id=chat.uid, position=0, role="user", content="Hi")
    long = insert.bind(uid="x" * 25, chat_id=chat.uid, position=1, role="user", content="Ho")

    with pytest.raises(DataError), transaction.atomic():
        write_together(good, long, good)
    with pytest.raises(IntegrityError), transaction.atomic():
        Insert(Hold)(key="k", account_id=0, amount_micro=-1, expires_at=chat.created_at)

    assert Message.objects.count() == 0
    assert write_together(good) == [1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("count", [1, 3])
def test_a_lost_connection_is_told_and_left_behind(count):
    select = Select(lambda uid: Chat.objects.filter(uid=uid), uid=str)
    chat = ChatFactory()
    assert select.first(uid=chat.uid) == chat
    [done] = run(("SELECT pg_backend_pid()", []))
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [done.rows[0][0]])
    other.close()

    with pytest.raises(OperationalError):
        read_together(*[select.bind(uid=chat.uid)] * count)
    connection.close_if_unusable_or_obsolete()

    assert select.first(uid=chat.uid) == chat


@pytest.mark.parametrize("back", [False, True])
def test_more_than_the_sockets_hold_goes_through(back):
    long = "a long line " * 1_000_000
    sql = "SELECT length(%s::text), %s::text"
    results = run(*[(sql, [long, long if back else ""])] * 3)

    assert [done.rows[0] for done in results] == [(len(long), long if back else "")] * 3
