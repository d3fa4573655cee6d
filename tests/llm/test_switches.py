"""The kill switches: off in the next look, noted with a reason, and what is off stays off."""

import pytest

from accounts.models import AuditEntry
from core.errors import Invalid
from llm import registry, services, switches
from llm.models import Model, Provider
from tests.factories import ModelFactory

pytestmark = pytest.mark.django_db


def names() -> list[str]:
    return [spec.slug for spec in registry.list_models()]


@pytest.fixture
def models(db):
    first = ModelFactory(slug="a/one", provider__slug="first")
    ModelFactory(slug="a/two", provider=first.provider)
    ModelFactory(slug="b/one", provider__slug="second")
    assert names() == ["a/one", "a/two", "b/one"]
    return first


def test_a_model_is_off_and_on_again(models):
    off = [switches.switch_off(models, actor="op", reason=" too dear ") for _ in range(2)]
    without = names()
    models.refresh_from_db()
    on = [switches.switch_on(models, actor="op", reason="cheap now") for _ in range(2)]

    assert (off, on) == ([True, False], [True, False])
    assert without == ["a/two", "b/one"]
    assert names() == ["a/one", "a/two", "b/one"]
    rows = AuditEntry.objects.order_by("id").values_list(
        "actor", "action", "target", "reason", "before", "after"
    )
    assert list(rows) == [
        ("op", "model.off", "model a/one", "too dear", {"enabled": True}, {"enabled": False}),
        ("op", "model.on", "model a/one", "cheap now", {"enabled": False}, {"enabled": True}),
    ]


def test_a_provider_takes_all_its_models_with_it(models):
    switches.switch_off(models.provider, actor="op", reason="down")

    assert names() == ["b/one"]
    assert Model.objects.filter(enabled=True).count() == 3


def test_without_a_reason_nothing_is_switched(models):
    with pytest.raises(Invalid):
        switches.switch_off(models, actor="op", reason=" ")

    assert "a/one" in names()
    assert AuditEntry.objects.count() == 0


def test_what_runs_may_be_ended_later(models):
    switches.switch_off(models, actor="op", reason="r")
    models.refresh_from_db()

    assert switches.switch_off(models, actor="op", reason="r", ends_running=True) is False

    newest = AuditEntry.objects.first()
    assert (newest.before, newest.after) == (
        {"enabled": False},
        {"enabled": False, "ended_running": True},
    )


def test_the_list_names_what_operators_hold_off(models):
    ModelFactory(slug="c/never", enabled=False)
    switches.switch_off(models, actor="op", reason="first")
    switches.switch_on(Model.objects.get(pk=models.pk), actor="op", reason="again")
    switches.switch_off(models.provider, actor="op", reason="down")
    switches.switch_off(Model.objects.get(slug="b/one"), actor="mia", reason="rude")

    found = [(one.name, one.reason, one.actor) for one in switches.list_switched_off()]

    assert found == [("model b/one", "rude", "mia"), ("provider first", "down", "op")]


def test_the_list_costs_the_same_for_any_number(models, django_assert_num_queries):
    for model in Model.objects.all():
        switches.switch_off(model, actor="op", reason="r")

    with django_assert_num_queries(3):
        assert len(switches.list_switched_off()) == 3


def test_adding_a_provider_again_does_not_switch_it_on(models):
    switches.switch_off(models.provider, actor="op", reason="down")
    switches.switch_off(models, actor="op", reason="down")

    provider = services.add_provider(slug="first", name="First", kind="understudy")
    services.add_model(slug="a/one", provider=provider, upstream_name="one")

    assert (Provider.objects.get(slug="first").name, names()) == ("First", ["b/one"])
