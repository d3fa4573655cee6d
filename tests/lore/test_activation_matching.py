"""What an entry sees and when one of its keys is in it."""

import pytest

from lore.matching import lower
from lore.patterns import why_literal
from lore.scene import Said, Scene
from lore.sight import Where
from lore.values import Logic
from tests.lore.scans import bind, entry, found, rules, scan, scene, verdict


def sees(key: str, text: str, **fields: object) -> bool:
    whole_words = bool(fields.pop("match_whole_words", False))
    case_sensitive = bool(fields.pop("case_sensitive", False))
    activated = found(
        entry(0, key, **fields),
        at=scene(text),
        match_whole_words=whole_words,
        case_sensitive=case_sensitive,
    )
    return activated == [0]


@pytest.mark.parametrize(
    ("depth", "expected"),
    [(0, []), (1, [3]), (2, [2, 3]), (3, [1, 2, 3]), (4, [0, 1, 2, 3]), (5000, [0, 1, 2, 3])],
)
def test_scan_depth_counts_from_the_newest_message(depth, expected):
    entries = [entry(i, f"k{i}") for i in range(4)]

    assert found(*entries, at=scene("k0", "k1", "k2", "k3"), scan_depth=depth) == expected


def test_an_empty_message_counts():
    assert found(entry(0, "cat"), at=scene("cat", ""), scan_depth=1) == []
    assert found(entry(0, "cat"), at=scene("cat", ""), scan_depth=2) == [0]


@pytest.mark.parametrize(("own", "expected"), [(0, []), (1, []), (2, [0]), (None, [])])
def test_depth_of_an_entry_goes_before_the_settings(own, expected):
    assert found(entry(0, "cat", scan_depth=own), at=scene("cat", "x"), scan_depth=1) == expected


def test_depth_goes_from_decorator_to_entry_to_book():
    bound = bind(
        entry(0, "cat", content="@@scan_depth 3\ntext", scan_depth=1),
        entry(1, "cat", scan_depth=2),
        entry(2, "dog"),
        entry(3, "cat"),
        scan_depth=2,
    )

    found_one = scan(bound, at=scene("cat", "dog", "x"), scan_depth=1)

    assert found_one.activated == ("w.0", "w.2")


def test_depth_zero_sees_neither_sources_nor_notes_nor_recursion():
    at = scene("start", sources={"scenario": "cat"}, notes=("cat",))
    unseeing = entry(0, "cat", scan_depth=0, match_scenario=True)

    assert found(unseeing, entry(1, "start", content="cat"), at=at, recursive=True) == [1]


@pytest.mark.parametrize(("names", "expected"), [(True, [0]), (False, [])])
def test_names_are_seen_if_included(names, expected):
    assert found(entry(0, "ann: hi"), at=scene("hi"), include_names=names) == expected


def test_text_form_is_newest_first_with_a_mark_before_each_message():
    form = r"/^\x01Rex: two\n\x01Ann: one$/"

    assert found(entry(0, form), at=scene("one\n", "two "), include_names=True) == [0]


def test_sources_stand_behind_the_messages():
    at = scene("hi", sources={"scenario": "a tavern", "creator_notes": "zed"})
    spanning = entry(
        0, r"/^\x01hi\n\x01a tavern\n\x01zed$/", match_scenario=True, match_creator_notes=True
    )

    assert found(spanning, at=at) == [0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("persona_description", "baker"),
        ("character_description", "knight"),
        ("character_personality", "brave"),
        ("character_depth_prompt", "oath"),
        ("scenario", "tavern"),
        ("creator_notes", "zed"),
    ],
)
def test_a_source_is_seen_by_those_that_ask_for_it(name, text):
    at = scene("x", sources={name: text})
    asking, pattern = (
        entry(i, key, **{f"match_{name}": True}) for i, key in [(0, text), (1, f"/{text}/")]
    )

    result = scan(bind(asking, pattern, entry(2, text), entry(3, f"/{text}/")), at=at)

    assert result.activated == ("w.0", "w.1")
    assert verdict(result, 0).where == Where(name)
    assert verdict(result, 1).where == Where(name)


def test_notes_are_seen_by_all():
    result = scan(bind(entry(0, "cat"), entry(1, "/cat/")), at=scene("x", notes=("a cat",)))

    assert [v.where for v in result.verdicts] == [Where("note"), Where("note")]


# Literal keys


@pytest.mark.parametrize(
    ("key", "text", "is_seen"),
    [
        ("dragon", "I saw a DRAGON.", True),
        ("DRAGON", "a dragon", True),
        ("cat", "concatenated", True),
        (" cat ", "a cat", True),
        ("red cat", "a red  cat", False),
        ("c.t", "cat", False),
        ("", "anything", False),
        ("   ", "anything at   all", False),
        ("\u00a0", "any\u00a0thing", False),
        ("café", "cafe\u0301", False),
        ("ÉCLAIR", "un éclair", True),
        ("ДРАКОН", "дракон", True),
        ("İstanbul", "to İSTANBUL", True),
        ("straße", "STRASSE", False),
        ("ΛΟΓΟΣ", "Ο ΛΟΓΟΣ ΣΤΗΝ İ", True),
        ("/cat", "a /cat here", True),
        ("/cat/x", "a /cat/x here", True),
        ("/cat/d", "see /cat/d", True),
        ("/a/b/", "see /a/b/ now", True),
        ("/a/ii", "see /a/ii", True),
        ("//", "a // b", True),
    ],
)
def test_literal_key(key, text, is_seen):
    assert sees(key, text) is is_seen


@pytest.mark.parametrize(
    ("key", "text", "is_seen"),
    [
        ("cat", "a cat.", True),
        ("cat", "cat", True),
        ("cat", "(cat)", True),
        ("cat", "cat's", True),
        ("cat", "wild-cat", True),
        ("cat", "cats", False),
        ("cat", "concat", False),
        ("cat", "cat_", False),
        ("cat", "7cat", False),
        ("cat", "concat, then a cat", True),
        ("red cat", "bored cats", True),
        ("@cat", "x@cat", False),
        ("@cat", "x @cat", True),
        ("c++", "in c++, say", True),
        ("c++", "in c++x", False),
        ("caf", "café", False),
        ("caf", "cafe\u0301", False),
        ("cafe", "cafe\u0301", False),
        ("cafe\u0301", "a cafe\u0301!", True),
        ("café", "le café noir", True),
        ("ange", "étrangeté", False),
        ("étrange", "l'étrange", True),
        ("ñu", "cañuela", False),
        ("кот", "кот!", True),
        ("кот", "который", False),
        ("кот", "скот", False),
        ("λόγος", "ὁ λόγος.", True),
        ("λόγο", "λόγος", False),
        ("龍", "火龍王", True),
        ("龍王", "cat龍王dog", True),
        ("cat", "猫cat猫", True),
        ("ねこ", "かわいいねこです", True),
        ("ネコ", "ネコちゃん", True),
        ("고양이", "검은고양이는", True),
        ("แมว", "มีแมวดำ", True),
        ("cat猫", "concat猫", False),
        ("cat猫", "a cat猫x", True),
        ("猫cat", "黒猫cats", False),
        ("猫cat", "黒猫cat!", True),
        ("❤", "with ❤\ufe0f here", True),
        ("🐉", "x🐉", False),
        ("🐉", "a 🐉.", True),
    ],
)
def test_whole_word(key, text, is_seen):
    assert sees(key, text, match_whole_words=True) is is_seen
    assert sees("{{it}}", text, match_whole_words=True) is False


@pytest.mark.parametrize(("key", "text"), [("cat", "Cat"), ("Cat", "cat"), ("Кот", "кот")])
def test_case_matters_if_asked_for(key, text):
    assert sees(key, text, case_sensitive=True) is False
    assert sees(key, f"{text} {key}", case_sensitive=True) is True
    assert found(entry(0, key, case_sensitive=True), at=scene(text)) == []
    assert found(entry(0, key, case_sensitive=False), at=scene(text), case_sensitive=True) == [0]


def test_case_and_whole_words_are_asked_of_the_same_place():
    both = entry(0, "Cat", case_sensitive=True, match_whole_words=True)

    assert found(both, at=scene("Cats, a cat, conCat")) == []
    assert found(both, at=scene("Cats, a cat, conCat, Cat")) == [0]


@pytest.mark.parametrize(("own", "common", "expected"), [(True, False, []), (False, True, [0])])
def test_whole_words_of_an_entry_go_before_the_settings(own, common, expected):
    one = entry(0, "cat", match_whole_words=own)

    assert found(one, at=scene("concat"), match_whole_words=common) == expected


def test_a_whole_word_further_back_does_not_count_for_a_smaller_depth():
    at = scene("a cat", "concat")

    assert found(entry(0, "cat"), at=at, scan_depth=1, match_whole_words=True) == []
    assert found(entry(0, "cat"), at=at, scan_depth=2, match_whole_words=True) == [0]


def test_a_key_does_not_span_messages():
    assert found(entry(0, "one two"), at=scene("two", "one")) == []


def test_macros_in_keys_are_replaced():
    def expand(text: str) -> str:
        return text.replace("{{char}}", "Rex").replace("<USER>", "Ann")

    at = scene("rex and ann went out", expand=expand)
    entries = [
        entry(0, "{{char}} and"),
        entry(1, "<USER>"),
        entry(2, "/^.{{char}}/i"),
        entry(3, "out", secondary_keys=("{{char}}",)),
        entry(4, "{{nobody}}"),
    ]

    assert found(*entries, at=at) == [0, 1, 2, 3]


def test_a_macro_that_leaves_nothing_never_matches():
    assert found(entry(0, "{{noop}}"), at=scene("x", expand=lambda _: " ")) == []


@pytest.mark.parametrize(
    "text", ["ΑΣ İ", "İıI", "Straße ǅ", "ﬀ İİ", "", "日本", "\U00010400 İ", "ΌΣΟΣ"]
)
def test_lower_case_keeps_places(text):
    assert len(lower(text)) == len(text)


# Patterns


@pytest.mark.parametrize(
    ("key", "text", "is_seen"),
    [
        ("/drag(on|oness)/i", "the DRAGONESS", True),
        ("/drag(on|oness)/", "the DRAGONESS", False),
        (r"/a\/b/", "a/b", True),
        ("/cat/", "concatenate", True),
        ("/c(at/", "see /c(at/", True),
        ("/(?<=red )cat/", "red cat", True),
        ("/CAT/", "cat", False),
        ("/a.b/s", "a\nb", True),
        ("/a.b/", "a\nb", False),
        (" /cat/ ", "cat", True),
    ],
)
def test_pattern_ignores_case_and_word_settings(key, text, is_seen):
    for case_sensitive in (True, False):
        assert sees(key, text, case_sensitive=case_sensitive, match_whole_words=True) is is_seen


def test_patterns_of_version_3_need_no_slashes():
    entries = [
        entry(0, "dra+gon", use_regex=True),
        entry(1, "/DRA+GON/i", use_regex=True),
        entry(2, "dra(gon", use_regex=True),
        entry(3, "draaagon", use_regex=True, secondary_keys=("nothing",)),
        entry(4, "unicorn", use_regex=True, constant=True),
    ]

    assert found(*entries, at=scene("a draaagon, dra(gon")) == [0, 1, 3]


def test_why_a_pattern_is_literal_can_be_told():
    assert why_literal("/c(at/") == "a bracket is not closed"
    assert why_literal("/cat/") == ""
    assert why_literal("cat") == ""


# Secondary keys


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat", [1, 2]),
        ("cat red", [0, 1]),
        ("cat hot", [0, 1]),
        ("cat red hot", [0, 3]),
        ("red hot", []),
    ],
)
def test_secondary_logic(text, expected):
    entries = [
        entry(logic, "cat", secondary_keys=("red", "hot"), selective_logic=logic) for logic in Logic
    ]

    assert found(*entries, at=scene(text)) == expected


def test_secondary_keys_mean_nothing_unless_selective():
    one = entry(0, "cat", secondary_keys=("red",), selective=False)

    assert found(one, at=scene("cat")) == [0]


@pytest.mark.parametrize(("logic", "expected"), [(0, []), (1, [0]), (2, [0]), (3, [])])
def test_an_empty_secondary_key_is_never_present(logic, expected):
    one = entry(0, "cat", secondary_keys=(" ",), selective_logic=Logic(logic))

    assert found(one, at=scene("a cat")) == expected


def test_secondary_keys_see_what_their_entry_sees():
    one = entry(0, "cat", secondary_keys=("red",), scan_depth=2, match_scenario=True)

    assert found(one, at=scene("red", "x", "cat"), scan_depth=3) == []
    assert found(one, at=scene("x", "red", "cat"), scan_depth=1) == [0]
    assert found(one, at=scene("cat", sources={"scenario": "red"}), scan_depth=1) == [0]


def test_secondary_keys_may_be_patterns():
    one = entry(0, "cat", secondary_keys=("/RED|hot/",))

    assert found(one, at=scene("cat red")) == []
    assert found(one, at=scene("cat hot")) == [0]


# What is told


def test_a_verdict_names_the_key_and_the_message():
    result = scan(
        bind(entry(0, "dog", " Cat "), entry(1, "/d.g|c.t/")),
        at=scene("a cat", "x", "y"),
        scan_depth=3,
    )

    assert verdict(result, 0).key == " Cat "
    assert verdict(result, 0).where == Where("message", 2, "m0")
    assert verdict(result, 1).where == Where("message", 2, "m0")


def test_the_newest_message_with_the_key_is_named():
    result = scan(bind(entry(0, "cat")), at=scene("cat", "cat", "x"), scan_depth=3)

    assert verdict(result, 0).where == Where("message", 1, "m1")


def test_why_keys_did_not_call():
    entries = [
        entry(0, "dog"),
        entry(1),
        entry(2, "cat", secondary_keys=("red",)),
        entry(3, "cat", content="@@exclude_keys cat\nx"),
        entry(4, "cat", content="@@additional_keys red\nx"),
        entry(5, "far"),
    ]

    result = scan(bind(*entries), at=scene("far", "cat"), scan_depth=1, explain=True)

    assert rules(result) == {
        0: "no_key",
        1: "keyless",
        2: "secondary_keys",
        3: "exclude_keys",
        4: "additional_keys",
        5: "no_key",
    }
    assert verdict(result, 2).key == "cat"


def test_no_messages_at_all():
    result = scan(bind(entry(0, "cat"), entry(1, "/^/"), entry(2, constant=True)), at=Scene())

    assert result.activated == ("w.1", "w.2")


def test_a_message_without_a_name_stands_bare():
    at = Scene(messages=(Said("", "cat"),), length=1)

    assert found(entry(0, r"/^\x01cat/"), at=at, include_names=True) == [0]
