"""What everybody used: sums by person, model and day within a time, and free replies."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from billing import spend
from billing.usage import Span, Sums
from tests.billing.test_usage import used

pytestmark = pytest.mark.django_db
TODAY = date(2026, 6, 10)
NOW = datetime(2026, 6, 10, 12, 30, 30, tzinfo=UTC)


def said(named) -> list[tuple]:
    return [(name, *told(share.sums)) for name, share in named]


def told(sums) -> tuple[int, ...]:
    return sums.requests, sums.input_tokens, sums.output_tokens, sums.amount_micro


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        (None, None, (date(2026, 5, 12), TODAY)),
        (date(2026, 6, 1), date(2026, 6, 2), (date(2026, 6, 1), date(2026, 6, 2))),
        (date(2026, 6, 9), date(2027, 1, 1), (date(2026, 6, 9), TODAY)),
        (date(2026, 6, 9), date(2026, 6, 1), (date(2026, 6, 1), date(2026, 6, 1))),
        (date(1970, 1, 1), None, (TODAY - timedelta(days=91), TODAY)),
    ],
)
def test_a_span_stays_within_bounds(since, until, found):
    span = spend.span_of(NOW, since=since, until=until)

    assert (span.since, span.until, span.zone) == (*found, ZoneInfo("UTC"))


def test_sums_by_person_model_and_day(owner, friend):
    span = Span(date(2026, 6, 9), TODAY)
    used(owner, datetime(2026, 6, 8, 23, 59, 59, tzinfo=UTC), amount=9)
    used(owner, datetime(2026, 6, 9, tzinfo=UTC), amount=5, model="a")
    used(owner, datetime(2026, 6, 10, 23, 59, 59, tzinfo=UTC), amount=7, model="b")
    used(friend, NOW, amount=20, model="b", sent=1, made=1)
    used(friend, datetime(2026, 6, 11, tzinfo=UTC), amount=9)

    found = spend.spend(span)

    assert told(found.totals) == (3, 201, 11, 32)
    assert said(found.users) == [("friend", 1, 1, 1, 20), ("owner", 2, 200, 10, 12)]
    assert [share.value for _, share in found.users] == [friend.pk, owner.pk]
    assert said(found.models) == [("b", 2, 101, 6, 27), ("a", 1, 100, 5, 5)]
    assert [(str(day), *told(sums)) for day, sums in found.days] == [
        ("2026-06-09", 1, 100, 5, 5),
        ("2026-06-10", 2, 101, 6, 27),
    ]
    assert (found.day_most, spend.spent_micro(span)) == (27, 32)


def test_days_without_work_are_there_too():
    found = spend.spend(Span(date(2026, 6, 9), TODAY))

    assert (found.totals, found.day_most) == (Sums(), 0)
    assert found.days == [(date(2026, 6, 9), Sums()), (TODAY, Sums())]


def test_it_is_four_queries_for_any_number(friend, owner, django_assert_num_queries):
    for hour in range(3):
        used(owner if hour else friend, NOW - timedelta(hours=hour), model=f"m{hour}")

    with django_assert_num_queries(4):
        spend.spend(spend.span_of(NOW))


def test_free_replies_are_counted_by_the_minute(owner, friend):
    used(owner, NOW - timedelta(minutes=60), amount=0)
    used(owner, NOW - timedelta(minutes=59), amount=0)
    used(owner, NOW - timedelta(seconds=61), amount=0)
    used(friend, NOW - timedelta(seconds=59), amount=0)
    used(friend, NOW, amount=1)

    found = spend.free_replies(NOW)

    counts = [(at.strftime("%H:%M"), count) for at, count in found.minutes if count]
    assert counts == [("11:31", 1), ("12:29", 2)]
    assert (len(found.minutes), found.hour, found.most) == (60, 3, 2)
    assert [(one.handle, one.minute, one.hour) for one in found.eager] == [
        ("friend", 1, 1),
        ("owner", 0, 2),
    ]


def test_nobody_in_a_quiet_hour():
    found = spend.free_replies(NOW)

    assert (found.hour, found.most, found.eager) == (0, 0, [])
