"""Dates that questions name, and how well a moment fits them."""

from datetime import UTC, datetime

import pytest

from memory.recall.dates import Named, fit, named_in, short


def at(*parts):
    return datetime(*parts, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("question", "date"),
    [
        ("on 8 May, 2023", Named(2023, 5, 8)),
        ("on May 8th, 2023", Named(2023, 5, 8)),
        ("on the 8th of May", Named(0, 5, 8)),
        ("in July 2022", Named(2022, 7, 0)),
        ("in sept.", Named(0, 9, 0)),
        ("in May", Named(0, 5, 0)),
        ("during 2021", Named(2021, 0, 0)),
        ("on 2023-05-08", Named(2023, 5, 8)),
    ],
)
def test_dates_are_read(question, date):
    assert named_in(f"What did Ana do {question}?") == [date]


@pytest.mark.parametrize(
    "question", ["May I ask who?", "Did they march?", "on 31 June 2023", "at 8:30", "2023-13-40"]
)
def test_what_is_no_date_is_none(question):
    assert [date for date in named_in(question) if date.month] == []


@pytest.mark.parametrize(
    ("question", "date"),
    [
        ("yesterday", Named(2024, 2, 29)),
        ("two weeks ago", Named(2024, 2, 16)),
        ("last month", Named(2024, 1, 0)),
        ("this year", Named(2024, 0, 0)),
        ("a year ago", Named(2023, 0, 0)),
    ],
)
def test_dates_told_from_today_need_today(question, date):
    assert named_in(question) == []
    assert named_in(question, at(2024, 3, 1)) == [date]


def test_a_moment_fits_a_date_on_it_best_then_after_then_before():
    day = Named(2023, 5, 8)
    on, after, before = fit(day, at(2023, 5, 8, 20)), fit(day, at(2023, 5, 10)), at(2023, 5, 7)
    assert on == 1
    assert 1 > after > fit(day, before) > 0
    assert fit(day, at(2023, 7, 1)) == 0
    assert fit(Named(0, 5, 0), at(2019, 5, 31)) == 1
    assert fit(Named(2023, 0, 0), at(2023, 7, 1)) == 0.5


@pytest.mark.parametrize("seconds", [-1.0, 1e12, 9e15, float("nan")])
def test_impossible_times_fit_nothing_and_show_nothing(seconds):
    assert fit(Named(2023, 5, 8), seconds) == 0
    assert short(seconds) == ""


def test_a_date_is_shown_short():
    assert short(at(2023, 5, 8)) == "8 May 2023"
    assert short(None) == ""
