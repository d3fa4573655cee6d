"""What production refuses."""

import pytest

from reverie import checks
from reverie.checks import check_payments, check_production


def ids() -> list[str]:
    return [message.id for message in check_production(None)]


@pytest.fixture(autouse=True)
def _sound(settings):
    settings.PRODUCTION = True
    settings.DEBUG = False
    settings.SECRET_KEY = "a-long-and-varied-secret-of-many-characters"
    settings.ALLOWED_HOSTS = ["chat.example.org"]


def test_sound_production_has_nothing_to_say():
    assert ids() == []


@pytest.mark.parametrize("secret", ["short", "a" * 64])
def test_production_refuses_a_weak_secret(settings, secret):
    settings.SECRET_KEY = secret

    assert ids() == ["reverie.E001"]


def test_production_refuses_debug(settings):
    settings.DEBUG = True

    assert ids() == ["reverie.E002"]


def test_production_warns_of_any_name(settings):
    settings.ALLOWED_HOSTS = ["*"]

    assert ids() == ["reverie.W001"]


def test_a_trial_may_do_all_of_it(settings):
    settings.PRODUCTION, settings.DEBUG, settings.SECRET_KEY = False, True, "short"

    assert ids() == []


@pytest.mark.parametrize(
    ("key", "secret", "ids"),
    [("", "", []), ("sk", "whsec", []), ("sk", "", ["reverie.W002"]), ("", "w", ["reverie.W002"])],
)
def test_purchases_need_both_settings(settings, key, secret, ids):
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = key, secret

    assert [message.id for message in check_payments(None)] == ids


def test_purchases_need_their_library(settings, monkeypatch):
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = "sk", "whsec"
    monkeypatch.setattr(checks, "find_spec", lambda name: None)

    assert [message.id for message in check_payments(None)] == ["reverie.E003"]
