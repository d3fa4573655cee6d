"""Every way in which a chat file writes a time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from chats.files.dates import read_date, write_date

AFTERNOON = datetime(2023, 6, 19, 14, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (1684669029632, datetime(2023, 5, 21, 11, 37, 9, 632000, UTC)),
        ("1684669029632", datetime(2023, 5, 21, 11, 37, 9, 632000, UTC)),
        (1684669029, datetime(2023, 5, 21, 11, 37, 9, tzinfo=UTC)),
        (1684669029632.0, datetime(2023, 5, 21, 11, 37, 9, 632000, UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        ("June 19, 2023 2:20pm", AFTERNOON),
        ("June 19, 2023 2:20 PM", AFTERNOON),
        ("Jun 19, 2023 at 02:20:00 p.m.", AFTERNOON),
        ("June 19, 2023 14:20", AFTERNOON),
        ("June 19, 2023 14:20pm", AFTERNOON),
        ("  June  19,  2023 2:20pm ", AFTERNOON),
        ("June 19, 2023 12:05am", datetime(2023, 6, 19, 0, 5, tzinfo=UTC)),
        ("June 19, 2023 12:05pm", datetime(2023, 6, 19, 12, 5, tzinfo=UTC)),
        ("2024-7-12@01h31m37s", datetime(2024, 7, 12, 1, 31, 37, tzinfo=UTC)),
        ("2024-07-12@01h31m37s", datetime(2024, 7, 12, 1, 31, 37, tzinfo=UTC)),
        ("2024-6-5 @14h 56m 50s 682ms", datetime(2024, 6, 5, 14, 56, 50, 682000, UTC)),
        ("2024-6-5@14h56m50s682ms", datetime(2024, 6, 5, 14, 56, 50, 682000, UTC)),
        ("2024-06-05T14:56:50.682Z", datetime(2024, 6, 5, 14, 56, 50, 682000, UTC)),
        ("2024-06-05T14:56:50+02:00", datetime(2024, 6, 5, 12, 56, 50, tzinfo=UTC)),
        ("2024-06-05 14:56:50", datetime(2024, 6, 5, 14, 56, 50, tzinfo=UTC)),
        ("2024-06-05", datetime(2024, 6, 5, tzinfo=UTC)),
    ],
)
def test_date_is_read(value, moment):
    assert read_date(value) == moment
    assert read_date(value).tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, "", "soon", [], {}, -1, 1e300, float("nan"), float("inf"), 10**20,
        "9" * 15, "June 31, 2023 2:20pm", "Jux 19, 2023 2:20pm", "June 19, 2023 25:20",
        "2024-13-1@01h31m37s", "2024-7-12@24h31m37s", "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00", "٢٠٢٤-06-05", "1" * 100, "2024-06-05T14:56:50Z" * 10,
    ],
)  # fmt: skip
def test_what_is_no_date_is_none(value):
    assert read_date(value) is None


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2024, 6, 5, 14, 56, 50, tzinfo=UTC), "2024-06-05T14:56:50.000Z"),
        (datetime(2024, 6, 5, 14, 56, 50, 682001, UTC), "2024-06-05T14:56:50.682001Z"),
        (
            datetime(2024, 6, 5, 14, 56, tzinfo=timezone(timedelta(hours=2))),
            "2024-06-05T12:56:00.000Z",
        ),
    ],
)
def test_date_is_written_so_that_it_is_read_again(moment, text):
    assert write_date(moment) == text
    assert read_date(text) == moment
