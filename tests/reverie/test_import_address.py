"""`reverie import URL`: a card behind an address."""

import pytest

from characters.models import CardOriginal, Character
from core.errors import Invalid
from reverie.commands import imports
from tests.characters.build import in_png

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def test_card_behind_an_address_is_imported(owner, monkeypatch, run):
    monkeypatch.setattr(imports, "fetch_card_file", lambda url: ("ada.png", in_png()))

    ran = run("import", "https://cards.example/x/ada.png", "--owner", owner.handle, "--json")

    (row,) = ran.json["files"]
    assert (ran.code, row["path"]) == (0, "https://cards.example/x/ada.png")
    assert row["id"] == Character.objects.get().uid
    assert CardOriginal.objects.get().filename == "ada.png"


def test_address_that_cannot_be_reached_fails_alone(owner, monkeypatch, run, tmp_path):
    def refuse(url):
        raise Invalid("That address cannot be reached.", param="url")

    monkeypatch.setattr(imports, "fetch_card_file", refuse)
    (tmp_path / "ada.png").write_bytes(in_png())

    ran = run("import", "http://10.0.0.1/", str(tmp_path / "ada.png"), "--owner", owner.handle)

    assert (ran.code, Character.objects.count()) == (1, 1)
    assert "http://10.0.0.1/: That address cannot be reached." in ran.out
