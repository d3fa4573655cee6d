"""Pages of the models: what they cost and can do, and choosing one for a character."""

import pytest

from billing.models import Plan
from characters.models import CharacterPreference
from characters.preferences import change_preference
from llm import registry
from llm.models import UNIT, Model
from tests.chats.talking import say
from tests.factories import CharacterFactory, ModelFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def big(model):
    return ModelFactory(
        slug="shop/big", name="Big", context_tokens=128_000, supports_vision=True,
        input_multiplier_micro=250_000, output_multiplier_micro=2 * UNIT,
    )  # fmt: skip


@pytest.fixture
def gated(db):
    Plan.objects.create(slug="author", name="Author", rank=2)
    return ModelFactory(slug="shop/gated", name="Gated", min_plan_rank=1)


def switch_off(model):
    Model.objects.filter(pk=model.pk).update(enabled=False)
    registry.forget()


def body(browser, path) -> str:
    response = browser.get(path)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_the_page_says_what_each_can_do_and_costs(browser, big, gated):
    page = body(browser, "/app/models")

    for words in ("128,000", "×0.25", "×2", "Sees pictures", "The default", "Needs Author"):
        assert words in page
    assert "The default answers for every character." in page


def test_the_page_lists_ones_choices_and_what_is_wrong_with_them(
    browser, elsewhere, owner, luna, big
):
    change_preference(user=owner, character=luna, model=big.slug)
    switch_off(big)

    page = body(browser, "/app/models")

    assert "shop/big" in page
    assert "is switched off" in page
    assert "shop/big" not in body(elsewhere, "/app/models")


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_asks_as_much_for_three_as_for_one(
    browser, owner, gated, count, django_assert_num_queries
):
    for _ in range(count):
        ModelFactory(min_plan_rank=1)
        chosen = ModelFactory()
        character = CharacterFactory(owner=owner)
        CharacterPreference.objects.create(user=owner, character=character, model=chosen)
    body(browser, "/app/models")

    with django_assert_num_queries(8):
        browser.get("/app/models")


def test_one_is_chosen_for_a_character(browser, owner, luna, big):
    address = f"/app/characters/{luna.uid}/model"
    assert 'value="shop/big"' in body(browser, address)

    answer = browser.post(address, {"model": "shop/big"})

    assert answer["Location"] == address
    assert CharacterPreference.objects.get().model == big
    page = body(browser, address)
    assert "Chosen" in page
    assert 'value="shop/big"' not in page


def test_the_default_is_chosen_again(browser, owner, luna, big):
    change_preference(user=owner, character=luna, model=big.slug)

    browser.post(f"/app/characters/{luna.uid}/model", {"model": ""})

    assert CharacterPreference.objects.get().model is None


def test_from_a_chat_it_leads_back_to_the_chat(browser, chat, big):
    address = f"/app/characters/{chat.character.uid}/model"
    assert f'href="/app/chats/{chat.uid}"' in body(browser, f"{address}?chat={chat.uid}")

    answer = browser.post(address, {"model": "shop/big", "chat": chat.uid})

    assert answer["Location"] == f"/app/chats/{chat.uid}"


def test_one_above_ones_plan_cannot_be_chosen_and_says_which_plan(browser, luna, model, gated):
    address = f"/app/characters/{luna.uid}/model"
    assert 'value="shop/gated"' not in body(browser, address)

    answer = browser.post(address, {"model": "shop/gated"})

    assert answer.status_code == 403
    assert "shop/gated needs the plan Author or a higher one." in answer.content.decode()
    assert CharacterPreference.objects.count() == 0


def test_strangers_choose_nothing_for_what_they_cannot_see(elsewhere, luna, chat, big):
    address = f"/app/characters/{luna.uid}/model"

    assert elsewhere.get(address).status_code == 404
    assert elsewhere.post(address, {"model": "shop/big"}).status_code == 404
    public = CharacterFactory(visibility="public")
    address = f"/app/characters/{public.uid}/model?chat={chat.uid}"
    assert elsewhere.get(address).status_code == 404
    assert CharacterPreference.objects.count() == 0


def test_chat_says_who_answers_for_a_model_that_is_off(browser, owner, chat, big):
    change_preference(user=owner, character=chat.character, model=big.slug)
    assert "answers now" not in body(browser, f"/app/chats/{chat.uid}")
    switch_off(big)

    page = body(browser, f"/app/chats/{chat.uid}")

    assert "shop/big is switched off. test/model answers now, ×1." in page
    assert '<option value="shop/big" selected>shop/big, is switched off</option>' in page


def test_reply_says_whose_place_the_model_took_also_later(browser, owner, chat, big):
    change_preference(user=owner, character=chat.character, model=big.slug)
    switch_off(big)
    say(chat)
    Model.objects.update(enabled=True)
    registry.forget()

    page = body(browser, f"/app/chats/{chat.uid}")

    assert page.count("shop/big was switched off, so test/model answered") == 1
    assert "answers now" not in page


def test_chat_offers_what_one_may_use_with_its_price(browser, chat, big, gated):
    page = body(browser, f"/app/chats/{chat.uid}")

    assert '<option value="shop/big">Big, ×0.25 in, ×2 out</option>' in page
    assert "shop/gated" not in page
    assert '<option value="" selected' not in page


def test_settings_offer_them_too(browser, chat, big, gated):
    page = body(browser, f"/app/chats/{chat.uid}/settings")

    assert '<option value="shop/big">Big, ×0.25 in, ×2 out</option>' in page
    assert "shop/gated" not in page
