"""Cards to take home."""

import pytest
from django.test import Client
from django.urls import reverse

from characters.cards import read_card
from characters.services import import_card
from tests.characters.build import V2, as_json, in_png

pytestmark = pytest.mark.django_db


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("form", "name"),
    [("png", "Ada.png"), ("charx", "Ada.charx"), ("v3", "Ada.json"), ("v2", "Ada.json")],
)
def test_character_is_taken_home_as_a_card(owner, form, name):
    character = import_card(owner=owner, data=as_json(V2), filename="ada.json")

    answer = signed_in(owner).get(reverse("character-export", args=[character.uid, form]))

    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert read_card(answer.content, name).description == V2["data"]["description"]


def test_original_is_the_very_file(owner):
    data = in_png()
    character = import_card(owner=owner, data=data, filename="card of ada.png")

    answer = signed_in(owner).get(reverse("character-export", args=[character.uid, "original"]))

    assert answer.content == data
    assert "card of ada.png" in answer.headers["Content-Disposition"]


def test_unknown_form_and_stranger_are_refused(owner, stranger):
    character = import_card(owner=owner, data=as_json(V2))

    wrong = signed_in(owner).get(reverse("character-export", args=[character.uid, "pdf"]))
    other = signed_in(stranger).get(reverse("character-export", args=[character.uid, "png"]))

    assert (wrong.status_code, other.status_code) == (404, 404)


def test_page_offers_the_forms_to_its_owner_alone(owner, stranger):
    character = import_card(owner=owner, data=as_json(V2))
    character.visibility = "public"
    character.save()
    path = reverse("character", args=[character.uid])

    assert "/export/original" in signed_in(owner).get(path).content.decode()
    assert "/export/" not in signed_in(stranger).get(path).content.decode()
