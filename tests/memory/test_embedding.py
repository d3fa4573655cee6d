"""Making the vectors that are lacking: in batches, paid for, and safe to run again."""

import pytest

from billing import ledger
from billing.models import MICRO, Charge, Hold, LedgerEntry, Usage
from core.errors import InsufficientCredits, Retryable, Terminal
from llm import registry
from llm.models import Model
from memory import embedders, embedding, vectors
from memory.embedding import Source, free_of_charge, pieces_of
from memory.models import Vector
from memory.vectors import Kind, Piece, Place

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _two_credits_a_token(embedder):
    Model.objects.filter(slug="shop/embed").update(input_multiplier_micro=2 * MICRO)
    registry.forget()


@pytest.fixture
def place(owner):
    ledger.get_account(owner.pk)
    return Place(owner.pk, Kind.MEMORY, "notebook-1")


def source(place, *texts, is_all=True) -> Source:
    return Source(place, [Piece(f"m{at}", 0, text) for at, text in enumerate(texts)], is_all)


def run(source, **options) -> bool:
    return embedding.bring_up_to_date(source, embedders.in_use(), **options)


def balance(owner) -> tuple[int, int]:
    account = ledger.get_account(owner.pk)
    return account.balance_micro // MICRO, account.held_micro


def test_what_is_lacking_is_made_and_paid_for(embedder, place, owner):
    more = run(source(place, "rain on the roof", "sea"))

    assert (more, embedder.asked) == (False, [["rain on the roof", "sea"]])
    assert vectors.load(place, "shop/words").owners == ("m0", "m1")
    assert balance(owner) == (1_000_000 - 10, 0)
    usage = Usage.objects.get()
    assert (usage.prompt_tokens, usage.completion_tokens, usage.surface) == (5, 0, "job")
    assert (usage.model, usage.amount_micro) == ("shop/embed", 10 * MICRO)


def test_a_second_run_asks_and_costs_nothing(embedder, place, owner):
    for _ in range(2):
        run(source(place, "rain", "sea"))

    assert (len(embedder.asked), Charge.objects.count(), Vector.objects.count()) == (1, 1, 2)


def test_only_what_changed_is_made_again(embedder, place):
    run(source(place, "rain", "sea"))
    run(source(place, "rain", "snow"))

    assert embedder.asked == [["rain", "sea"], ["snow"]]


def test_what_is_gone_is_dropped(embedder, place):
    run(source(place, "rain", "sea"))
    run(source(place, "rain"))

    assert vectors.load(place, "shop/words").owners == ("m0",)


def test_many_texts_go_in_batches_and_a_bound_leaves_the_rest(embedder, place, monkeypatch):
    monkeypatch.setattr(embedding, "BATCH", 2)
    texts = ["a", "b", "c", "d", "e"]

    first = run(source(place, *texts), batches=2)
    stored = Vector.objects.count()
    second = run(source(place, *texts), batches=2)

    assert (first, stored, second) == (True, 4, False)
    assert embedder.asked == [["a", "b"], ["c", "d"], ["e"]]


@pytest.mark.parametrize("failure", [Retryable("busy"), Terminal("gone")])
def test_a_failure_keeps_what_was_stored_and_charges_only_that(
    embedder, place, owner, monkeypatch, failure
):
    monkeypatch.setattr(embedding, "BATCH", 1)
    embedder.failures = [None, failure]

    with pytest.raises(type(failure)):
        run(source(place, "rain", "sea"))

    assert (Vector.objects.count(), balance(owner)) == (1, (1_000_000 - 2, 0))
    run(source(place, "rain", "sea"))
    assert (Vector.objects.count(), balance(owner)) == (2, (1_000_000 - 4, 0))


def test_a_worker_that_lost_its_job_stores_and_charges_nothing(embedder, place, owner):
    class Lost(Exception):
        pass

    def writing():
        raise Lost

    with pytest.raises(Lost):
        run(source(place, "rain"), writing=writing)

    assert (Vector.objects.count(), Charge.objects.count()) == (0, 0)
    assert Hold.objects.get().state == Hold.State.VOIDED
    assert balance(owner) == (1_000_000, 0)


def test_without_credits_nothing_is_asked(embedder, place, owner):
    account = ledger.get_account(owner.pk)
    type(account).objects.filter(pk=account.pk).update(balance_micro=1)

    with pytest.raises(InsufficientCredits):
        run(source(place, "rain"))

    assert (embedder.asked, Vector.objects.count(), Hold.objects.count()) == ([], 0, 0)


def test_an_operators_work_is_counted_and_not_charged(embedder, place, owner):
    embedding.bring_up_to_date(source(place, "rain"), free_of_charge(embedders.in_use()))

    kinds = list(LedgerEntry.objects.values_list("kind", flat=True))
    assert (kinds, Usage.objects.get().amount_micro) == (["grant"], 0)


def test_the_length_of_vectors_is_learnt_once(embedder, place):
    run(source(place, "rain"))

    assert Model.objects.get(slug="shop/embed").dimensions == 64
    assert embedders.in_use().dimensions == 64


def test_the_old_models_vectors_go_only_when_the_new_ones_are_complete(
    embedder, place, monkeypatch
):
    monkeypatch.setattr(embedding, "BATCH", 1)
    run(source(place, "rain", "sea"))
    Model.objects.filter(slug="shop/embed").update(upstream_name="better")
    registry.forget()

    run(source(place, "rain", "sea"), batches=1)
    half = vectors.count_by_model()
    run(source(place, "rain", "sea"), batches=1)

    assert half == {"shop/words": 2, "shop/better": 1}
    assert vectors.count_by_model() == {"shop/better": 2}


def test_pieces_are_those_in_which_recall_reads_a_text():
    short = pieces_of("m1", "Rain on the roof.")
    long = pieces_of("m2", "The harbour was quiet that night. " * 40)

    assert short == [Piece("m1", 0, "Rain on the roof.")]
    assert len(long) > 1
    assert [piece.number for piece in long] == list(range(len(long)))
