"""What the doctor finds, part by part."""

import pytest

from billing import ledger
from billing.models import Account
from llm.services import ensure_understudy
from reverie import diagnosis
from reverie.diagnosis import Finding, examine

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _as_one_machine(settings, tmp_path):
    settings.REDIS_URL = ""
    settings.DATA_DIR = tmp_path


def found(part: str) -> list[Finding]:
    return [finding for finding in examine() if finding.part == part]


def test_sound_installation_has_nothing_broken():
    ensure_understudy()

    assert [f for f in examine() if f.state == "broken"] == []
    assert found("ledger") == [Finding("ledger", "ok", "balances and holds add up")]


def test_stand_in_is_worth_a_warning():
    ensure_understudy()

    assert Finding("models", "warning", "the default is the stand-in, not an AI model") in examine()


def test_no_model_is_broken():
    assert found("models") == [
        Finding("models", "broken", "there is none: `reverie model add URL`")
    ]


def test_ledger_that_does_not_add_up_is_broken(owner):
    ledger.get_account(owner.pk)
    Account.objects.update(balance_micro=1)

    assert {finding.state for finding in found("ledger")} == {"broken"}


def test_secret_that_others_may_read_is_broken(tmp_path):
    (tmp_path / "secret_key").write_text("x")
    (tmp_path / "secret_key").chmod(0o644)

    assert [finding.state for finding in found("secret")] == ["broken"]


def test_redis_that_does_not_answer_is_broken(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert [finding.state for finding in found("redis")] == ["broken"]


def test_full_disk_is_worth_a_warning(monkeypatch):
    monkeypatch.setattr(diagnosis, "_FREE_BYTES_LEAST", 2**63)

    assert [finding.state for finding in found("data")] == ["warning"]


def test_broken_part_does_not_hide_the_others(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "gone"

    assert [finding.state for finding in found("data")] == ["broken"]
    assert found("database")[0].state == "ok"
