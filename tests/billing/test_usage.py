"""Sums over time: exact, of one's own, in the days of a time zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.zones import known_zones
from billing import corrections
from billing.models import LedgerEntry, Usage
from billing.usage import (
    DAYS_MOST,
    NONE,
    Question,
    Share,
    Span,
    Sums,
    answer,
    by_day,
    every_request,
    refunded,
    requests,
    shares,
    span_of,
    totals,
)
from tests.billing.test_ledger import hold, settle

pytestmark = pytest.mark.django_db
START = datetime(2025, 1, 1, tzinfo=UTC)
BERLIN, KATHMANDU, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("UTC")


def used(user, at, *, key=None, amount=10, sent=100, cached=0, made=5, **fields):
    """One request at a moment."""
    row = Usage.objects.create(
        key=key or f"turn:{Usage.objects.count()}",
        user=user,
        surface=fields.pop("surface", "web"),
        model=fields.pop("model", "m"),
        prompt_tokens=sent,
        cached_tokens=cached,
        completion_tokens=made,
        amount_micro=amount,
        **fields,
    )
    Usage.objects.filter(pk=row.pk).update(created_at=at)
    return row


def own(user):
    return Usage.objects.filter(user=user)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def days_of(user, span, values=("m",)):
    found = by_day(span.of(own(user)), span, "model", values)
    return {day.isoformat(): sums.requests for (day, _value), sums in found.items()}


def test_totals_count_everything_of_its_rows(owner, stranger):
    used(owner, at("2026-03-01"), amount=7, sent=10, cached=4, made=2)
    used(owner, at("2026-03-02"), amount=0, sent=1, made=1, estimated=True)
    used(stranger, at("2026-03-02"), amount=1000)

    assert totals(own(owner)) == Sums(2, 11, 4, 3, 7, 1)
    assert totals(Usage.objects.none()) == Sums()
    assert totals(own(owner)).tokens == 14


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        (UTC_ZONE, "2026-03-01T23:59:59.999999", "2026-03-01"),
        (UTC_ZONE, "2026-03-02T00:00:00", "2026-03-02"),
        (BERLIN, "2026-03-01T22:59:59.999999", "2026-03-01"),
        (BERLIN, "2026-03-01T23:00:00", "2026-03-02"),
        (KATHMANDU, "2026-03-01T18:14:59.999999", "2026-03-01"),
        (KATHMANDU, "2026-03-01T18:15:00", "2026-03-02"),
        # Clocks go forward on 29 March, back on 25 October.
        (BERLIN, "2026-03-28T22:59:59", "2026-03-28"),
        (BERLIN, "2026-03-28T23:00:00", "2026-03-29"),
        (BERLIN, "2026-03-29T21:59:59", "2026-03-29"),
        (BERLIN, "2026-03-29T22:00:00", "2026-03-30"),
        (BERLIN, "2026-10-25T22:59:59", "2026-10-25"),
        (BERLIN, "2026-10-25T23:00:00", "2026-10-26"),
    ],
)
def test_a_day_begins_at_midnight_of_the_zone(owner, zone, moment, day):
    used(owner, at(moment))

    assert days_of(owner, Span(date(2026, 1, 1), date(2026, 12, 31), zone)) == {day: 1}
    assert days_of(owner, Span(date.fromisoformat(day), date.fromisoformat(day), zone)) == {day: 1}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    zone=st.sampled_from(sorted(known_zones())),
    moments=st.lists(
        st.integers(0, 365 * 86400 * 1000).map(lambda ms: START + timedelta(milliseconds=ms)),
        min_size=1,
        max_size=8,
    ),
)
def test_days_are_those_of_pythons_zones(owner, zone, moments):
    Usage.objects.all().delete()
    expected: dict[str, int] = {}
    place = ZoneInfo(zone)
    for number, moment in enumerate(moments):
        used(owner, moment, key=f"turn:{number}")
        day = moment.astimezone(place).date().isoformat()
        expected[day] = expected.get(day, 0) + 1

    assert days_of(owner, Span(date(2024, 12, 31), date(2026, 1, 1), place)) == expected


def test_days_are_split_and_what_has_no_share_is_the_others(owner):
    for model, amount in (("a", 3), ("b", 2), ("c", 1), ("d", 1)):
        used(owner, at("2026-03-01T12:00"), model=model, amount=amount)
    span = Span(date(2026, 3, 1), date(2026, 3, 2))

    found = by_day(span.of(own(owner)), span, "model", ["a", "b"])

    day = date(2026, 3, 1)
    assert {key: sums.amount_micro for key, sums in found.items()} == {
        (day, "a"): 3,
        (day, "b"): 2,
        (day, None): 2,
    }


def test_shares_are_ordered_by_cost_then_by_tokens(owner):
    used(owner, at("2026-03-01"), model="dear", amount=9)
    used(owner, at("2026-03-01"), model="free", amount=0, sent=1)
    used(owner, at("2026-03-01"), model="busy", amount=0, sent=900)

    found = shares(own(owner), "model", limit=2)

    assert found == [
        Share("dear", Sums(1, 100, 0, 5, 9, 0)),
        Share("busy", Sums(1, 900, 0, 5, 0, 0)),
    ]


def test_an_answer_adds_up_and_takes_two_queries(owner, stranger, django_assert_num_queries):
    for number in range(6):
        used(owner, at(f"2026-03-0{number + 1}T10:00"), model=f"m{number}", amount=number + 1)
    used(stranger, at("2026-03-01T10:00"), amount=1000)
    used(owner, at("2026-02-28T23:59:59"), amount=1000)
    question = Question(Span(date(2026, 3, 1), date(2026, 3, 31)))

    with django_assert_num_queries(2):
        found = answer(own(owner), question, listed=4, drawn=2)

    assert found.totals == Sums(6, 600, 0, 30, 21, 0)
    assert [share.value for share in found.shares] == ["m5", "m4", "m3", "m2"]
    assert found.others == Sums(2, 200, 0, 10, 3, 0)
    assert sum(sums.amount_micro for sums in found.days.values()) == 21
    assert {value for _day, value in found.days} == {"m5", "m4", None}


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ({"model": "a"}, ["turn:0"]),
        ({"character": "luna"}, ["turn:1"]),
        ({"character": NONE}, ["turn:2", "turn:0"]),
        ({"key": "k"}, ["turn:2"]),
        ({"key": NONE, "surface": "web"}, ["turn:1", "turn:0"]),
        ({"surface": "job"}, []),
    ],
)
def test_a_question_may_ask_for_some_values_only(owner, only, expected):
    used(owner, at("2026-03-01T01:00"), model="a")
    used(owner, at("2026-03-01T02:00"), model="b", character="luna")
    used(owner, at("2026-03-01T03:00"), model="b", api_key="k", surface="api")
    span = Span(date(2026, 3, 1), date(2026, 3, 1))

    found = requests(Question(span, only=tuple(only.items())).of(own(owner)), limit=9)

    assert [row.key for row in found.rows] == expected


def test_requests_come_in_pages_also_where_times_are_equal(owner):
    for number in range(7):
        used(owner, at("2026-03-01T01:00") + timedelta(seconds=number // 3))
    seen, before = [], None

    while True:
        page = requests(own(owner), before=before, limit=2)
        seen += [row.key for row in page.rows]
        before = page.older
        if before is None:
            break

    assert seen == [f"turn:{number}" for number in (6, 5, 4, 3, 2, 1, 0)]
    assert requests(own(owner), before=10**9, limit=2).rows == []


def test_a_page_cannot_begin_at_somebody_elses_request(owner, stranger):
    used(owner, at("2026-03-01"))
    theirs = used(stranger, at("2026-03-02"))

    assert requests(own(owner), before=theirs.pk, limit=9).rows == []


def test_every_request_comes_once_in_batches(owner, monkeypatch):
    monkeypatch.setattr("billing.usage._BATCH", 3)
    for number in range(7):
        used(owner, at("2026-03-01T01:00") + timedelta(seconds=number // 4))

    batches = [[row.key for row in batch] for batch in every_request(own(owner))]

    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert [key for batch in batches for key in batch] == [f"turn:{n}" for n in range(7)]


def test_refunds_of_the_days_are_summed(owner, stranger, settings):
    settings.STARTING_GRANT_CREDITS = 1000
    hold(owner)
    settle(owner)
    corrections.refund(charge_key="turn:1", key="r", reason="Cut off", actor="op", amount_micro=5)
    today = datetime.now(UTC).date()

    assert refunded(owner.pk, Span(today, today)) == 5
    assert refunded(owner.pk, Span(today - timedelta(days=9), today - timedelta(days=1))) == 0
    assert refunded(stranger.pk, Span(today, today)) == 0
    assert -LedgerEntry.objects.get(kind="charge").amount_micro == totals(own(owner)).amount_micro


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ("2026-03-02", "2026-03-31")),
        ({"days": 7}, ("2026-03-25", "2026-03-31")),
        ({"since": date(2026, 3, 5)}, ("2026-03-05", "2026-03-31")),
        ({"until": date(2026, 3, 5), "days": 2}, ("2026-03-04", "2026-03-05")),
        ({"until": date(1, 1, 1)}, ("1999-12-03", "2000-01-01")),
        ({"since": date(1, 1, 1), "until": date(1, 1, 1)}, ("1999-01-01", "2000-01-01")),
        ({"until": date(9999, 12, 31)}, ("2026-03-02", "2026-03-31")),
        ({"since": date(1, 1, 1)}, ("2025-03-31", "2026-03-31")),
        ({"since": date(9999, 12, 31)}, ("2026-03-31", "2026-03-31")),
        ({"since": date(2026, 3, 9), "until": date(2026, 3, 5)}, ("2026-03-05", "2026-03-05")),
    ],
)
def test_spans_end_today_and_are_bounded(asked, expected):
    now = datetime(2026, 3, 30, 23, 30, tzinfo=UTC)  # 31 March in Berlin

    span = span_of(now, BERLIN, **{"since": None, "until": None, **asked})

    assert (span.since.isoformat(), span.until.isoformat()) == expected
    assert len(span.days) <= DAYS_MOST
