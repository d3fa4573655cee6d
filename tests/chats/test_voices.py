"""Who answers when the chosen model cannot, what that costs, and where it is told."""

import pytest

from billing.models import Charge, Hold, Plan
from characters.preferences import change_preference
from chats.models import Turn
from chats.opening import hold_for
from chats.queries import receipts
from chats.services import start_chat
from chats.voices import Fallback, voice_of
from core.errors import Forbidden, Unavailable
from llm import registry
from llm.models import UNIT, Model, Provider
from tests.chats.talking import closed, opened
from tests.factories import ModelFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def dear(model):
    """A model that costs ten times the default."""
    return ModelFactory(
        slug="shop/dear",
        provider__slug="shop",
        input_multiplier_micro=10 * UNIT,
        output_multiplier_micro=10 * UNIT,
    )


@pytest.fixture
def author(db):
    return Plan.objects.create(slug="author", name="Author", rank=2)


@pytest.fixture
def prefers_dear(owner, luna, dear):
    change_preference(user=owner, character=luna, model=dear.slug)


def change(model, **values):
    Model.objects.filter(pk=model.pk).update(**values)
    registry.forget()


def answers(user, character):
    voice = voice_of(user, character)
    return voice.spec.slug, voice.fallback


def test_the_chosen_model_answers_at_its_own_price(owner, luna, prefers_dear):
    turn = opened(owner, start_chat(user=owner, character=luna), "Hello.")
    reply = closed(turn)

    assert (turn.spec.slug, turn.fallback, reply.model) == ("shop/dear", None, "shop/dear")
    assert Charge.objects.get().amount_micro == 12 * 10 * UNIT


@pytest.mark.parametrize("switch", ["model", "provider"])
def test_the_default_answers_for_a_model_that_is_off_at_its_own_price(
    owner, luna, dear, prefers_dear, switch
):
    if switch == "model":
        change(dear, enabled=False)
    else:
        Provider.objects.filter(pk=dear.provider_id).update(enabled=False)
        registry.forget()
    chat = start_chat(user=owner, character=luna)

    turn = opened(owner, chat, "Hello.")

    default = registry.default_model()
    assert (turn.spec.slug, turn.fallback) == (
        "test/model",
        Fallback(model="shop/dear", reason="model_off"),
    )
    held = hold_for(default, turn.prompt_tokens, default.reply_tokens)
    assert Hold.objects.get().amount_micro == held
    reply = closed(turn)
    charge = Charge.objects.get()
    assert (charge.model, charge.amount_micro, reply.model) == (
        "test/model", 12 * UNIT, "test/model",
    )  # fmt: skip
    assert (charge.input_multiplier_micro, charge.output_multiplier_micro) == (UNIT, UNIT)


def test_the_record_of_the_turn_says_whose_place_was_taken(owner, luna, dear, prefers_dear):
    change(dear, enabled=False)
    turn = opened(owner, start_chat(user=owner, character=luna), "Hello.")
    reply = closed(turn)

    said = {"model": "shop/dear", "reason": "model_off", "plan": ""}
    assert Turn.objects.get().manifest["fallback"] == said
    assert receipts([reply])[turn.uid].fallback == said


def test_an_ordinary_turn_says_nothing_of_it(owner, luna, model):
    turn = opened(owner, start_chat(user=owner, character=luna), "Hello.")
    reply = closed(turn)

    assert "fallback" not in Turn.objects.get().manifest
    assert receipts([reply])[turn.uid].fallback is None


@pytest.fixture
def prefers_free(owner, luna, model):
    """A free choice that is off, with a default that costs."""
    chosen = ModelFactory(slug="shop/gift", free=True)
    change_preference(user=owner, character=luna, model=chosen.slug)
    change(chosen, enabled=False)
    return chosen


def another(slug, **fields):
    return ModelFactory(slug=slug, free=True, provider__kind="openai_like", **fields)


def test_a_free_one_answers_for_a_free_choice_that_is_off(owner, luna, prefers_free):
    another("z/other")
    another("b/other")
    another("a/gated", min_plan_rank=1)
    chat = start_chat(user=owner, character=luna)

    turn = opened(owner, chat, "Hello.")

    assert (turn.spec.slug, turn.fallback) == (
        "b/other",
        Fallback(model="shop/gift", reason="model_off"),
    )
    assert Hold.objects.count() == 0


def test_without_another_free_one_the_default_answers_and_it_is_told(owner, luna, prefers_free):
    ModelFactory(slug="a/script", free=True)

    assert answers(owner, luna) == (
        "test/model",
        Fallback(model="shop/gift", reason="model_off"),
    )


def test_a_free_default_comes_before_other_free_ones(owner, luna, prefers_free, model):
    another("b/other")
    change(model, free=True)

    assert answers(owner, luna)[0] == "test/model"


def test_a_free_choice_above_ones_plan_stays_free_too(owner, luna, prefers_free, author):
    another("b/other")
    change(prefers_free, enabled=True, min_plan_rank=2)

    assert answers(owner, luna) == (
        "b/other",
        Fallback(model="shop/gift", reason="plan_required", plan="Author"),
    )


def test_a_choice_that_costs_does_not_become_a_free_one(owner, luna, dear, prefers_dear):
    another("b/other")
    change(dear, enabled=False)

    assert answers(owner, luna)[0] == "test/model"


def test_it_answers_again_once_it_is_on_again(owner, luna, dear, prefers_dear):
    change(dear, enabled=False)
    answers(owner, luna)
    change(dear, enabled=True)

    assert answers(owner, luna) == ("shop/dear", None)


def test_other_processes_see_the_switch_when_they_look_again(owner, luna, dear, prefers_dear):
    answers(owner, luna)
    Model.objects.filter(pk=dear.pk).update(enabled=False)
    registry._read_at -= registry.FRESH_SECONDS

    assert answers(owner, luna)[0] == "test/model"


def test_a_choice_above_ones_plan_falls_back_and_names_the_plan(
    owner, luna, dear, prefers_dear, author
):
    change(dear, min_plan_rank=2)

    assert answers(owner, luna) == (
        "test/model",
        Fallback(model="shop/dear", reason="plan_required", plan="Author"),
    )


def test_whoever_has_the_plan_is_answered_by_it(owner, luna, dear, author):
    change(dear, min_plan_rank=2)
    author.is_default = True
    author.save()
    change_preference(user=owner, character=luna, model=dear.slug)

    assert answers(owner, luna) == ("shop/dear", None)


def test_a_choice_above_ones_plan_is_refused(owner, luna, dear, author):
    change(dear, min_plan_rank=2)

    with pytest.raises(Forbidden, match="shop/dear needs the plan Author"):
        change_preference(user=owner, character=luna, model=dear.slug)

    assert answers(owner, luna) == ("test/model", None)


def test_the_cheapest_answers_while_the_default_is_off(owner, luna, dear, model):
    ModelFactory(slug="z/cheap", input_multiplier_micro=1)
    ModelFactory(slug="a/middling", input_multiplier_micro=5 * UNIT)
    change(model, enabled=False)

    assert answers(owner, luna) == ("z/cheap", Fallback(model="test/model", reason="model_off"))


def test_a_script_stands_in_only_where_there_is_no_model(owner, luna, model):
    ModelFactory(slug="a/script", free=True)
    Model.objects.filter(slug="test/model").update(enabled=False)
    ModelFactory(slug="b/real", provider__kind="openai_like", input_multiplier_micro=5 * UNIT)
    registry.forget()

    assert answers(owner, luna)[0] == "b/real"


def test_a_default_above_ones_plan_leaves_the_cheapest_other(owner, luna, dear, model, author):
    change(model, min_plan_rank=1)

    assert answers(owner, luna) == (
        "shop/dear",
        Fallback(model="test/model", reason="plan_required", plan="Author"),
    )


def test_nobody_answers_where_everything_is_above_ones_plan(owner, luna, model, author):
    change(model, min_plan_rank=1)
    chat = start_chat(user=owner, character=luna)

    with pytest.raises(Forbidden, match="Author"):
        opened(owner, chat, "Hello.")

    assert (Turn.objects.count(), Hold.objects.count(), chat.messages.count()) == (0, 0, 1)


def test_nobody_answers_where_everything_is_off(owner, luna, model):
    change(model, enabled=False)

    with pytest.raises(Unavailable):
        voice_of(owner, luna)


def test_a_model_that_only_makes_pictures_is_no_choice(owner, luna, dear, prefers_dear):
    change(dear, answers=False)

    assert answers(owner, luna)[0] == "test/model"
