"""Who replies: a row for every rule."""

import pytest

from accounts.keys import issue_key
from catalog.models import Project
from chats.models import Chat
from chats.resolve import PlainModel, resolve
from core.errors import NotFound
from tests.factories import CharacterFactory, ChatFactory, ScenarioFactory

pytestmark = pytest.mark.django_db

PUBLIC, UNLISTED = Project.Visibility.PUBLIC, Project.Visibility.UNLISTED
NOBODY = "0" * 24


def key_of(user, default=""):
    return issue_key(user=user, name="k", default_character=default)[0]


def who(user, name, key=None) -> tuple:
    found = resolve(user, key, name)
    if isinstance(found, PlainModel):
        return ("model", found.spec.slug, found.suffix)
    scenario = found.scenario.title if found.scenario else None
    return (found.character.name, scenario, found.rule)


def refusal(user, name, key=None) -> str:
    with pytest.raises(NotFound) as raised:
        resolve(user, key, name)
    assert raised.value.param == "model"
    return raised.value.code


@pytest.fixture
def evening(luna):
    return ScenarioFactory(character=luna, title="Cozy Evening")


def test_full_ids_and_their_prefixed_and_integer_forms(owner, luna, evening):
    assert who(owner, luna.uid) == ("Luna", None, "model")
    assert who(owner, f"character_{luna.uid}") == ("Luna", None, "model")
    assert who(owner, str(luna.pk)) == ("Luna", None, "model")
    assert who(owner, f"character_{luna.pk}") == ("Luna", None, "model")
    assert who(owner, evening.uid) == ("Luna", "Cozy Evening", "model")
    assert who(owner, f"scenario_{evening.uid}") == ("Luna", "Cozy Evening", "model")


def test_short_id_names_a_character(owner, luna):
    assert who(owner, luna.label) == ("Luna", None, "model")
    assert who(owner, f"Renamed since [{luna.short_id}]") == ("Luna", None, "model")


def test_short_id_names_a_scenario_of_the_default_character_only(owner, luna, evening):
    key = key_of(owner, luna.uid)

    assert who(owner, evening.label, key) == ("Luna", "Cozy Evening", "model")
    assert who(owner, "cozy evening", key) == ("Luna", "Cozy Evening", "model")
    assert refusal(owner, evening.label, key_of(owner)) == "character_not_found"


@pytest.mark.parametrize("name", ["Luna", "luna", "  LUNA  ".strip()])
def test_bare_name_whatever_its_case(owner, luna, name):
    assert who(owner, name) == ("Luna", None, "model")


def test_bare_name_prefers_ones_own(owner, stranger, luna):
    CharacterFactory(owner=stranger, name="Luna", visibility=PUBLIC)

    assert resolve(owner, None, "Luna").character.pk == luna.pk


def test_bare_name_prefers_whom_one_talked_to(owner, stranger, friend):
    CharacterFactory(owner=stranger, name="Max", visibility=PUBLIC)
    known = CharacterFactory(owner=friend, name="Max", visibility=PUBLIC)
    ChatFactory(user=owner, character=known)

    assert resolve(owner, None, "Max").character.pk == known.pk


def test_bare_public_name_of_several_lists_them(owner, stranger, friend):
    people = [CharacterFactory(owner=o, name="Max", visibility=PUBLIC) for o in (stranger, friend)]

    with pytest.raises(NotFound) as raised:
        resolve(owner, None, "Max")

    assert raised.value.code == "character_not_found"
    assert all(person.label in raised.value.message for person in people)


def test_private_character_of_somebody_else_is_not_found(owner, stranger, luna):
    for name in ("Luna", luna.uid, luna.label, str(luna.pk), f"character_{luna.uid}"):
        assert refusal(stranger, name) == "character_not_found"
    with pytest.raises(NotFound) as raised:
        resolve(stranger, None, "Lunna")
    assert "Luna" not in raised.value.message.replace("Lunna", "")


def test_unlisted_character_is_found_by_id_but_not_by_name(owner, stranger):
    hidden = CharacterFactory(owner=stranger, name="Nox", visibility=UNLISTED)

    assert who(owner, hidden.uid) == ("Nox", None, "model")
    assert refusal(owner, "Nox") == "character_not_found"


def test_trashed_character_is_not_found(owner, luna):
    Project.objects.filter(pk=luna.pk).update(trashed_at="2026-01-01T00:00:00Z")

    assert refusal(owner, luna.uid) == "character_not_found"
    assert refusal(owner, "Luna") == "character_not_found"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (NOBODY, "scenario_not_found"),
        ("Evening [zzzzzzzz]", "scenario_not_found"),
        (f"scenario_{NOBODY}", "scenario_not_found"),
        (f"character_{NOBODY}", "character_not_found"),
        ("999999999", "character_not_found"),
    ],
)
def test_what_looks_like_an_id_never_falls_back(owner, luna, name, code):
    assert refusal(owner, name, key_of(owner, luna.uid)) == code


@pytest.mark.parametrize("name", [NOBODY, "Evening [zzzzzzzz]", f"character_{NOBODY}", "77777777"])
def test_what_looks_like_an_id_without_a_default_is_no_character(owner, luna, name):
    ChatFactory(user=owner, character=luna)

    assert refusal(owner, name, key_of(owner)) == "character_not_found"


@pytest.mark.parametrize("name", ["", "gpt-4o", "claude-3-5-sonnet", "openai/gpt-5", "whatever"])
def test_default_character_answers_everything_else(owner, luna, name):
    assert who(owner, name, key_of(owner, luna.uid)) == ("Luna", None, "default")


@pytest.mark.parametrize("name", ["", "gpt-4o", "claude-3-5-sonnet", "o3-mini", "x/y"])
def test_most_recent_chat_answers_without_a_default(owner, luna, evening, name):
    ChatFactory(user=owner, character=CharacterFactory(owner=owner, name="Old"))
    ChatFactory(user=owner, character=luna, scenario=evening)

    assert who(owner, name, key_of(owner)) == ("Luna", "Cozy Evening", "recent")


def test_typo_is_answered_by_nobody_and_names_the_closest(owner, luna):
    ChatFactory(user=owner, character=luna)

    with pytest.raises(NotFound) as raised:
        resolve(owner, None, "Lunna")

    assert raised.value.code == "character_not_found"
    assert luna.label in raised.value.message


@pytest.mark.parametrize("name", ["", "gpt-4o"])
def test_nothing_left_is_no_chat_history(owner, name):
    assert refusal(owner, name) == "no_chat_history"


def test_default_character_that_was_hidden_meanwhile_is_skipped(owner, stranger, luna):
    assert refusal(stranger, "", key_of(stranger, luna.uid)) == "no_chat_history"


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("test/model", ""),
        ("test/model/text", "text"),
        ("test/model/assistant", "assistant"),
        ('test/model/{"assistant":{"role":"text"}}', '{"assistant":{"role":"text"}}'),
    ],
)
def test_catalogue_model_is_named_with_or_without_a_suffix(owner, model, name, suffix):
    assert who(owner, name) == ("model", "test/model", suffix)


def test_character_comes_before_a_model_of_the_same_name(owner, model):
    CharacterFactory(owner=owner, name="test/model")

    assert who(owner, "test/model") == ("test/model", None, "model")


# Lanes: history lives per key, character, scenario and lane


async def chat_of(wire, body=None, **headers) -> str:
    request = {"model": "Luna", "messages": [{"role": "user", "content": "Hi"}], **(body or {})}
    response = await wire.post("chat/completions", json=request, headers=headers)
    assert response.status_code == 200, response.text
    return response.headers["x-reverie-chat"]


async def test_lane_is_the_same_for_the_same_key_and_character(wire, luna, provider):
    assert await chat_of(wire) == await chat_of(wire)


async def test_lane_differs_by_user_scenario_and_key(wire, luna, evening, provider, owner):
    other = {"Authorization": f"Bearer {issue_key(user=owner, name='b')[1]}"}

    chats = [
        await chat_of(wire),
        await chat_of(wire, {"user": "ann"}),
        await chat_of(wire, {"model": evening.uid}),
        await chat_of(wire, **other),
    ]

    assert len(set(chats)) == 4
    assert await chat_of(wire, {"user": "ann"}) == chats[1]


@pytest.mark.parametrize(
    "way",
    [
        lambda chat: ({}, {"X-Reverie-Chat": chat}),
        lambda chat: ({"metadata": {"chat_id": chat}}, {}),
        lambda chat: ({"reverie": {"chat_id": chat}}, {}),
    ],
    ids=["header", "metadata", "extension"],
)
async def test_chat_can_be_named_or_begun_anew(wire, luna, provider, way):
    first = await chat_of(wire)
    body, headers = way("new")
    second = await chat_of(wire, body, **headers)
    body, headers = way(first)

    assert second != first
    assert await chat_of(wire, body, **headers) == first
    assert await chat_of(wire) == second


async def test_chat_of_somebody_else_is_not_found(wire, luna, provider, stranger):
    foreign = ChatFactory(user=stranger, character=luna)
    request = {"model": "Luna", "messages": [{"role": "user", "content": "Hi"}]}

    response = await wire.post(
        "chat/completions", json=request, headers={"X-Reverie-Chat": foreign.uid}
    )

    assert (response.status_code, response.json()["error"]["code"]) == (404, "chat_not_found")
    assert foreign.messages.count() == 0


async def test_chat_with_another_character_is_refused(wire, luna, provider, owner):
    other = ChatFactory(character=CharacterFactory(owner=owner, name="Max"))
    request = {"model": "Luna", "messages": [{"role": "user", "content": "Hi"}]}

    response = await wire.post(
        "chat/completions", json=request, headers={"X-Reverie-Chat": other.uid}
    )

    assert (response.status_code, response.json()["error"]["code"]) == (400, "chat_mismatch")


async def test_character_id_in_the_body_is_accepted(wire, luna, provider):
    body = {"character_id": luna.uid, "messages": [{"role": "user", "content": "Hi"}]}

    response = await wire.post("chat/completions", json=body)

    assert Chat.objects.get(uid=response.headers["x-reverie-chat"]).character_id == luna.pk
