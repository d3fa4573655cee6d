"""What the doctor finds, part by part."""

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from billing import ledger
from billing.limits.admission import Admission
from billing.models import Account
from jobs.models import Job
from llm.services import ensure_understudy
from memory import vectors
from memory.vectors import Kind, Piece, Place
from reverie import diagnosis
from reverie.diagnosis import Finding, examine
from tests.fakes.embedder import direction
from tests.real_redis import needs_redis

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


def test_limits_say_where_they_are_counted(settings):
    assert found("limits") == [Finding("limits", "ok", "counted in the process that serves")]

    settings.LIMITS_REDIS_URL = "redis://127.0.0.1:1/0"
    assert found("limits") == [
        Finding("limits", "warning", "Redis does not count: everybody is let through")
    ]


@needs_redis
def test_limits_that_have_tightened_are_worth_a_warning(settings, owner, redis_limits):
    settings.FREE_TURNS, settings.FREE_SITE_TURNS = 2, 1
    for _ in range(2):
        Admission().begin(owner, free=True)

    [finding] = found("limits")

    assert (finding.state, finding.message) == (
        "warning",
        "counted in Redis, 2 free turns in the last minute: 1 for each person instead of 2",
    )


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


def job(state: str, minutes: int) -> None:
    at = timezone.now() - timedelta(minutes=minutes)
    Job.objects.create(kind="test", key=f"{state}{minutes}", state=state, run_at=at, ended_at=at)


def test_queue_is_told_with_its_numbers():
    job("queued", 1)
    job("running", 1)

    (finding,) = found("queue")

    assert (finding.state, finding.message[:22]) == ("ok", "1 due, the oldest for ")
    assert finding.numbers is not None
    assert (finding.numbers["due"], finding.numbers["running"], finding.numbers["failed"]) == (
        1,
        1,
        0,
    )


def test_jobs_that_nobody_takes_and_failed_ones_are_worth_a_warning():
    job("queued", 20)
    job("failed", 20)

    assert [(f.state, f.message) for f in found("queue")][1:] == [
        ("warning", "1 failed within a day: see them in /admin/jobs/job/")
    ]
    assert found("queue")[0].state == "warning"


def test_full_disk_is_worth_a_warning(monkeypatch):
    monkeypatch.setattr(diagnosis, "_FREE_BYTES_LEAST", 2**63)

    assert [finding.state for finding in found("data")] == ["warning"]


def test_broken_part_does_not_hide_the_others(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "gone"

    assert [finding.state for finding in found("data")] == ["broken"]
    assert found("database")[0].state == "ok"


def test_recall_says_how_it_goes_and_why():
    off = Finding("recall", "ok", "by words only: REVERIE_EMBEDDINGS is off")

    assert found("recall") == [off]
    assert found("vectors") == []


def test_a_wish_for_embeddings_that_cannot_be_met_is_a_warning(settings):
    settings.EMBEDDINGS = "no/such"

    assert [finding.state for finding in found("recall")] == ["warning"]


def test_vectors_of_other_models_are_worth_a_warning(embedder, owner):
    place = Place(owner.pk, Kind.MEMORY, "notebook")
    vectors.store(place, "old/model", [Piece("m", 0, "x")], np.array([direction("x")]))

    assert [finding.message for finding in found("vectors")] == [
        "0 stored, searched by NumPy",
        "1 are of other models: run `reverie reindex`",
    ]
