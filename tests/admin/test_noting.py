"""The audit log of ordinary admin work: nothing without an entry, nothing secret in one."""

import pytest
from django.contrib import admin
from django.urls import reverse

from accounts.models import AuditEntry
from characters.models import Scenario
from llm.models import Model, Provider
from personas.models import Persona
from tests.factories import CharacterFactory, ModelFactory, ScenarioFactory
from web.desk.noting import Noting

pytestmark = pytest.mark.django_db
INLINE = {
    "scenarios-TOTAL_FORMS": "0",
    "scenarios-INITIAL_FORMS": "0",
    "scenarios-MIN_NUM_FORMS": "0",
    "scenarios-MAX_NUM_FORMS": "1000",
}


@pytest.fixture(autouse=True)
def _signed_in(client, staff):
    client.force_login(staff)


def noted() -> list[tuple]:
    rows = AuditEntry.objects.order_by("id")
    return list(rows.values_list("actor", "action", "target", "before", "after"))


def test_every_page_of_the_admin_notes_what_is_done():
    assert all(isinstance(page, Noting) for page in admin.site._registry.values())


def model_form(model, **changes):
    fields = {
        "slug": model.slug, "name": model.name, "provider": model.provider_id,
        "upstream_name": model.upstream_name, "context_tokens": model.context_tokens,
        "reply_tokens": model.reply_tokens, "template": "",
        "input_multiplier_micro": "1", "output_multiplier_micro": "1",
        "enabled": "on", "answers": "on", "min_plan_rank": model.min_plan_rank,
        "supports_tools": "unknown", "supports_json_schema": "unknown",
        "supports_vision": "unknown",
    }  # fmt: skip
    return {**fields, **changes}


def test_a_change_keeps_before_and_after(client):
    model = ModelFactory(context_tokens=4096)
    url = reverse("admin:llm_model_change", args=[model.pk])

    client.post(url, model_form(model, context_tokens=8192))
    client.post(url, model_form(model, context_tokens=8192))

    assert noted() == [
        (
            "staff",
            "model.change",
            f"model {model.pk}",
            {"context_tokens": 4096},
            {"context_tokens": 8192},
        )
    ]


def test_a_refused_change_is_not_noted(client):
    model = ModelFactory()
    url = reverse("admin:llm_model_change", args=[model.pk])

    client.post(url, model_form(model, context_tokens=-1))

    assert noted() == []
    assert Model.objects.get().context_tokens == model.context_tokens


def test_secrets_stay_out_of_the_log(client, owner):
    provider = ModelFactory().provider
    form = {"name": "N", "slug": provider.slug, "kind": provider.kind, "options": "{}"}
    client.post(
        reverse("admin:llm_provider_change", args=[provider.pk]),
        {**form, "enabled": "on", "new_key": "canary-1"},
    )
    client.post(
        reverse("admin:accounts_user_change", args=[owner.pk]),
        {"handle": "owner", "new_password": "canary-22 is long"},
    )

    entries = noted()
    assert [entry[1] for entry in entries] == ["provider.change", "user.change"]
    assert entries[0][4]["new_key"] == entries[1][4]["new_password"] == "(not shown)"
    assert "canary" not in str(entries)


def test_what_somebody_wrote_is_counted_not_kept(client, owner):
    character = CharacterFactory(owner=owner, description="A secret wish.")
    url = reverse("admin:characters_character_change", args=[character.pk])
    page = client.get(url)
    form = {
        name: value
        for name, value in page.context["adminform"].form.initial.items()
        if value is not None and not isinstance(value, list | dict)
    }
    lists = {"alternate_greetings": "[]", "extensions": "{}", "group_only_greetings": "[]"}

    posted = client.post(url, {**form, **lists, **INLINE, "description": "Another."})

    assert posted.status_code == 302, posted.context["adminform"].form.errors
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.user) == ("character.change", owner)
    assert (entry.before["description"], entry.after["description"]) == (
        "(14 characters)",
        "(8 characters)",
    )


def test_deleting_one_and_several_is_noted(client, owner):
    rows = [Persona.objects.create(owner=owner, name=f"Persona {n}") for n in range(3)]
    client.post(reverse("admin:personas_persona_delete", args=[rows[0].pk]), {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [rows[1].pk, rows[2].pk]}
    client.post(reverse("admin:personas_persona_changelist"), chosen)
    asked = AuditEntry.objects.count()

    client.post(reverse("admin:personas_persona_changelist"), {**chosen, "post": "yes"})

    assert (asked, Persona.objects.count()) == (1, 0)
    assert {entry[1:3] for entry in noted()} == {
        ("persona.delete", f"persona {row.pk}") for row in rows
    }
    assert noted()[0][3] == {"name": "Persona 0"}


def test_a_delete_that_fails_leaves_no_note(client, owner, monkeypatch):
    row = Persona.objects.create(owner=owner, name="Persona")
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(admin.site._registry[Persona], "delete_queryset", broken)
    with pytest.raises(RuntimeError):
        client.post(reverse("admin:personas_persona_changelist"), chosen)

    assert (Persona.objects.count(), noted()) == (1, [])


def test_actions_without_a_form_are_noted(client):
    model = ModelFactory()

    client.post(
        reverse("admin:llm_model_changelist"),
        {"action": "make_default", "_selected_action": [model.pk]},
    )

    assert [entry[1:3] for entry in noted()] == [("model.make_default", f"model {model.pk}")]


def test_the_log_is_only_looked_at(client, owner):
    client.post(
        reverse("admin:accounts_user_change", args=[owner.pk]),
        {"handle": "owner", "display_name": "O"},
    )
    entry = AuditEntry.objects.get()

    assert client.get(reverse("admin:accounts_auditentry_changelist")).status_code == 200
    assert client.get(reverse("admin:accounts_auditentry_add")).status_code == 403
    for page in ("change", "delete"):
        url = reverse(f"admin:accounts_auditentry_{page}", args=[entry.pk])
        assert client.post(url, {"post": "yes", "reason": "none"}).status_code == 403
    assert list(AuditEntry.objects.all()) == [entry]


def test_rows_below_a_form_are_named(client, owner):
    scenario = ScenarioFactory(character__owner=owner, title="Old")
    character = scenario.character
    url = reverse("admin:characters_character_change", args=[character.pk])
    form = {
        name: value
        for name, value in client.get(url).context["adminform"].form.initial.items()
        if value is not None and not isinstance(value, list | dict)
    }
    lists = {"alternate_greetings": "[]", "extensions": "{}", "group_only_greetings": "[]"}
    below = {
        **INLINE, "scenarios-TOTAL_FORMS": "1", "scenarios-INITIAL_FORMS": "1",
        "scenarios-0-id": scenario.pk, "scenarios-0-character": character.pk,
        "scenarios-0-title": "New", "scenarios-0-context": scenario.context,
        "scenarios-0-greeting": "", "scenarios-0-position": "0",
    }  # fmt: skip

    client.post(url, {**form, **lists, **below})

    assert Scenario.objects.get().title == "New"
    found = AuditEntry.objects.get().after["scenario"]
    assert list(found["changed"]) == [str(scenario.pk)]
    assert "title" in found["changed"][str(scenario.pk)]


def test_providers_are_deleted_with_a_note(client):
    provider = ModelFactory().provider
    url = reverse("admin:llm_provider_delete", args=[provider.pk])

    client.post(url, {"post": "yes"})

    assert Provider.objects.count() == 0
    assert [entry[1] for entry in noted()] == ["provider.delete"]
