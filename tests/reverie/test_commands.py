"""The commands of `reverie`: what they do, what they refuse, what they print."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.keys import authenticate
from accounts.models import ApiKey, User
from billing import ledger
from billing.models import MICRO, LedgerEntry
from characters.models import Character
from llm.models import Model, Provider
from llm.services import UNDERSTUDY_MODEL, ensure_understudy
from tests.factories import CharacterFactory

pytestmark = pytest.mark.django_db

CARD = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {"name": "Mira", "description": "A map maker.", "first_mes": "Where to?"},
}


@pytest.fixture
def card(tmp_path):
    path = tmp_path / "mira.json"
    path.write_text(json.dumps(CARD))
    return path


def test_help_lists_the_commands(run):
    ran = run("--help")

    assert ran.code == 0
    assert "  serve    start everything and print how to get in\n" in ran.out


def test_nothing_at_all_is_wrong_usage(run):
    assert run().code == 2


def test_unknown_command_is_wrong_usage(run):
    ran = run("dance")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("reverie: There is no command 'dance'.\n")


def test_missing_option_is_wrong_usage(run):
    assert run("key", "create", "--user", "owner").code == 2


def test_djangos_commands_work_too(capsys):
    from reverie.cli import main

    main(["check"])

    assert capsys.readouterr().out == "System check identified no issues (0 silenced).\n"


def test_user_create_makes_somebody_without_a_password(run):
    ran = run("user", "create", "mara", "--email", "mara@example.org", "--json")

    user = User.objects.get(handle="mara")
    assert ran.code == 0
    assert ran.json == {"id": user.pk, "handle": "mara"}
    assert not user.has_usable_password()
    assert not user.is_staff


def test_user_create_refuses_a_taken_handle(run, owner):
    ran = run("user", "create", "OWNER")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "reverie: That handle or e-mail address is taken.\n"
    assert User.objects.count() == 1


def test_key_create_prints_only_the_key(run, owner):
    ran = run("key", "create", "--user", "owner", "--name", "bot")

    assert ran.code == 0
    assert authenticate(ran.out.removesuffix("\n")).name == "bot"


def test_key_create_takes_a_character_and_an_expiry(run, owner):
    luna = CharacterFactory(owner=owner, name="Luna")

    run(
        "key", "create", "--user", "owner", "--name", "bot",
        "--character", luna.uid, "--expires", "30d",
    )  # fmt: skip

    key = ApiKey.objects.get()
    assert key.default_character == luna.uid
    assert abs(key.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)


def test_key_create_takes_limits(run, owner):
    run(
        "key", "create", "--user", "owner", "--name", "bot", "--scopes", "chat,manage",
        "--addresses", "203.0.113.0/24 ::1", "--budget-day", "2.5", "--budget-month", "10",
        "--requests-per-minute", "30",
    )  # fmt: skip

    key = ApiKey.objects.get()
    assert (key.scopes, key.allowed_addresses) == ("chat manage", "203.0.113.0/24\n::1")
    assert (key.budget_day_micro, key.budget_month_micro) == (2_500_000, 10_000_000)
    assert key.requests_per_minute == 30


@pytest.mark.parametrize(
    "wrong",
    [
        ("--scopes", "chat,root"),
        ("--addresses", "x"),
        ("--budget-day", "-1"),
        ("--budget-month", "NaN"),
        ("--requests-per-minute", "0"),
    ],
)
def test_key_create_refuses_wrong_limits(run, owner, wrong):
    ran = run("key", "create", "--user", "owner", "--name", "b", *wrong)

    assert (ran.code, ran.out) == (1, "")
    assert ApiKey.objects.count() == 0


def test_key_create_refuses_somebody_elses_private_character(run, owner, stranger):
    secret = CharacterFactory(owner=stranger)

    ran = run("key", "create", "--user", "owner", "--name", "b", "--character", secret.uid)

    assert (ran.code, ran.out) == (1, "")
    assert ApiKey.objects.count() == 0


def test_key_create_refuses_an_odd_duration(run, owner):
    ran = run("key", "create", "--user", "owner", "--name", "b", "--expires", "soon")

    assert ran.code == 1
    assert ran.err == "reverie: 'soon' is no duration; write 12h, 30d or 8w.\n"
    assert ApiKey.objects.count() == 0


def test_key_create_refuses_an_unknown_user(run):
    ran = run("key", "create", "--user", "nobody", "--name", "b")

    assert (ran.code, ran.err) == (1, "reverie: There is no user nobody.\n")


def test_credits_grant_adds_to_the_balance(run, owner):
    before = ledger.get_account(owner.pk).balance_micro

    ran = run("credits", "grant", "--user", "owner", "--amount", "50", "--note", "hi", "--json")

    assert ran.code == 0
    assert ran.json["balance_micro"] == before + 50 * MICRO
    assert ledger.get_account(owner.pk).balance_micro == before + 50 * MICRO


def test_credits_grant_with_one_key_grants_once(run, owner):
    before = ledger.get_account(owner.pk).balance_micro
    for _ in range(2):
        assert run("credits", "grant", "--user", "owner", "--amount", "5", "--key", "k").code == 0

    assert ledger.get_account(owner.pk).balance_micro == before + 5 * MICRO


def test_credits_grant_refuses_less_than_nothing(run, owner):
    ran = run("credits", "grant", "--user", "owner", "--amount", "-5")

    assert (ran.code, ran.err) == (1, "reverie: A grant must be more than nothing.\n")
    assert not LedgerEntry.objects.exclude(key__startswith="start:").exists()


def test_import_stores_a_card(run, owner, card):
    ran = run("import", card, "--owner", "owner", "--json")

    mira = Character.objects.get(owner=owner)
    assert ran.code == 0
    assert ran.json == {
        "counts": {"character": {"made": 1}},
        "files": [
            {
                "path": str(card),
                "kind": "character",
                "status": "made",
                "name": "Mira",
                "id": mira.uid,
                "error": None,
                "notes": ["Read as a version 2 card (spec_version 2.0) from a JSON file."],
            }
        ],
    }
    assert mira.description == "A map maker."


def test_import_dry_run_stores_nothing(run, owner, card):
    ran = run("import", card, "--owner", "owner", "--dry-run")

    assert ran.code == 0
    assert ran.out.endswith("1 of 1 files read.\n")
    assert Character.objects.count() == 0


def test_import_reports_each_file_and_fails_if_one_failed(run, owner, card, tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text("not json")

    ran = run("import", card, bad, "--owner", "owner")

    assert ran.code == 1
    assert ran.out.endswith("1 of 2 files read.\n")
    assert [c.name for c in Character.objects.all()] == ["Mira"]


def test_export_writes_what_import_reads(run, owner, card, tmp_path):
    run("import", card, "--owner", "owner")
    target = tmp_path / "out.json"

    ran = run("export", Character.objects.get().uid, "--owner", "owner", "--to", target)

    assert ran.code == 0
    assert json.loads(target.read_text())["data"]["name"] == "Mira"


def test_export_refuses_somebody_elses_character(run, owner, stranger, tmp_path):
    hers = CharacterFactory(owner=stranger)
    target = tmp_path / "out.json"

    ran = run("export", hers.uid, "--owner", "owner", "--to", target)

    assert ran.code == 1
    assert not target.exists()


def test_model_list_marks_the_default(run):
    ensure_understudy()

    ran = run("model", "list", "--json")

    assert ran.json["models"] == [
        {
            "slug": UNDERSTUDY_MODEL,
            "provider": "understudy",
            "default": True,
            "context": 8192,
            "abilities": [],
            "free": True,
            "input": "0",
            "output": "0",
        }
    ]


def test_model_pull_takes_a_local_file(run, tmp_path):
    path = tmp_path / "Tiny.Q4.gguf"
    path.write_bytes(b"GGUF and then some")

    ran = run("model", "pull", path)

    model = Model.objects.get(is_default=True)
    assert ran.code == 0
    assert (model.slug, model.provider.kind) == ("local/tiny-q4", Provider.Kind.LLAMA_CPP)
    assert model.provider.options["path"] == str(path)


def test_model_pull_refuses_what_is_no_model(run, tmp_path):
    path = tmp_path / "page.gguf"
    path.write_bytes(b"<html>")

    ran = run("model", "pull", path)

    assert (ran.code, ran.err) == (1, "reverie: page.gguf is not a GGUF model file.\n")
    assert Model.objects.count() == 0


def test_model_pull_refuses_another_digest(run, tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"GGUF and then some")

    ran = run("model", "pull", path, "--sha256", "0" * 64)

    assert ran.code == 1
    assert Model.objects.count() == 0


def test_model_default_refuses_an_unknown_slug(run):
    ran = run("model", "default", "no/such")

    assert (ran.code, ran.err) == (1, "reverie: There is no model no/such.\n")


def test_worker_says_that_it_needs_redis(run, settings):
    settings.REDIS_URL = ""

    ran = run("worker")

    assert ran.code == 1
    assert ran.err.startswith("reverie: Without REDIS_URL jobs run inside `reverie serve`")
