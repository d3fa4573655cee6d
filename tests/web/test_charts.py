"""Bars as paths: where they stand, how high they are, what is written beside them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.charts import WIDTH, Measure, Place, draw


def places(count):
    return [Place(f"?day={n}", f"Day {n}", f"{n}") for n in range(count)]


def measure(*series):
    return Measure("Credits", series, str)


def test_bars_stand_on_each_other():
    chart = draw([measure([10, 0], [5, 20])], places(2))

    panel = chart.panels[0]
    below, above = panel.series
    # 20 is the whole height of 150: one is 7.5 high, and the floor lies at 180.
    assert below.path == "M67.0 105.0h324.0v75.0h-324.0z"
    assert above.path == "M67.0 67.5h324.0v37.5h-324.0zM517.0 30.0h324.0v150.0h-324.0z"
    assert [(tick.y, tick.label) for tick in panel.ticks] == [
        (180.0, "0"),
        (105.0, "10"),
        (30.0, "20"),
    ]


def test_each_measure_has_its_scale_and_all_share_their_places():
    chart = draw([measure([1]), measure([1_000_000])], places(1))

    one, two = chart.panels
    assert [tick.label for tick in one.ticks] == ["0", "1"]
    assert [tick.label for tick in two.ticks] == ["0", "500000", "1000000"]
    assert two.top > one.top
    assert [(column.href, column.title, column.label) for column in chart.columns] == [
        ("?day=0", "Day 0", "0")
    ]


@pytest.mark.parametrize("count", [1, 7, 30, 92])
def test_at_most_eight_days_are_labelled_and_the_newest_always_is(count):
    columns = draw([measure([1] * count)], places(count)).columns

    labelled = [column.label for column in columns if column.label]
    assert 0 < len(labelled) <= 8
    assert labelled[-1] == str(count - 1)


def test_an_empty_series_has_no_path_and_keeps_the_colours_of_the_others():
    chart = draw([measure([0], [3])], places(1))

    assert [series.number for series in chart.panels[0].series] == [1]


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=40))
def test_bars_never_leave_their_panel(values):
    chart = draw([measure(values)], places(len(values)))

    panel = chart.panels[0]
    tops = [tick.y for tick in panel.ticks]
    assert (min(tops), max(tops)) == (30.0, 180.0)
    for series in panel.series:
        for bar in series.path.removesuffix("z").split("z"):
            x, y = (float(part) for part in bar[1:].split("h")[0].split())
            assert 0 <= x <= WIDTH
            # A bar is at least a line high.
            assert 29.9 <= y <= 180
    assert len(panel.ticks) <= 5
