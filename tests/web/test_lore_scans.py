"""The page on which a person says how their lorebooks are scanned."""

import pytest
from django.test import Client
from django.urls import reverse

from lore.queries import SETTINGS, settings_of
from lore.scene import Settings

pytestmark = pytest.mark.django_db
FIELDS = {
    "scan_depth": 5,
    "budget_percent": 40,
    "budget_cap": 0,
    "insertion_strategy": 1,
    "max_recursion_steps": 0,
    "min_activations": 0,
    "min_activations_depth_max": 0,
    "match_whole_words": "on",
    "include_names": "on",
    "recursive": "on",
}


@pytest.fixture
def browser(owner):
    client = Client()
    client.force_login(owner)
    return client


def test_only_what_differs_is_kept(browser, owner):
    answer = browser.post(reverse("lore-scans"), FIELDS)

    owner.refresh_from_db()
    assert answer.status_code == 302
    assert owner.preferences[SETTINGS] == {"scan_depth": 5, "budget_percent": 40}
    assert settings_of(owner) == Settings(scan_depth=5, budget_percent=40)


def test_nonsense_is_refused_and_changes_nothing(browser, owner):
    answer = browser.post(reverse("lore-scans"), {**FIELDS, "scan_depth": "-1"})

    owner.refresh_from_db()
    assert answer.status_code == 400
    assert settings_of(owner) == Settings()


def test_the_usual_settings_come_back(browser, owner):
    browser.post(reverse("lore-scans"), FIELDS)
    browser.post(reverse("lore-scans"), {"reset": "1"})

    owner.refresh_from_db()
    assert settings_of(owner) == Settings()
    assert "Back to the usual" not in browser.get(reverse("lore-scans")).content.decode()


def test_guest_is_asked_to_sign_in(client):
    assert client.get(reverse("lore-scans")).status_code == 302
