"""`reverie model import`: a real server's list, in words and as JSON."""

import asyncio
import json
import threading

import pytest

from llm.models import UNIT, Model
from tests.factories import ModelFactory, ProviderFactory
from tests.fakes.upstream import Upstream

pytestmark = pytest.mark.django_db
BIG = {
    "id": "vendor/big",
    "context_length": 4096,
    "pricing": {"prompt": "0.00000025", "completion": "0.000001"},
}


@pytest.fixture
def shop():
    """An upstream on a socket of its own, for a command that runs a loop of its own."""
    upstream = Upstream()
    upstream.type = "application/json"
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(upstream.serve, "127.0.0.1", 0))
    port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    upstream.base = f"http://127.0.0.1:{port}"
    yield upstream
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def provider(shop):
    return ProviderFactory(slug="shop", kind="openai_like", base_url=shop.base)


def lists(shop, *rows):
    shop.script = (json.dumps({"data": rows}).encode(),)


def test_what_is_new_is_told_and_switched_off(run, shop, provider):
    lists(shop, BIG)

    ran = run("model", "import", "shop")

    assert ran.code == 0
    assert ran.out == (
        "new      vendor/big  ×0.25 and ×1, 4096 tokens\n"
        "shop lists 1: 1 new, 0 changed, 0 gone.\n"
        "New models are switched off. Switch them on in the admin, or import with --enable.\n"
    )
    row = Model.objects.get()
    assert (row.slug, row.enabled, row.input_multiplier_micro) == ("vendor/big", False, 250_000)


def test_all_of_it_as_json(run, shop, provider):
    lists(shop, BIG, {"id": "small"})
    run("model", "import", "shop", "--enable")
    Model.objects.filter(slug="vendor/big").update(input_multiplier_micro=9)
    ModelFactory(slug="shop/other")
    lists(
        shop,
        {
            **BIG,
            "context_length": 8000,
            "pricing": {"prompt": "0.000003", "completion": "0.000001"},
        },
        {"id": "other"},
    )

    ran = run("model", "import", "shop", "--json")

    assert ran.json == {
        "dry_run": False,
        "offered": 2,
        "new": [],
        "changed": {"vendor/big": {"context_tokens": {"from": 4096, "to": 8000}}},
        "kept": {"vendor/big": ["input_multiplier_micro"]},
        "gone": ["shop/small"],
        "refused": ["other"],
    }


def test_a_dry_run_changes_nothing(run, shop, provider):
    lists(shop, BIG)

    ran = run("model", "import", "shop", "--dry-run")

    assert "new      vendor/big" in ran.out
    assert "Nothing was changed" in ran.out
    assert Model.objects.count() == 0


def test_an_operators_price_is_exact(run, shop, provider):
    lists(shop, BIG)

    run("model", "import", "shop", "--multiplier", "0.1")

    row = Model.objects.get()
    assert (row.input_multiplier_micro, row.output_multiplier_micro) == (100_000, 100_000)


def test_prices_count_in_ones_own_credits(run, shop, provider):
    lists(shop, BIG)

    run("model", "import", "shop", "--credits-per-dollar", "4000000")

    assert Model.objects.get().input_multiplier_micro == UNIT


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--multiplier", "0.0000001"], "A price has at most 6 decimals."),
        (["--multiplier", "dear"], "A price is a number such as 0.25."),
        (["--credits-per-dollar", "0"], "A dollar is worth at least one credit."),
    ],
)
def test_odd_terms_are_refused_before_anything_is_asked(run, shop, provider, more, words):
    lists(shop, BIG)

    ran = run("model", "import", "shop", *more)

    assert (ran.code, ran.err) == (1, f"reverie: {words}\n")
    assert (shop.connections, Model.objects.count()) == (0, 0)


def test_an_unknown_provider_is_refused(run):
    ran = run("model", "import", "nowhere")

    assert (ran.code, ran.err) == (1, "reverie: There is no provider nowhere.\n")


def test_a_provider_that_fails_changes_nothing(run, shop, provider):
    lists(shop, BIG)
    run("model", "import", "shop", "--enable")
    shop.status = 500

    ran = run("model", "import", "shop")

    assert ran.code == 1
    assert Model.objects.get().enabled is True
