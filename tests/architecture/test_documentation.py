"""The documents tell what the code does."""

import re
from pathlib import Path

from reverie.cli import OWN_COMMANDS

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
READERS = re.compile(r'(?:env_\w+|secret_key|environ\.get)\(\s*"([A-Z_]+)"')
OPTIONS = re.compile(r'"(HOST|PORT|REVERIE_[A-Z_]+)"')
README_LINES_MOST = 150


def test_configuration_lists_every_variable_and_no_other():
    read = set()
    for path in (ROOT / "reverie").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        read |= set(READERS.findall(text)) | set(OPTIONS.findall(text))
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", CONFIGURATION, re.MULTILINE))

    assert listed == read - {"DJANGO_SETTINGS_MODULE"}


def test_readme_is_short():
    assert len(README.splitlines()) <= README_LINES_MOST


def test_readme_names_every_command():
    named = set(re.findall(r"`reverie (\w+)", README))

    assert set(OWN_COMMANDS) - named == set()


def test_readme_uses_make_targets_that_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w+):", makefile, re.MULTILINE))

    assert set(re.findall(r"`make (\w+)", README)) - targets == set()


def test_make_has_twelve_targets_that_explain_themselves():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    explained = re.findall(r"^(\w+):.*## \S", makefile, re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)

    assert phony is not None
    assert sorted(explained) == sorted(phony[1].split())


def test_links_lead_somewhere():
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8"))
        if "://" not in target and not (document.parent / target).exists()
    ]

    assert broken == []


def test_decisions_are_numbered_without_a_gap():
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs/adr").glob("*.md"))

    assert numbers == list(range(1, len(numbers) + 1))


def test_locks_hold_no_address():
    for lock in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in lock.read_text(encoding="utf-8"), lock.name
