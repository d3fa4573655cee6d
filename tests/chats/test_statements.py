"""What a plain turn costs the database: statements, and trips where they can travel together."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chats.closing import close_turn
from chats.inbound import Inbound, open_inbound
from chats.models import Turn
from chats.sync import Line
from chats.values import Outcome

pytestmark = pytest.mark.django_db
OPENING, CLOSING = 11, 8
OUTCOME = Outcome(
    text="Hello there.",
    reasoning="",
    state=Turn.State.DONE,
    finish_reason="stop",
    prompt_tokens=9,
    completion_tokens=3,
)


@pytest.fixture
def turn(secret, luna, provider, no_rereading):
    """Opens and closes one turn in the lane of `secret` with Luna, which exists already."""

    def run(opening, closing):
        inbound = Inbound(
            secret=secret, ip=None, model="Luna", lines=[Line("user", "One more")], messages=()
        )
        with opening:
            opened = open_inbound(inbound)
        with closing:
            close_turn(opened, OUTCOME)

    for _ in range(2):
        run(CaptureQueriesContext(connection), CaptureQueriesContext(connection))
    return run


def statements(captured) -> int:
    """Those of the turn: a test's transaction adds savepoints of its own."""
    own = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")
    return sum(not query["sql"].startswith(own) for query in captured.captured_queries)


def test_statements_of_a_plain_turn(turn):
    opening, closing = CaptureQueriesContext(connection), CaptureQueriesContext(connection)

    turn(opening, closing)

    assert (statements(opening), statements(closing)) == (OPENING, CLOSING)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL")
def test_trips_of_a_plain_turn_on_postgresql(turn, trips):
    class Part(list):
        def __enter__(self):
            trips.clear()

        def __exit__(self, *_):
            self.extend(trips)

    turn(Part(), Part())
    opening, closing = Part(), Part()
    turn(opening, closing)

    # What was read the last time is read at once; then, while the model is asked, the hold, the
    # lease, the message and the turn are written, with the commit.
    assert opening == [(6, False), (5, True)]
    # The hold; the turn's end; then the reply and what is charged, with the commit.
    assert closing == [(1, False), (1, False), (6, True)]
