"""Patterns mean what they mean in JavaScript. The expected places were taken from Node 20."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lore.patterns import Pattern
from lore.translation import EXPANSION_MOST, NESTING_MOST, Untranslatable, translate

# Pattern, flags, text, where it first matches.
MATCHES = [
    (r"\d", "", "a٣7", 2),
    (r"\D", "", "7٣", 1),
    (r"\w+", "", "é_a", 1),
    (r"\W", "", "aé", 1),
    (r"\s", "", "a\x85\x1c\ufeff", 3),
    (r"\S", "", "\ufeff\u2028\xa0\x85", 3),
    (r"[\s]", "", "\x1f\u2003", 1),
    (r"[^\s]", "", "\u3000\ufeffx", 2),
    (r"[\S\d]", "", "\t \x1f", 2),
    (r"[^\w]", "", "aé", 1),
    (r"[\W]", "", "a_9 ", 3),
    (r"[\D]", "", "12x", 2),
    (r"\w", "i", "K", None),
    (r"\W", "i", "K", 0),
    ("[]", "", "a", None),
    ("[^]", "", "\n", 0),
    ("[]a]", "", "]a]", None),
    (r"[\]]", "", "a]", 1),
    ("[a-]", "", "b-", 1),
    ("[-a]", "", "b-", 1),
    (r"[\w-z]", "", "`-", 1),
    (r"[\d-]", "", "-", 0),
    (r"[a\-z]", "", "m-", 1),
    (r"[\b]", "", "a\x08", 1),
    ("[[:a]", "", "b[", 1),
    ("[[:alpha:]]", "", "x:]", 1),
    ("[a&&b]", "", "&", 0),
    ("[+--]", "", ".,", 1),
    ("[a||b]", "", "|", 0),
    ("[.]", "", "x.", 1),
    ("[^a]", "", "aé", 1),
    ("[é-ü]", "i", "É", 0),
    ("a.c", "", "a\nc", None),
    ("a.c", "s", "a\nc", 0),
    ("a.c", "", "a\x85c", 0),
    ("a.c", "", "a\u2028c", None),
    (".", "", "\r\n", None),
    ("^b", "", "a\nb", None),
    ("^b", "m", "a\nb", 2),
    ("^b", "m", "a\rb", 2),
    ("^b", "m", "a\u2029b", 2),
    ("^b", "m", "a\x0bb", None),
    ("a$", "", "a\n", None),
    ("a$", "m", "a\n", 0),
    ("a$", "", "ba", 1),
    ("a$", "m", "a\r\nb", 0),
    ("^$", "m", "a\n\nb", 2),
    ("^", "y", "a", 0),
    ("b", "y", "ab", None),
    ("a", "y", "ab", 0),
    ("b", "g", "ab", 1),
    (r"\bcat\b", "", "concat cat", 7),
    (r"\bcat\b", "", "écat", 1),
    (r"\bcat\b", "", "cat猫", 0),
    (r"\bé", "", "é", None),
    (r"é\b", "", "éa", 0),
    (r"\Bcat", "", "écat cat xcat", 10),
    (r"\b", "", "", None),
    (r"\B", "", "", 0),
    (r"\b", "i", "K", None),
    ("É", "i", "é", 0),
    ("straße", "i", "STRASSE", None),
    ("σ", "i", "ς", 0),
    ("К", "i", "к", 0),
    ("[а-я]", "i", "Ж", 0),
    ("[a-z]", "i", "K", 0),
    (r"\u00e9", "", "é", 0),
    (r"\x41", "", "A", 0),
    (r"\u{61}", "u", "a", 0),
    (r"\u{61}", "", "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu", 0),
    (r"\u{1F600}", "u", "x😀", 1),
    (r"\ud83d\ude00", "", "x😀", 1),
    (r"\ud83d\ude00", "u", "x😀", 1),
    (r"\cA", "", "a\x01", 1),
    (r"\c", "", "\\c", 0),
    (r"\0", "", "a\x00", 1),
    (r"\07", "", "a\x07", 1),
    (r"\101", "", "aA", 1),
    (r"\8", "", "a8", 1),
    (r"\t\n\v\f\r", "", "\t\n\x0b\x0c\r", 0),
    (r"\-", "", "-", 0),
    (r"\/", "u", "a/", 1),
    (r"\x4", "", "x4", 0),
    (r"\u12", "", "u12", 0),
    (r"\a", "", "a", 0),
    (r"\A", "", "bA", 1),
    (r"\Z", "", "bZ", 1),
    (r"\K", "", "bK", 1),
    (r"\e", "", "e", 0),
    (r"\p{L}", "", "p{L}", 0),
    (r"\p{L}", "u", "1é", 1),
    (r"\P{L}", "u", "é1", 1),
    (r"[\p{Lu}\d]", "u", "aÉ", 1),
    (r"\p{Script=Greek}", "u", "aλ", 1),
    (r"a\ b", "", "a b", 0),
    ("#.x", "", "#ax", 0),
    ("a b", "", "a b", 0),
    ("~", "", "~", 0),
    ("(a)|b", "", "b", 0),
    ("(?:a|b)c", "", "bc", 0),
    ("(?=b)b", "", "ab", 1),
    ("a(?!b)", "", "abac", 2),
    ("(?<=a)b", "", "bab", 2),
    ("(?<!a)b", "", "abb", 2),
    ("(?<=a+)b", "", "aab", 2),
    (r"(?<=\d{1,3},)x", "", "12,x", 3),
    (r"(?<n>a)\k<n>", "", "abaa", 2),
    (r"\k<n>", "", "k<n>", 0),
    (r"\k<n>(?<n>a)", "", "a", 0),
    (r"(a)\1", "", "abaa", 2),
    (r"(a)?\1b", "", "b", 0),
    (r"(?:(a)|b)\1c", "", "bc", 0),
    (r"\1(a)", "", "a", 0),
    (r"(a\1)", "", "a", 0),
    (r"(?<n>a)?\k<n>b", "", "b", 0),
    (r"(a)\2", "", "a\x02", 0),
    (r"(a)\1", "i", "aA", 0),
    (r"(?<=(a)\1)b", "", "aab", 2),
    ("()", "", "a", 0),
    ("", "", "a", 0),
    ("(?:)", "", "a", 0),
    ("a*?b", "", "aab", 0),
    ("a{2}", "", "aab", 0),
    ("a{2,}", "", "aaa", 0),
    ("a{0}b", "", "ab", 1),
    ("a{,2}", "", "a{,2}", 0),
    ("a{", "", "a{", 0),
    ("{", "", "a{", 1),
    ("}", "", "}", 0),
    ("]", "", "]", 0),
    ("a{2}?", "", "aa", 0),
    ("(?=a)*b", "", "b", 0),
    ("(?!a){2}b", "", "b", 0),
    ("a|", "", "b", 0),
    ("|a", "", "a", 0),
    ("(?:a{1,2}){2}", "", "aaa", 0),
]
# Syntax errors in JavaScript.
REFUSED = [
    ("[z-a]", ""),
    ("[a--b]", ""),
    (r"\u{110000}", "u"),
    (r"\-", "u"),
    (r"\x4", "u"),
    (r"\p{Nonsense}", "u"),
    ("\\", ""),
    ("(?<n>a)|(?<n>b)", ""),
    (r"(?<n>a)\k<m>", ""),
    (r"(?<n>a)\k", ""),
    ("(?i)a", ""),
    ("(?P<n>a)", ""),
    ("(?>a)", ""),
    ("(?#x)a", ""),
    ("(?<1>a)", ""),
    ("(", ""),
    (")", ""),
    ("(?", ""),
    ("{", "u"),
    ("}", "u"),
    ("]", "u"),
    ("{2}", ""),
    ("a{2,1}", ""),
    ("a{2}{3}", ""),
    ("a**", ""),
    ("a++", ""),
    ("c++", ""),
    ("a*+", ""),
    ("a???", ""),
    ("*a", ""),
    ("+", ""),
    ("?", ""),
    ("a|*", ""),
    ("(*a)", ""),
    ("^*", ""),
    ("$+", ""),
    (r"\b+", ""),
    ("(?=a)*b", "u"),
    ("(?<=a)*b", ""),
]


@pytest.mark.parametrize(("source", "flags", "text", "place"), MATCHES)
def test_matches_where_javascript_does(source, flags, text, place):
    assert Pattern(source, flags).find(text, 1) == place


@pytest.mark.parametrize(("source", "flags"), REFUSED)
def test_refuses_what_javascript_refuses(source, flags):
    with pytest.raises(Untranslatable):
        Pattern(source, flags)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("(", "a bracket is not closed"),
        (")", "a bracket is closed that was not opened"),
        ("[a", "a set is not closed"),
        ("a++", "there is nothing to repeat"),
        ("a{2,1}", "a count ends before it begins"),
        ("(?i)a", "a group begins in a way that JavaScript does not know"),
        (r"(?<n>a)\k<m>", "a reference names no group"),
        ("(?<n>a)(?<n>b)", "two of its groups have the same name"),
        ("a\\", "it ends in a backslash"),
        ("(" * 200 + ")" * 200, "its groups are nested too deeply"),
        ("(a{999}){999}", "its repeats add up to too much"),
    ],
)
def test_says_why(source, reason):
    with pytest.raises(Untranslatable) as raised:
        translate(source, "")

    assert str(raised.value) == reason


@pytest.mark.parametrize(
    "source",
    [
        f"a{{{EXPANSION_MOST + 1}}}",
        "a{99999999999999999999}",
        "((((a{20}){20}){20}){20})",
        "(?:a{10000}|b{10000})c{2}",
        "(a{0,150}){0,150}",
        "(?=a{20001})",
        "([abc]{150}x?){150}",
    ],
)
def test_counts_that_unroll_to_too_much_are_refused(source):
    with pytest.raises(Untranslatable, match="add up to too much"):
        translate(source, "")


def test_the_largest_that_are_taken():
    assert Pattern(f"a{{{EXPANSION_MOST}}}", "").find("a" * EXPANSION_MOST, 1) == 0
    depth = NESTING_MOST - 1
    assert Pattern("(" * depth + "a" + ")" * depth, "").find("xa", 1) == 1


def test_an_astral_character_is_one():
    """It is two without the flag `u` in JavaScript, where sets of emoji then go wrong."""
    assert Pattern("^.$", "").find("\U0001f600", 1) == 0
    assert Pattern("^[\U0001f600\U0001f601]$", "").find("\U0001f601", 1) == 0


SYNTAX = st.text(alphabet="ab1é猫\\()[]{}*+?|^$.,-:=!<>dDwWsSbBkucxpPn0/ \n", max_size=30)


@given(SYNTAX | st.text(max_size=30), st.sampled_from(["", "i", "u", "ims", "iu"]))
def test_every_text_is_a_pattern_or_refused(source, flags):
    try:
        found = Pattern(source, flags)
    except Untranslatable:
        return

    assert found.find("ab\n", 1) in {None, 0, 1, 2, 3}


@given(st.text(max_size=20))
def test_an_escaped_text_finds_itself(text):
    source = "".join(f"\\u{{{ord(char):x}}}" for char in text)

    assert Pattern(source, "u").find(f"ab{text}", 1) == (0 if not text else f"ab{text}".find(text))
