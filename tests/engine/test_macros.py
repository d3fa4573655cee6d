"""What each macro gives."""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from engine.macros import Changes, Expanded, MacroContext, expand, expand_names, with_original
from engine.macros.table import TABLE

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/macros.md"
NOW = datetime(2026, 3, 7, 16, 5, 9, 123_456, tzinfo=timezone(timedelta(hours=1)))
MIRA = MacroContext(
    char="Mira",
    user="Tom",
    persona="{{user}} is a sailor.",
    description="{{char}} keeps a lighthouse.",
    personality="dry",
    scenario="{{user}} visits.",
    char_prompt="Be {{char}}.",
    char_instruction="Stay.",
    char_depth_prompt="It rains.",
    char_version="1.2",
    creator_notes="Have fun.",
    first_messages=("Come in, {{user}}.", "Who is there?"),
    mes_examples="<START>\n{{char}}: Sit.",
    last_message="Thanks, {{char}}.",
    last_user_message="Thanks, {{char}}.",
    last_char_message="Sit.",
    last_message_id=7,
    first_included_message_id=lambda: 2,
    current_swipe_id=lambda: 1,
    last_swipe_id=lambda: 3,
    summary="They met.",
    authors_note="Slowly, {{char}}.",
    outlets={"Coast": "Gulls. {{char}}"},
    now=NOW,
    idle=timedelta(minutes=5),
    model="some/model",
    max_prompt=7680,
    input="I wo",
    seed="chat-1",
    message="message-1",
    variables={"mood": "calm", "n": "3", "off": "no", "items": "x, y"},
    global_variables={"mood": "loud"},
)
REFUSED = (
    "{{.}} {{. x}} {{.n 3}} {{.n ++ 1}} {{$5}} {{.mood -= 1}}",
    "{{setvar::a}} {{addvar::::x}} {{incvar}} {{getvar}} {{hasvar}} {{deletevar}}",
    f"{{{{setvar::{'a' * 129}::x}}}} {{{{setvar::a::{'x' * 10_001}}}}}",
)
GROUP = MacroContext("Mira", "Tom", group=("Ann", "Mira"), group_not_muted=("Mira",))


def told(text: str, context: MacroContext = MIRA) -> str:
    return expand(text, context).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{char}} and {{User}}", "Mira and Tom"),
        ("{{ char }}, {{CHAR}}, <BOT>, <char>, <User>", "Mira, Mira, Mira, Mira, Tom"),
        ("{{group}} <GROUP> {{charIfNotGroup}} <CHARIFNOTGROUP>", "Mira Mira Mira Mira"),
        ("{{groupNotMuted}} {{notChar}}", "Mira Tom"),
        ("{{description}}", "Mira keeps a lighthouse."),
        ("{{charDescription}}", "Mira keeps a lighthouse."),
        ("{{personality}} {{charPersonality}}", "dry dry"),
        ("{{scenario}} {{charScenario}}", "Tom visits. Tom visits."),
        ("{{persona}}", "Tom is a sailor."),
        ("{{charPrompt}} {{charInstruction}} {{charJailbreak}}", "Be Mira. Stay. Stay."),
        ("{{charDepthPrompt}} {{charVersion}} {{char_version}}", "It rains. 1.2 1.2"),
        ("{{charCreatorNotes}} {{creatorNotes}}", "Have fun. Have fun."),
        ("{{charFirstMessage}}|{{charFirstMessage::1}}", "Come in, Tom.|Who is there?"),
        ("{{greeting::0}}|{{greeting::2}}", "Come in, Tom.|"),
        ("{{charFirstMessage::x}}", "{{charFirstMessage::x}}"),
        ("{{mesExamples}}", "<START>\nMira: Sit."),
        ("{{mesExamplesRaw}}", "<START>\nMira: Sit."),
        ("{{lastMessage}}", "Thanks, {{char}}."),
        ("{{lastUserMessage}} {{lastCharMessage}}", "Thanks, {{char}}. Sit."),
        ("{{lastMessageId}} {{firstIncludedMessageId}}", "7 2"),
        ("{{currentSwipeId}}/{{lastSwipeId}}", "1/3"),
        ("{{summary}} {{authorsNote}}", "They met. Slowly, Mira."),
        ("{{outlet::Coast}}|{{outlet::coast}}", "Gulls. {{char}}|"),
        ("{{input}} {{model}} {{maxPrompt}}", "I wo some/model 7680"),
        ("{{time}}", "4:05 PM"),
        ("{{time::UTC+3}} {{time_UTC-10}} {{time_UTC+5:30}}", "6:05 PM 5:05 AM 8:35 PM"),
        ("{{time_UTC+15}} {{time_utcx}}", "{{time_UTC+15}} {{time_utcx}}"),
        ("{{date}}, {{weekday}}", "March 7, 2026, Saturday"),
        ("{{isotime}} {{isodate}}", "16:05 2026-03-07"),
        ("{{date::x}}", "{{date::x}}"),
        ("{{idleDuration}} {{idle_duration}}", "5 minutes 5 minutes"),
        ("{{timeDiff::2026-03-07T18:00:00::2026-03-07T16:00:00}}", "in 2 hours"),
        ("{{timeDiff::2026-03-01::2026-03-04}}", "3 days ago"),
        ("{{timeDiff::17:05::16:05}}", "in an hour"),
        ("{{timeDiff::2026-03-07T16:00:00Z::2026-03-07T17:00:00}}", "a few seconds ago"),
        ("{{timeDiff::soon::16:05}}", "{{timeDiff::soon::16:05}}"),
        ("a{{newline}}b{{newline::2}}c", "a\nb\n\nc"),
        ("a{{space}}b{{space::3}}c{{space::1001}}", "a b   c{{space::1001}}"),
        ("a{{noop}}b", "ab"),
        ("a\n\n{{trim}}\r\nb{{trim}} c", "ab c"),
        ("{{newline}}{{trim}}{{newline}}x", "x"),
        ("{{reverse:Hello}} {{reverse {{user}}}} {{reverse::a::b}}", "olleH moT b::a"),
        ("a{{// {{char}} :: }}b", "ab"),
        ("{{original}}", "{{original}}"),
    ],
)  # fmt: skip
def test_macro_gives(text, expected):
    assert told(text) == expected


def test_group_names_everybody():
    text = "{{group}}|<CHARIFNOTGROUP>|{{groupNotMuted}}|{{notChar}}"

    assert told(text, GROUP) == "Ann, Mira|Ann, Mira|Mira|Ann, Tom"
    assert [GROUP.is_group, MIRA.is_group] == [True, False]


def test_original_comes_once():
    context = MacroContext("Mira", "Tom", original="You are {{char}}.")

    assert told("A {{original}} B{{original}}", context) == "A You are Mira. B"
    assert told("{{if original}}{{original}}{{/if}}", context) == "You are Mira."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{hidden_key:moon}}x", Expanded("x", hidden_keys=("moon",))),
        ("{{comment: for you }}x", Expanded("x", comments=("for you",))),
        ('{{banned "a :: b"}}{{banned::c}}', Expanded("", banned=("a :: b", "c"))),
        ("{{comment:{{char}}}}", Expanded("", comments=("Mira",))),
        ("{{comment}}{{banned}}", Expanded("{{comment}}{{banned}}")),
    ],
)
def test_macro_is_taken_out_of_the_text(text, expected):
    assert expand(text, MIRA) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("YYYY-MM-DD HH:mm:ss.SSS", "2026-03-07 16:05:09.123"),
        ("YY M MMM MMMM Mo D DD Do", "26 3 Mar March 3rd 7 07 7th"),
        ("d dd ddd dddd do E e", "6 Sa Sat Saturday 6th 6 6"),
        ("DDD DDDD DDDo Q Qo", "66 066 66th 1 1st"),
        ("w ww wo W WW Wo GGGG", "10 10 10th 10 10 10th 2026"),
        ("H h hh k kk m s A a", "16 4 04 16 16 5 9 PM pm"),
        ("Z ZZ X x", "+01:00 +0100 1772895909 1772895909123"),
        ("LT|LTS|L|LL", "4:05 PM|4:05:09 PM|03/07/2026|March 7, 2026"),
        ("LLL", "March 7, 2026 4:05 PM"),
        ("LLLL", "Saturday, March 7, 2026 4:05 PM"),
        ("[Day] D [of MMMM]", "Day 7 of MMMM"),
    ],
)
def test_time_is_written_in_a_pattern(pattern, expected):
    assert told(f"{{{{datetimeformat::{pattern}}}}}") == expected


@pytest.mark.parametrize(
    ("idle", "expected"),
    [
        (None, "just now"),
        (timedelta(seconds=44), "a few seconds"),
        (timedelta(seconds=45), "a minute"),
        (timedelta(seconds=95), "2 minutes"),
        (timedelta(minutes=50), "an hour"),
        (timedelta(hours=3), "3 hours"),
        (timedelta(hours=22), "a day"),
        (timedelta(days=9), "9 days"),
        (timedelta(days=30), "a month"),
        (timedelta(days=100), "3 months"),
        (timedelta(days=365), "a year"),
        (timedelta(days=1500), "4 years"),
    ],
)
def test_a_span_is_spoken(idle, expected):
    assert told("{{idleDuration}}", MacroContext("a", "b", idle=idle)) == expected


@pytest.mark.parametrize(
    "name", ["time", "time_UTC+1", "isodate", "datetimeformat::L", "timeDiff::1::2"]
)
def test_time_stays_as_written_without_a_clock(name):
    assert told(f"{{{{{name}}}}}", MacroContext("a", "b")) == f"{{{{{name}}}}}"


@pytest.mark.parametrize(
    ("text", "expected", "changed"),
    [
        ("{{getvar::mood}} {{getglobalvar::mood}}{{getvar::x}}", "calm loud", {}),
        ("{{setvar::a::1::2}}{{getvar::a}}", "1::2", {"a": "1::2"}),
        ("{{setvar::a:: x }}[{{getvar::a}}]", "[x]", {"a": "x"}),
        ("{{setvar::a::{{space}}x}}[{{getvar::a}}]", "[ x]", {"a": " x"}),
        ("{{addvar::n::4}}{{getvar::n}}", "7", {"n": "7"}),
        ("{{addvar::n::0.5}}{{addvar::n::0.5}}{{getvar::n}}", "4", {"n": "4"}),
        ("{{addvar::mood::er}}{{getvar::mood}}", "calmer", {"mood": "calmer"}),
        ("{{addvar::new::x}}{{addvar::z::2}}", "", {"new": "x", "z": "2"}),
        ("{{incvar::n}} {{incvar::n}} {{decvar::n}}", "4 5 4", {"n": "4"}),
        ("{{incvar::new}} {{decvar::mood}}", "1 -1", {"new": "1", "mood": "-1"}),
        ("{{hasvar::n}} {{hasvar::x}} {{hasglobalvar::n}}", "true false false", {}),
        ("{{deletevar::n}}{{hasvar::n}}", "false", {"n": None}),
        ("{{flushvar::n}}{{incvar::n}}", "1", {"n": "1"}),
        ("{{setvar::n::3}}", "", {}),
        ("{{.mood}} {{.missing}}|", "calm |", {}),
        ("{{.a = x::y }}{{.a}}", "x::y", {"a": "x::y"}),
        ("{{ .n ++ }} {{.n--}}", "4 3", {}),
        ("{{.n += 2}}{{.n -= 1}}{{.n}}", "4", {"n": "4"}),
        ("{{.mood += {{noop}} down}}{{.mood}}", "calm down", {"mood": "calm down"}),
        ("{{.off || yes}} {{.off ?? yes}} {{.x ?? {{user}}}}", "yes no Tom", {}),
        ("{{.off ||= 1}} {{.x ??= 2}}{{.x}}", "1 22", {"off": "1", "x": "2"}),
        ("{{.mood || {{incvar::n}}}}", "calm", {}),
        ("{{.n == 3.0}} {{.mood == calm}} {{.n != 3}}", "true true false", {}),
        ("{{.n > 2}} {{.n >= 3}} {{.n >= 4}}", "true true false", {}),
        ("{{.n < 3}} {{.n <= 3}} {{.mood > 1}}", "false true false", {}),
        ("{{.my-var = 1}}{{.my-var--}}", "0", {"my-var": "0"}),
        ("{{.a = {{.b = 1}}{{.b}}2}}{{.a}}", "12", {"b": "1", "a": "12"}),
        *((text, text, {}) for text in REFUSED),
    ],
)  # fmt: skip
def test_variables(text, expected, changed):
    assert expand(text, MIRA) == Expanded(expected, Changes(changed))


def test_shared_variables_are_apart():
    text = (
        "{{setglobalvar::a::1}}{{addglobalvar::a::1}}{{incglobalvar::a}}{{$a++}}{{decglobalvar::a}}"
        "{{deleteglobalvar::mood}}{{$mood}}{{.mood}}{{hasvar::a}}"
    )

    assert expand(text, MIRA) == Expanded("343calmfalse", Changes({}, {"a": "3", "mood": None}))
    assert expand("{{flushglobalvar::mood}}", MIRA).variables == Changes({}, {"mood": None})
    assert bool(Changes()) is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{if .n > 2}}A{{else}}B{{/if}}", "A"),
        ("{{if .off}}A{{else}}B{{/if}}", "B"),
        ("{{if !.off}}A{{/if}}", "A"),
        ("{{if ! $missing}}A{{/if}}|{{if $mood}}A{{/if}}", "A|A"),
        ("{{if .mood == {{getvar::mood}}}}A{{/if}}", "A"),
        ("{{if personality}}P {{personality}}{{else}}none{{/if}}", "P dry"),
        ("{{ if !summary }}A{{ else }}B{{ / if }}", "B"),
        ("{{if {{hasvar::n}}}}A{{/if}}", "A"),
        ("{{if::0}}A{{/if}}{{IF words}}B{{/IF}}", "B"),
        ("{{if:FALSE}}A{{else}}B{{/if}}", "B"),
        ("{{if::.n::{{char}} is here}}", "Mira is here"),
        ("{{if::::{{incvar::n}}}}{{.n}}", "3"),
        ("{{if .n}}\n    One\n      two {{char}}\n    three\n{{/if}}!", "One\n  two Mira\nthree!"),
        ("{{#if .n}}\n  A\n{{/if}}", "\n  A\n"),
        ("{{if .n}}a{{if .off}}b{{else}}c{{/if}}d{{else}}e{{/if}}", "acd"),
        ("{{if .off}}{{.n++}}{{else}}{{.n}}{{/if}}", "3"),
        ("{{if .n}}a{{else}}b{{else}}c{{/if}}", "a"),
        ("{{if .n}}{{char}}", "{{if .n}}Mira"),
        ("{{/if}} {{else}} {{if}}{{char}}", "{{/if}} {{else}} {{if}}Mira"),
        ("{{reverse:{{if .n}}ab{{/if}}}}", "ba"),
    ],
)
def test_conditions(text, expected):
    assert told(text) == expected


def test_asking_whether_there_is_a_text_changes_nothing():
    context = MacroContext("Mira", "Tom", description="{{comment:hi}}{{incvar::n}}")

    expanded = expand("{{if description}}{{description}}{{/if}}", context)

    assert expanded == Expanded("1", Changes({"n": "1"}), comments=("hi",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{unknown}} {{unknown::{{char}}}}", "{{unknown}} {{unknown::Mira}}"),
        ("{{ x {{user}} }}", "{{ x Tom }}"),
        ("{{{char}}} {{{{char}}}} {{{{{char}}}}}", "{Mira} {{Mira}} {{{Mira}}}"),
        ("{{getvar::{{.a = mood}}mood}}", "calm"),
        ("{{getvar::mo{{noop}}od}}", "calm"),
        ("{{getvar{{noop}}}}", "{{getvar}}"),
        ("{{reverse:{{setvar::x::a::b}}{{.x}}}}", "b::a"),
        ("{{char::x}} {{char:x}} {{char x}}", "{{char::x}} {{char:x}} {{char x}}"),
        ("{{}} {{ }} {{::}} {{:x}}", "{{}} {{ }} {{::}} {{:x}}"),
        ("{{ oops {{char}}", "{{ oops Mira"),
        ("oops }} {{char}}", "oops }} Mira"),
        ("\\{\\{char\\}\\} is {{char}}", "{{char}} is Mira"),
        ("\\{\\{char\\}\\}", "{{char}}"),
        ("<b> 1 < 2 </b> <START>", "<b> 1 < 2 </b> <START>"),
    ],
)  # fmt: skip
def test_nesting_and_what_stays(text, expected):
    assert told(text) == expected


def test_text_of_people_is_put_in_and_not_carried_out():
    context = MacroContext(
        "{{user}}", "{{setvar::a::1}}", last_message="{{char}}", input="{{incvar::a}}<USER>"
    )

    assert expand("{{user}}{{char}}{{lastMessage}}{{input}}", context) == Expanded(
        "{{setvar::a::1}}{{user}}{{char}}{{incvar::a}}<USER>"
    )
    assert expand("{{char}} <USER>", context) == Expanded("{{user}} {{setvar::a::1}}")


def test_a_text_never_holds_itself():
    context = MacroContext(
        "M", "T", description="d {{personality}}", personality="p {{charDescription}} {{scenario}}"
    )

    assert told("{{description}}", context) == "d p {{charDescription}} "


def test_names_alone_take_the_short_way_to_the_same_end():
    text = "{{char}}{{ USER }}<BOT>{x}<user>{{{char}}}"

    assert told(text) == told(text + "{{noop}}") == "MiraTomMira{x}Tom{Mira}"
    assert expand_names(text + "{{noop}}", char="Mira", user="Tom") == told(text) + "{{noop}}"


def test_with_original_puts_in_what_is_replaced():
    assert with_original("A {{ Original }} {{char}}", "\\1 {{user}}") == "A \\1 {{user}} {{char}}"


def test_every_macro_is_in_the_document_and_no_other():
    document = DOCUMENT.read_text(encoding="utf-8")
    tables = "\n".join(line for line in document.splitlines() if line.startswith("|"))
    listed = {name.lower() for name in re.findall(r"\{\{(\w+?)(?=[}: ]|[+-]\d|_UTC)", tables)}
    listed |= {name.lower() for name in re.findall(r"\{\{(time_UTC)[+-]", tables)}

    assert listed - {"trim"} == set(TABLE)


def test_utc_is_a_zone_like_any_other():
    assert told("{{time}}", MacroContext("a", "b", now=NOW.astimezone(UTC))) == "3:05 PM"
