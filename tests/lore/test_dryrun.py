"""A scan that changes nothing, in words; and what is wrong with keys."""

import re

import pytest

from core.errors import Invalid
from lore import dryrun
from lore.books import compile_book
from lore.dryrun import Cast
from lore.keycheck import problems
from lore.outcome import Verdict
from lore.reasons import where_in_words, why
from lore.scene import Said, Settings, settings_with
from lore.sight import Where
from lore.values import Book, CharacterFilter, Entry, Position, Role

NOBODY = Cast()


def run(entries, text, *, cast=NOBODY, **settings):
    book = compile_book(Book(entries=tuple(entries)), "b")
    found = dryrun.dry_run(
        book, Settings(**settings), dryrun.said_in(text, cast.char), cast, seed="s"
    )
    return found, {one.entry.uid: one for one in dryrun.told(found, book)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("  \r\n ", ()),
        ("Just words: none of them names", (Said("Just words", "none of them names"),)),
        ("no speaker here", (Said("", "no speaker here"),)),
        ("see http://a.b/c", (Said("", "see http://a.b/c"),)),
        (
            "Ann: Hi.\r\nsecond line\nLuna: Yes?\nBen:",
            (Said("Ann", "Hi.\nsecond line"), Said("Luna", "Yes?", True), Said("Ben", "")),
        ),
    ],
)
def test_text_is_read_as_messages(text, expected):
    assert dryrun.said_in(text, "Luna") == expected


@pytest.mark.parametrize("text", ["x" * 200_001, "A: b\n" * 1001])
def test_text_beyond_bounds_is_refused(text):
    with pytest.raises(Invalid):
        dryrun.said_in(text)


def test_settings_take_what_is_given():
    assert settings_with(Settings(scan_depth=9), {"recursive": False}) == Settings(
        scan_depth=9, recursive=False
    )


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"scan_depth": 1001}, "scan_depth"),
        ({"budget_tokens": -1}, "budget_tokens"),
        ({"budget_percent": 0}, "budget_percent"),
        ({"budget_cap": -1}, "budget_cap"),
        ({"recursive": "maybe"}, "settings"),
        ({"insertion_strategy": 7}, "settings"),
        ({"colour": 1}, "colour"),
    ],
)
def test_odd_settings_are_refused(given, param):
    with pytest.raises(Invalid) as refused:
        settings_with(Settings(), given)

    assert refused.value.param == param


def test_every_entry_gets_a_reason():
    entries = [
        Entry(uid=0, keys=("lamp",), content="The keeper."),
        Entry(uid=1, keys=("keeper",), content="Old."),
        Entry(uid=2, keys=("fog",), content="Grey."),
        Entry(uid=3, keys=("lamp",), secondary_keys=("oil",), content="Oil."),
        Entry(uid=4, keys=("lamp",), enabled=False),
        Entry(uid=5, content="No keys."),
        Entry(uid=6, constant=True, content="Always."),
        Entry(uid=7, keys=("lamp",), probability=0, content="Never."),
        Entry(uid=8, keys=("Ann",), delay=9, content="Later."),
    ]

    found, told = run(entries, "Ann: The lamp.\nBen: Hm.")

    assert {uid: one.reason for uid, one in told.items()} == {
        0: "“lamp” is in message 2 from below.",
        1: "“keeper” is in the text of another entry.",
        2: "None of its keys was found.",
        3: "“lamp” is in message 2 from below, but its secondary keys do not allow it.",
        4: "It is turned off.",
        5: "It has no keys and is not set to be always in play.",
        6: "It is always in play.",
        7: "The dice were against it.",
        8: "The chat is still shorter than its delay.",
    }
    assert {dryrun.uid_of(key) for key in found.activated} == {0, 1, 6}


def test_key_with_braces_is_told_as_it_is():
    _, told = run([Entry(uid=0, keys=("{key}",), content="x")], "a {key} here")

    assert told[0].reason == "“{key}” is in the newest message."


def test_names_and_texts_of_the_cast_are_in_play():
    entry = Entry(
        uid=0, keys=("boat",), content="{{user}} and {{char}}", match_character_description=True
    )
    cast = Cast(char="Luna", user="Ann", sources={"character_description": "Owns a boat."})

    found, told = run([entry], "Hi.", cast=cast)

    assert told[0].reason == "“boat” is in the character's description."
    assert [piece.text for piece in found.slots.before] == ["Ann and Luna"]


def test_places_are_named_in_the_order_of_the_prompt():
    entries = [
        Entry(
            uid=0, constant=True, content="a", position=Position.AT_DEPTH, depth=2, role=Role.USER
        ),
        Entry(uid=1, constant=True, content="b", position=Position.OUTLET, outlet_name="Map"),
        Entry(uid=2, constant=True, content="c"),
    ]

    found, _ = run(entries, "x")

    assert [words for words, _ in dryrun.places(found.slots)] == [
        "Before the character",
        "2 messages before the end, as user",
        "Outlet “Map”",
    ]


def test_every_rule_of_the_scan_has_words():
    """Rules are written as texts in the code of the scan; none may reach a person raw."""
    import inspect

    from lore import activation, groups

    source = inspect.getsource(activation) + inspect.getsource(groups)
    said = r'(?:, |return |rule = )"(\w+)"(?:[,)]| if |\n)'
    used = set(re.findall(said, source)) | {"no_key", "keyless"}
    used -= {"chat", "persona", "character", "global"}
    assert {"disabled", "sticky", "key", "budget", "group_lost", "probability"} <= used

    told = {rule: why(Verdict("b.0", False, rule)) for rule in used}
    assert [rule for rule, words in told.items() if not words.endswith(".")] == []


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (None, "the text"),
        (Where("message", 0), "the newest message"),
        (Where("message", 4), "message 5 from below"),
        (Where("scenario"), "the situation"),
        (Where("note"), "a note"),
    ],
)
def test_places_of_keys_in_words(where, words):
    assert where_in_words(where) == words


def test_sound_keys_have_no_problem():
    keys = ("lamp", "/gulls?/i", "", "a/b", "/usr/bin/x y")

    assert problems(keys) == []


def test_what_looks_like_a_pattern_and_is_none_is_told():
    (found,) = problems(("/(lamp/",))

    assert found.key == "/(lamp/"
    assert found.words.startswith("This looks like a pattern but is taken word for word: ")


def test_pattern_that_runs_out_of_time_is_told():
    assert [found.key for found in problems(("fine", "/(a|aa)+$/"))] == ["/(a|aa)+$/"]


def test_keys_that_must_be_patterns_are_checked_as_such():
    assert problems(("lamp", "/gull/i"), use_regex=True) == []
    (found,) = problems(("(lamp",), use_regex=True)
    assert found.words.startswith("This is no pattern: ")


def test_check_of_many_bad_keys_is_short():
    assert len(problems(f"/({number}/" for number in range(500))) == 20


def test_a_dry_run_carries_macros_out():
    entries = [
        Entry(uid=0, keys=("lamp",), content="{{char}}: {{description}}{{hidden_key:oil}}"),
        Entry(uid=1, keys=("oil",), content="Dear."),
    ]
    cast = Cast(char="Luna", sources={"character_description": "A keeper for {{user}}."})

    found, _ = run(entries, "the lamp", cast=cast)

    assert found.activated == ("b.0", "b.1")
    assert [piece.text for piece in found.slots.before] == ["Dear.", "Luna: A keeper for You."]


def test_a_dry_run_knows_every_name_of_the_character():
    only = CharacterFilter(names=("luna-v2",))
    entries = [Entry(uid=0, keys=("lamp",), character_filter=only)]

    named, _ = run(entries, "lamp", cast=Cast(char="Luna", called=frozenset({"luna-v2"})))
    other, _ = run(entries, "lamp", cast=Cast(char="Luna"))

    assert (named.activated, other.activated) == (("b.0",), ())
