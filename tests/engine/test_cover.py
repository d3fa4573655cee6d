"""Summaries in prompts: each message is in the window, summed up, or dropped, and only one."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from engine.assemble import Budget, CharacterParts, Covered, HistoryMessage, PromptParts, assemble
from engine.cover import STORY_TITLE, Story, story_so_far, story_tokens, told_of
from engine.tokens import default_counter
from tests.engine.mira import lines

ANN = CharacterParts("Ann", "Ann", description="Keeps a lamp.")
COUNT = default_counter().count
TEXTS = (
    "We lit the lamp and waited for the ferry that never came.",
    "Ja.",
    "灯台の明かりが消えたので、彼は油を取りに行った。",
    "👩‍👩‍👧‍👦 🚢🌊🕯️ ok",
    "A very long story of the harbour. " * 12,
)


def covered(first, last, *, level=0, text="They waited."):
    return Covered(first=first, last=last, text=text, uid=f"{level}.{first}", level=level)


def grid(count, *, text="They waited for the ferry.", holes=()):
    """All summaries there can be of so many messages, but for the blocks in `holes`."""
    found = [
        covered(first, first + size - 1, level=level, text=text)
        for level, size in enumerate((16, 128, 1024))
        for first in range(0, count - size + 1, size)
        if not any(first <= hole * 16 < first + size for hole in holes)
    ]
    return tuple(found)


def chat(count, *, first=0, texts=TEXTS, summaries=()):
    history = tuple(
        HistoryMessage("user" if n % 2 else "assistant", texts[n % len(texts)], f"m{n}", position=n)
        for n in range(first, count)
    )
    return PromptParts(
        character=ANN,
        user_name="Tom",
        history=history,
        first_position=first,
        summaries=tuple(summaries),
    )


def window_of(prompt):
    return [int(line.uid[1:]) for line in lines(prompt) if line.uid]


def told_in(prompt, parts):
    by_source = {f"summary:{item.uid}": item for item in parts.summaries}
    blocks = (b for b in prompt.manifest.blocks if b.kept and b.source in by_source)
    return [by_source[block.source] for block in blocks]


chats = st.builds(
    lambda count, first, holes, text: chat(
        count, first=min(first, count - 1), summaries=grid(count, holes=holes, text=text)
    ),
    count=st.integers(1, 400),
    first=st.sampled_from([0, 0, 0, 40, 200]),
    holes=st.sets(st.integers(0, 25), max_size=4),
    text=st.sampled_from(TEXTS),
)
windows = st.sampled_from([1_000, 4_096, 8_192, 32_768, 131_072, 1_048_576])


@given(chats, windows)
@hypothesis(max_examples=60)
def test_every_message_is_in_exactly_one_place(parts, window):
    budget = Budget(window, window // 8)

    prompt = assemble(parts, budget, counter=default_counter())

    shown = window_of(prompt)
    told = [at for item in told_in(prompt, parts) for at in range(item.first, item.last + 1)]
    assert len(told) == len(set(told))
    assert not set(told) & set(shown)
    counts = {
        block.reason: block.messages
        for block in prompt.manifest.blocks
        if block.name == "history" and not block.kept
    }
    count = parts.first_position + len(parts.history)
    assert counts.get("in the summary", 0) == len(told)
    assert counts.get("over budget", 0) == count - len(told) - len(shown)


@given(chats, windows)
@hypothesis(max_examples=60)
def test_budget_holds_and_the_newest_user_message_stays(parts, window):
    budget = Budget(window, window // 8)

    prompt = assemble(parts, budget, counter=default_counter())

    assert prompt.tokens <= budget.prompt_tokens
    assert sum(COUNT(message.content) + 4 for message in prompt.messages) + 3 <= prompt.tokens
    story = [b for b in prompt.manifest.blocks if b.name == "summary" and b.kept]
    assert sum(b.tokens + 2 for b in story) <= story_tokens(budget.prompt_tokens)
    mine = [at for at, message in enumerate(parts.history) if message.role == "user"]
    if mine:
        assert parts.first_position + mine[-1] in window_of(prompt)


@given(chats, windows)
@hypothesis(max_examples=30)
def test_same_parts_give_the_same_prompt_whatever_order_summaries_come_in(parts, window):
    turned = msgspec.structs.replace(parts, summaries=parts.summaries[::-1])

    assert assemble(parts, Budget(window, 100), counter=default_counter()) == assemble(
        turned, Budget(window, 100), counter=default_counter()
    )


def test_window_begins_where_a_summary_ends():
    parts = chat(200, texts=TEXTS[:1], summaries=grid(200))

    prompt = assemble(parts, Budget(2000, 200), counter=default_counter())

    start = window_of(prompt)[0]
    assert start % 16 == 0
    assert [(item.first, item.last) for item in told_in(prompt, parts)][-1][1] == start - 1
    assert (
        told_in(prompt, parts)[0] == covered(0, 127, level=1, text="They waited for the ferry.")
        or start < 128
    )


def test_window_start_holds_for_several_turns():
    starts = [
        window_of(
            assemble(
                chat(count, texts=TEXTS[:1], summaries=grid(count)),
                Budget(2000, 200),
                counter=default_counter(),
            )
        )[0]
        for count in range(180, 196)
    ]

    assert len(set(starts)) <= 2


def test_without_summaries_the_window_moves_in_steps():
    prompt = assemble(chat(200, texts=TEXTS[:1]), Budget(2000, 200), counter=default_counter())

    assert window_of(prompt)[0] % 8 == 0
    assert STORY_TITLE not in prompt.messages[0].content


def test_chat_that_fits_tells_nothing_but_what_was_carried():
    carried = Covered(first=0, last=-1, text="They met at sea.", uid="c")
    parts = chat(40, texts=TEXTS[:1], summaries=(*grid(40), carried))

    prompt = assemble(parts, Budget(32_000, 200), counter=default_counter())

    assert told_in(prompt, parts) == [carried]
    assert len(window_of(prompt)) == 40
    assert prompt.leaving == 0


def test_long_text_from_elsewhere_is_cut_to_its_share():
    carried = Covered(first=0, last=-1, text="They met at sea. " * 2000, uid="c")

    prompt = assemble(chat(10, summaries=(carried,)), Budget(4000, 200), counter=default_counter())

    block = next(b for b in prompt.manifest.blocks if b.source == "summary:c")
    assert block.kept
    assert 500 < block.tokens <= story_tokens(3800)


def test_links_in_a_summary_do_not_work():
    bad = covered(0, 15, text="See ![it](https://example.org/a.png)\n<b>Obey.")

    prompt = assemble(
        chat(60, texts=TEXTS[:1], summaries=(bad,)), Budget(700, 50), counter=default_counter()
    )

    assert "https://" not in prompt.messages[0].content
    assert "<b>" not in prompt.messages[0].content


@pytest.mark.parametrize(
    ("first", "last", "end", "found"),
    [
        (0, 15, 16, [(0, 15)]),
        (0, 15, 15, []),
        (16, 31, 200, [(16, 31)]),
    ],
)
def test_only_whole_summaries_before_the_window_are_told(first, last, end, found):
    story = Story([covered(first, last)], COUNT, 1000)

    assert [(t.item.first, t.item.last) for t in story.until(end)] == found


def test_coarsest_cover_is_told():
    story = Story(grid(300), COUNT, 1000)

    assert [(t.item.first, t.item.last) for t in story.until(300)] == [
        (0, 127),
        (128, 255),
        (256, 271),
        (272, 287),
    ]


def test_too_much_is_shortened_before_the_oldest_goes():
    tale = "They waited for the ferry, and it did not come. " * 20
    short = covered(16, 31, text="They slept.")
    items = [covered(0, 15, text=tale), short, covered(32, 47, text=tale)]

    told = Story(items, COUNT, 140).until(48)
    assert [t.item.first for t in told] == [0, 16, 32]
    assert told[1].text == "They slept."
    assert all(t.text.endswith("come.") and t.tokens >= 40 for t in (told[0], told[2]))

    assert [t.item.first for t in Story(items, COUNT, 70).until(48)] == [16, 32]
    assert Story(items, COUNT, 20).until(48) == []


def test_told_of_knows_gaps():
    story = Story([covered(0, 3), covered(8, 9)], COUNT, 1000)

    assert told_of(story.until(99), [0, 3, 4, 8, 9, 10]) == [True, True, False, True, True, False]


def test_what_leaves_soon_is_said_before_it_is_gone():
    parts = chat(100, texts=TEXTS[:1])
    whole = assemble(parts, Budget(100_000, 0), counter=default_counter()).tokens

    roomy = assemble(parts, Budget(2 * whole, 0), counter=default_counter())
    nearly = assemble(parts, Budget(whole + 10, 0), counter=default_counter())

    assert (roomy.leaving, len(window_of(nearly))) == (0, 100)
    assert 40 <= nearly.leaving <= 60


def test_story_so_far_is_the_coarsest_of_every_part():
    summaries = (
        Covered(first=16, last=31, text="Then\nthis.", uid="b"),
        Covered(first=0, last=15, text="Part of it.", uid="a"),
        Covered(first=0, last=31, text="All of it.", uid="c", level=1),
        Covered(first=32, last=47, text="And after.", uid="d"),
        Covered(first=0, last=-1, text="Before.", uid="e"),
    )

    assert story_so_far(summaries) == "Before.\n\nAll of it.\n\nAnd after."
    assert story_so_far(summaries[:2]) == "Part of it.\n\nThen\nthis."
    assert story_so_far(()) == ""
