"""`reverie lore`: recorded cases, and a text tried on a file."""

import json

import pytest

CASES = {
    "setting_defaults": {"scan_depth": 2},
    "cases": [
        {
            "id": "one",
            "books": [
                {
                    "name": "w",
                    "scope": "global",
                    "entries": {"0": {"uid": 0, "key": ["dragon"], "content": "Old."}},
                }
            ],
            "messages": [{"name": "Ann", "text": "A DRAGON."}, {"name": "Rex", "text": "Hm."}],
            "steps": [{"upto": 1}, {"upto": 2}],
        }
    ],
}
BOOK = {
    "entries": {
        "0": {"uid": 0, "key": ["dragon"], "comment": "Dragon", "content": "It sleeps."},
        "1": {"uid": 1, "key": ["unicorn"], "comment": "Unicorn", "content": "It hides."},
    }
}


@pytest.fixture
def file(tmp_path):
    def write(content) -> str:
        path = tmp_path / "file.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write


def test_replay_prints_the_outcome_of_every_step(run, file):
    ran = run("lore", "replay", file(CASES))

    fired = {"activated": ["w.0"], "before": ["w.0"]}
    assert (ran.code, ran.err) == (0, "")
    assert ran.json == {"results": [{"id": "one", "steps": [fired, fired]}]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "This is no JSON: "),
        ("[]", "A file of cases is an object with a list `cases`."),
        ("{}", "A file of cases is an object with a list `cases`."),
        ({"cases": [{"id": "x"}]}, "A case is not of the expected form: 'books' is missing."),
        ({"cases": [3]}, "A case is not of the expected form: "),
        (
            {"cases": [{**CASES["cases"][0], "settings": {"colour": 1}}]},
            "A case is not of the expected form: ",
        ),
    ],
)
def test_broken_file_is_refused_with_a_reason(content, reason, run, file):
    ran = run("lore", "replay", path := file(content))

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"reverie: {path}: {reason}")
    assert ran.err.count("\n") == 1


def test_missing_file_is_refused_with_a_reason(run, tmp_path):
    ran = run("lore", "replay", tmp_path / "none.json")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"reverie: {tmp_path / 'none.json'}: No such file or directory\n"


def test_text_is_tried_on_a_file(run, file):
    ran = run("lore", "test", file(BOOK), "--text", "Ann: A dragon!")

    assert ran.code == 0
    assert ran.out.splitlines()[:2] == [
        "+ Dragon: “dragon” is in the newest message.",
        "- Unicorn: None of its keys was found.",
    ]
    assert ran.out.splitlines()[2].startswith("1 of 2 entries fire, ")


def test_text_is_tried_as_json(run, file):
    ran = run("lore", "test", file(BOOK), "--text", "dragon", "--budget", "1", "--json")

    assert [(one["title"], one["rule"]) for one in ran.json["entries"]] == [
        ("Dragon", "budget"),
        ("Unicorn", "no_key"),
    ]


def test_file_that_holds_no_lorebook_is_refused(run, file):
    ran = run("lore", "test", file({"mes": 1}), "--text", "x")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith("This is a chat, not a lorebook.\n")


def test_scan_that_was_cut_short_says_so(run, file, monkeypatch):
    monkeypatch.setattr("lore.activation.WORK_MOST", 0)

    ran = run("lore", "test", file(BOOK), "--text", "dragon")
    told = run("lore", "test", file(BOOK), "--text", "dragon", "--json").json

    assert (ran.code, ran.err) == (
        0,
        "The scan took too long and was ended: what it had not reached is missing.\n",
    )
    assert (told["is_cut_short"], told["is_over_budget"]) == (True, False)
