"""Functions and files stay small enough to be read at once."""

import ast
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "reverie", "web", "openai_compat", "chats", "characters", "lore", "personas", "catalog",
    "memory", "billing", "llm", "accounts", "engine", "jobs", "core",
)  # fmt: skip
FUNCTION_LINES_MOST = 60
FILE_LINES_MOST = 500
TEST_FILE_LINES_MOST = 800


def sources() -> list[Path]:
    return [
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "migrations" not in path.parts
    ]


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def functions_of(path: Path) -> dict[str, int]:
    """Every function of a file by name, with its length in lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        f"{path.relative_to(ROOT)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.fixture(scope="module")
def functions() -> dict[str, int]:
    return {name: size for path in sources() for name, size in functions_of(path).items()}


def test_functions_are_under_the_cap(functions):
    assert {n: size for n, size in functions.items() if size > FUNCTION_LINES_MOST} == {}


def test_most_functions_are_short(functions):
    sizes = sorted(functions.values())

    assert median(sizes) <= 10
    assert sizes[int(len(sizes) * 0.95)] <= 45


def test_files_are_under_the_cap():
    sizes = {str(path.relative_to(ROOT)): lines_of(path) for path in sources()}

    assert {name: size for name, size in sizes.items() if size > FILE_LINES_MOST} == {}


def test_test_files_are_under_the_cap():
    sizes = {str(p.relative_to(ROOT)): lines_of(p) for p in (ROOT / "tests").rglob("*.py")}

    assert {name: size for name, size in sizes.items() if size > TEST_FILE_LINES_MOST} == {}


def test_modules_say_what_they_own():
    silent = [
        str(path.relative_to(ROOT))
        for path in sources()
        if path.name not in ("__init__.py", "apps.py")
        and ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is None
    ]

    assert silent == []


def test_no_file_is_a_bucket():
    names = {"utils.py", "helpers.py", "misc.py", "common.py"}

    assert [str(path) for path in sources() if path.name in names] == []


def test_nothing_is_left_for_later():
    marks = ("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error")
    found = [
        f"{path.relative_to(ROOT)}: {mark}"
        for path in sources()
        for mark in marks
        if mark in path.read_text(encoding="utf-8")
    ]

    assert found == []
