"""The list of chats, a chat's page, and what can be done to messages without a model."""

import pytest

from characters.services import update_character
from chats.models import Chat, Message, Turn
from chats.services import start_chat
from tests.factories import CharacterFactory, ScenarioFactory

pytestmark = pytest.mark.django_db


def say(chat, role, content, parent=None, **fields):
    """A message at the end of the shown path."""
    last = chat.messages.filter(active=True).order_by("-position").first()
    return Message.objects.create(
        chat=chat,
        parent=parent or last,
        position=last.position + 1 if last else 0,
        role=role,
        content=content,
        **fields,
    )


def test_list_shows_own_chats_latest_first(browser, owner, stranger, luna):
    first = start_chat(user=owner, character=luna)
    second = start_chat(user=owner, character=luna)
    start_chat(user=stranger, character=CharacterFactory(owner=stranger))

    assert list(browser.get("/app/chats").context["chats"]) == [second, first]


def test_scene_with_others_is_begun_from_the_characters_page(browser, owner, luna):
    assert (
        "With others in the scene"
        not in browser.get(f"/app/characters/{luna.uid}").content.decode()
    )
    update_character(character=luna, group_only_greetings=["Everyone!"])

    page = browser.get(f"/app/characters/{luna.uid}").content.decode()
    answer = browser.post(f"/app/characters/{luna.uid}/chat", {"group": "1"})

    assert page.count("With others in the scene") == 1
    chat = Chat.objects.get(uid=answer["Location"].rsplit("/", 1)[1])
    assert list(chat.messages.values_list("content", flat=True)) == ["Everyone!"]


def test_list_searches_names_and_last_lines(browser, owner, luna):
    start_chat(user=owner, character=luna)
    other = start_chat(user=owner, character=CharacterFactory(owner=owner, first_mes="Owls!"))

    assert list(browser.get("/app/chats?q=owls").context["chats"]) == [other]
    assert "No chat matches" in browser.get("/app/chats?q=zzz").content.decode()


def test_empty_list_has_one_action(browser):
    assert "Find somebody to talk to" in browser.get("/app/chats").content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_list_asks_as_much_for_three_as_for_one(count, browser, owner, django_assert_num_queries):
    for _ in range(count):
        start_chat(user=owner, character=ScenarioFactory(character__owner=owner).character)
    browser.get("/app/chats")

    with django_assert_num_queries(6):
        browser.get("/app/chats")


def test_page_draws_the_conversation_with_its_hooks(browser, chat, model):
    question = say(chat, "user", "Who are you?")
    answer = say(chat, "assistant", "Luna.", parent=question)

    response = browser.get(f"/app/chats/{chat.uid}")
    body = response.content.decode()

    assert 'role="log"' in body
    assert '<label class="visually-hidden" for="message">Message Luna</label>' in body
    assert f'data-role="user" data-message="{question.uid}"' in body
    assert f'data-role="assistant" data-message="{answer.uid}"' in body
    assert [line.message.content for line in response.context["view"].log.lines] == [
        "Hi, I am Luna.",
        "Who are you?",
        "Luna.",
    ]


def test_stranger_finds_no_chat(elsewhere, chat):
    assert elsewhere.get(f"/app/chats/{chat.uid}").status_code == 404
    assert elsewhere.get(f"/app/chats/{chat.uid}/log").status_code == 404


@pytest.mark.parametrize("turns", [1, 3])
def test_page_asks_as_much_for_long_as_for_short(
    turns, browser, chat, model, django_assert_num_queries
):
    for _ in range(turns):
        say(chat, "assistant", "Luna.", parent=say(chat, "user", "Who are you?"))
    browser.get(f"/app/chats/{chat.uid}")

    with django_assert_num_queries(10):
        browser.get(f"/app/chats/{chat.uid}")


def test_page_names_the_stand_in_until_there_is_a_model(browser, chat, model):
    assert "not an AI model" in browser.get(f"/app/chats/{chat.uid}").content.decode()

    model.provider.kind = "openai_like"
    model.provider.save()
    from llm import registry

    registry.forget()
    assert "stand-in" not in browser.get(f"/app/chats/{chat.uid}").content.decode()


def test_page_opens_without_any_model(browser, chat):
    assert "no model" in browser.get(f"/app/chats/{chat.uid}").content.decode()


def test_long_chat_shows_a_window_and_the_way_back(browser, chat, model):
    for number in range(70):
        say(chat, "user", f"line {number}")

    page = browser.get(f"/app/chats/{chat.uid}").content.decode()
    older = browser.get(f"/app/chats/{chat.uid}/log?before=11").content.decode()

    assert "line 69" in page
    assert "line 5<" not in page
    assert 'data-older="11"' in page
    assert "line 9" in older
    assert "line 10<" not in older
    assert "data-title-page" in older


def test_reply_shows_what_it_cost_and_who_asked(browser, owner, chat, model):
    from accounts.keys import issue_key

    key, _ = issue_key(user=owner, name="my bot")
    turn = Turn.objects.create(
        uid="t" * 24, chat=chat, user=owner, api_key=key, surface="api", state="done",
        reply="r" * 24, model="test/model", node="n", lease_expires_at=chat.created_at,
        prompt_tokens=500, completion_tokens=52, amount_micro=552_000_000,
    )  # fmt: skip
    question = say(chat, "user", "Hi", turn=turn.uid)
    say(chat, "assistant", "Hello.", parent=question, turn=turn.uid)

    body = browser.get(f"/app/chats/{chat.uid}").content.decode()

    assert "552 credits" in body
    assert "500 in, 52 out" in body
    assert body.count("by my bot") == 2


def test_failed_turn_stays_with_retry(browser, owner, chat, model):
    say(chat, "user", "Hi")
    Turn.objects.create(
        uid="t" * 24, chat=chat, user=owner, surface="web", state="voided", reply="r" * 24,
        model="test/model", node="n", lease_expires_at=chat.created_at,
        error_code="upstream_error", error_message="The lamp blew.",
    )  # fmt: skip

    body = browser.get(f"/app/chats/{chat.uid}").content.decode()

    assert "The lamp blew." in body
    assert ">Retry</button>" in body


def test_editing_works_without_script(browser, chat, model):
    question = say(chat, "user", "Who are you?")

    body = browser.get(f"/app/chats/{chat.uid}?edit={question.uid}").content.decode()

    assert f'action="/app/messages/{question.uid}/save"' in body
    assert "Save and send" in body


def test_draft_is_kept(browser, chat, model):
    assert browser.post(f"/app/chats/{chat.uid}/draft", {"content": "half a"}).status_code == 204

    assert ">half a</textarea>" in browser.get(f"/app/chats/{chat.uid}").content.decode()


def test_stranger_cannot_write_a_draft(elsewhere, chat):
    elsewhere.post(f"/app/chats/{chat.uid}/draft", {"content": "mine now"})

    chat.refresh_from_db()
    assert chat.draft == ""


def test_rename(browser, chat, model):
    browser.post(f"/app/chats/{chat.uid}/rename", {"title": "The night shift"})

    chat.refresh_from_db()
    assert chat.title == "The night shift"


def test_model_is_chosen_for_the_character(browser, owner, chat, model):
    browser.post(f"/app/chats/{chat.uid}/model", {"model": "test/model"})

    assert chat.character.characterpreference_set.get(user=owner).model == model


def test_unknown_model_is_refused(browser, chat, model):
    response = browser.post(f"/app/chats/{chat.uid}/model", {"model": "test/none"})

    assert response.status_code == 404
    assert chat.character.characterpreference_set.count() == 0


def test_chat_goes_to_the_trash_and_back(browser, chat):
    gone = browser.post(f"/app/chats/{chat.uid}/trash", follow=True).content.decode()
    assert f'action="/app/chats/{chat.uid}/restore"' in gone
    assert browser.get(f"/app/chats/{chat.uid}").status_code == 404

    browser.post(f"/app/chats/{chat.uid}/restore")
    chat.refresh_from_db()
    assert chat.trashed_at is None


def test_version_steps(browser, chat):
    one = chat.messages.get()
    Message.objects.create(
        uid="z" * 24, chat=chat, position=0, role="assistant", content="Two.",
        active=False, chosen=False,
    )  # fmt: skip

    response = browser.post(f"/app/messages/{one.uid}/version", {"step": "1"})

    assert response["Location"] == f"/app/chats/{chat.uid}"
    assert chat.messages.get(active=True).content == "Two."


@pytest.mark.parametrize("step", ["", "2", "x"])
def test_odd_steps_are_refused(step, browser, chat):
    message = chat.messages.get()

    assert browser.post(f"/app/messages/{message.uid}/version", {"step": step}).status_code == 400


def test_deleting_and_undo(browser, chat):
    question = say(chat, "user", "Who are you?")
    say(chat, "assistant", "Luna.", parent=question)

    headers = {"accept": "application/json"}
    answer = browser.post(f"/app/messages/{question.uid}/trash", headers=headers).json()
    assert answer["notice"] == "2 messages deleted."
    assert chat.messages.filter(active=True, trashed_at=None).count() == 1

    back = browser.post(answer["undo"], headers=headers).json()
    assert back["chat"] == chat.uid
    assert chat.messages.filter(active=True, trashed_at=None).count() == 3


def test_branch_opens_a_new_chat(browser, chat):
    question = say(chat, "user", "Who are you?")

    response = browser.post(f"/app/messages/{question.uid}/branch")

    copy = Chat.objects.exclude(uid=chat.uid).get()
    assert response["Location"] == f"/app/chats/{copy.uid}"
    assert [m.content for m in copy.messages.order_by("position")] == [
        "Hi, I am Luna.",
        "Who are you?",
    ]


@pytest.mark.parametrize("path", ["version", "trash", "branch"])
def test_stranger_cannot_touch_a_message(path, elsewhere, chat):
    message = chat.messages.get()

    response = elsewhere.post(f"/app/messages/{message.uid}/{path}", {"step": "1"})

    assert response.status_code == 404
    assert Chat.objects.count() == 1
    assert chat.messages.filter(trashed_at=None).count() == 1


def test_stranger_cannot_restore_a_deletion(browser, elsewhere, chat):
    question = say(chat, "user", "Who are you?")
    headers = {"accept": "application/json"}
    undo = browser.post(f"/app/messages/{question.uid}/trash", headers=headers).json()["undo"]

    assert elsewhere.post(undo).status_code == 404
    assert chat.messages.filter(trashed_at=None).count() == 1


def test_editor_fragment_is_for_the_owner(browser, elsewhere, chat):
    message = chat.messages.get()

    assert "Hi, I am Luna." in browser.get(f"/app/messages/{message.uid}/edit").content.decode()
    assert elsewhere.get(f"/app/messages/{message.uid}/edit").status_code == 404
