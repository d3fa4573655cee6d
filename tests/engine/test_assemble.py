"""The prompt: order, cuts, and what holds whatever goes in."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.assemble import (
    MESSAGE_OVERHEAD_TOKENS,
    REPLY_PRIMER_TOKENS,
    AtDepth,
    Budget,
    CharacterParts,
    Covered,
    HistoryMessage,
    LoreParts,
    Note,
    Piece,
    PromptParts,
    Recalled,
    assemble,
)
from engine.tokens import default_counter
from tests.engine.mira import FULL, WIDE, lines


def test_typed_text_is_never_expanded():
    prompt = assemble(FULL, WIDE, counter=default_counter())

    assert prompt.messages[2].content == "Thank you. What is {{char}}?"


def test_blocks_come_in_their_order():
    prompt = assemble(FULL, WIDE, counter=default_counter())

    assert [block.name for block in prompt.manifest.blocks] == [
        "main prompt", "lore before", "description", "personality", "scenario", "scenario",
        "persona", "preferences", "lore after", "lore after", "memories", "memories", "memories",
        "summary", "summary", "examples", "examples", "history", "post-history", "prefill",
    ]  # fmt: skip


def test_cuts_come_in_their_order_and_spare_what_must_stay():
    prompt = assemble(FULL, Budget(130, 5), counter=default_counter())

    cut = [block.name for block in prompt.manifest.blocks if not block.kept]
    kept = {block.name for block in prompt.manifest.blocks if block.kept}
    assert list(dict.fromkeys(cut)) == [
        "examples", "history", "memories", "summary", "lore after", "lore before", "preferences",
        "persona", "personality", "scenario", "overflow",
    ]  # fmt: skip
    assert {"main prompt", "description", "history"} <= kept
    assert "I'll help." in [message.content for message in prompt.messages]


texts = st.text(max_size=120)
roles = st.sampled_from(["user", "assistant"])
pieces = st.builds(Piece, texts, st.just("lorebook:w.1"), st.integers(0, 200), st.booleans())
at_depths = st.builds(
    AtDepth,
    depth=st.integers(0, 20),
    role=st.sampled_from(["system", "user", "assistant"]),
    pieces=st.lists(pieces, min_size=1, max_size=2).map(tuple),
    is_from_start=st.booleans(),
)
recalled = st.builds(
    Recalled,
    text=texts,
    source=st.just("chat"),
    kind=st.sampled_from(["memory", "passage"]),
    score=st.floats(-5, 5),
    uids=st.lists(st.integers(0, 14).map("m{}".format), min_size=1, max_size=2).map(tuple),
    place=st.integers(0, 14),
)
covereds = st.builds(
    lambda first, length, text: Covered(
        first=first, last=first + length, text=text, uid=f"s{first}.{length}"
    ),
    first=st.integers(0, 12),
    length=st.integers(-1, 5),
    text=texts,
)
parts = st.builds(
    PromptParts,
    character=st.builds(
        CharacterParts,
        name=st.just("Ann"),
        spoken_name=st.just("Ann"),
        description=texts,
        personality=texts,
        mes_example=texts,
    ),
    user_name=st.just("Tom"),
    memories=st.lists(recalled, max_size=6).map(tuple),
    summaries=st.lists(covereds, max_size=4).map(tuple),
    lore=st.builds(
        LoreParts,
        before=st.lists(pieces, max_size=3).map(tuple),
        at_depth=st.lists(at_depths, max_size=3).map(tuple),
    ),
    note=st.none() | st.builds(Note, text=texts, depth=st.integers(0, 20)),
    history=st.lists(st.tuples(roles, texts), max_size=12).map(
        lambda said: tuple(HistoryMessage(r, t, f"m{i}") for i, (r, t) in enumerate(said))
    ),
    first_position=st.sampled_from([0, 0, 5]),
)
budgets = st.builds(Budget, context_tokens=st.integers(0, 900), reply_tokens=st.integers(0, 200))


@given(parts, budgets)
def test_never_over_budget_unless_it_says_so(given_parts, budget):
    counter = default_counter()

    prompt = assemble(given_parts, budget, counter=counter)

    real = REPLY_PRIMER_TOKENS + sum(
        counter.count(message.content) + MESSAGE_OVERHEAD_TOKENS for message in prompt.messages
    )
    overflow = any(block.name == "overflow" for block in prompt.manifest.blocks)
    assert real <= prompt.tokens
    assert overflow == (prompt.tokens > budget.prompt_tokens)


@given(parts, budgets)
def test_newest_user_message_stays_and_history_keeps_its_end(given_parts, budget):
    prompt = assemble(given_parts, budget, counter=default_counter())

    said = [line.uid for line in lines(prompt) if line.uid]
    whole = [message.uid for message in given_parts.history]
    assert said == whole[len(whole) - len(said) :]
    newest = [message.uid for message in given_parts.history if message.role == "user"][-1:]
    assert set(newest) <= set(said)


@given(parts, budgets)
def test_same_parts_give_the_same_prompt(given_parts, budget):
    first = assemble(given_parts, budget, counter=default_counter())

    assert assemble(given_parts, budget, counter=default_counter()) == first
    json.dumps(msgspec.to_builtins(first.manifest))


@given(parts, budgets)
def test_layout_says_what_was_sent(given_parts, budget):
    prompt = assemble(given_parts, budget, counter=default_counter())

    texts_of = {message.uid: message.content for message in given_parts.history}
    blocks = prompt.manifest.blocks
    rebuilt = [
        (
            line.role,
            texts_of[line.uid] if line.uid else "\n\n".join(blocks[i].text for i in line.blocks),
        )
        for line in lines(prompt)
    ]
    assert rebuilt == [(message.role, message.content) for message in prompt.messages]
