"""Readers of the environment: what they accept, and how they refuse."""

import pytest

from reverie.env import BadSetting, env_bool, env_int, env_list, env_str, secret_key


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("Yes", True), ("on", True), ("0", False), ("", False)]
)
def test_bool_reads_the_usual_words(monkeypatch, text, value):
    monkeypatch.setenv("REVERIE_X", text)

    assert env_bool("REVERIE_X", default=not value) is value


def test_bool_refuses_anything_else_by_name(monkeypatch):
    monkeypatch.setenv("REVERIE_X", "perhaps")

    with pytest.raises(BadSetting) as caught:
        env_bool("REVERIE_X", default=True)

    assert str(caught.value) == "REVERIE_X is 'perhaps'; it may be true or false"


def test_int_uses_the_default_for_nothing(monkeypatch):
    monkeypatch.setenv("REVERIE_X", "")

    assert env_int("REVERIE_X", 7) == 7


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "0"])
def test_int_refuses_what_is_no_number_or_too_small(monkeypatch, text):
    monkeypatch.setenv("REVERIE_X", text)

    with pytest.raises(BadSetting) as caught:
        env_int("REVERIE_X", 7, least=1)

    assert str(caught.value) == f"REVERIE_X is {text!r}; it must be a whole number from 1"


def test_list_drops_blanks(monkeypatch):
    monkeypatch.setenv("REVERIE_X", " a, ,b,")

    assert env_list("REVERIE_X") == ["a", "b"]


def test_text_may_come_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("from the file\n")
    monkeypatch.setenv("REVERIE_X", "from the variable")
    monkeypatch.setenv("REVERIE_X_FILE", str(tmp_path / "secret"))

    assert env_str("REVERIE_X") == "from the file"


def test_text_file_that_is_missing_stops_the_start(monkeypatch, tmp_path):
    monkeypatch.setenv("REVERIE_X_FILE", str(tmp_path / "nothing"))

    with pytest.raises(BadSetting) as caught:
        env_str("REVERIE_X")

    assert str(caught.value).startswith("REVERIE_X_FILE: cannot read ")


def test_secret_is_made_once_for_its_owner_only(monkeypatch, tmp_path):
    monkeypatch.delenv("REVERIE_X", raising=False)

    first, second = secret_key("REVERIE_X", tmp_path), secret_key("REVERIE_X", tmp_path)

    assert first == second
    assert len(first) == 64
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_secret_of_the_environment_wins(monkeypatch, tmp_path):
    monkeypatch.setenv("REVERIE_X", "given")

    assert secret_key("REVERIE_X", tmp_path) == "given"
    assert not (tmp_path / "secret_key").exists()
