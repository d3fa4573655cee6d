"""The cast and the shared set-up of the suite."""

import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import hypothesis
import pytest
from django.db import connections
from redis import Redis

from accounts.keys import issue_key
from accounts.models import Scope, User
from billing.invariants import check
from core.ids import new_uid
from llm.models import Model
from tests.factories import CharacterFactory, ModelFactory, UserFactory
from tests.fakes import stripe
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.provider import FakeProvider
from tests.fakes.stripe import FakeStripe
from tests.real_redis import REDIS_URL

# A machine that is busy makes no test wrong.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")

# One connection per thread, also while an event loop runs in it: async tests share the
# transaction of their fixtures.
connections._connections = threading.local()


@pytest.fixture
def owner(db: None) -> User:
    return UserFactory(handle="owner")


@pytest.fixture
def friend(db: None) -> User:
    return UserFactory(handle="friend")


@pytest.fixture
def stranger(db: None) -> User:
    return UserFactory(handle="stranger")


@pytest.fixture
def staff(db: None) -> User:
    return UserFactory(handle="staff", is_staff=True, is_superuser=True)


@pytest.fixture(autouse=True)
def _fresh_process_caches(request: Any) -> Iterator[None]:
    """What a process remembers between requests must not leak between tests."""
    yield
    from django.core.cache import cache

    from billing.limits import store, terms
    from chats import ending, questioning, shown
    from jobs.work import stopping
    from llm import registry

    cache.clear()
    stopping.clear()
    ending.forget()
    store.reset()
    terms.reset()
    registry.reset()
    questioning.reset()
    shown.forget()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Whatever a test did, what is at hand of its chats is what their rows say."""
    wrong = list(_untrue_paths())
    yield
    assert wrong == []


def _untrue_paths() -> Iterator[Any]:
    from chats import shown, tree
    from chats.models import Chat

    for uid, kept in shown.all_kept().items():
        if Chat.objects.filter(uid=uid, version=kept.version).exists():
            rows = tree.counted(tree.path(str(uid), chars=tree.ALL)[-len(kept.path) :])
            if rows != kept.path:
                yield rows, kept.path


@pytest.fixture
def no_rereading(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process knows of models and plans stays fresh: for tests that count statements."""
    monkeypatch.setattr("llm.registry.FRESH_SECONDS", 3600.0)
    monkeypatch.setattr("billing.limits.terms.FRESH_SECONDS", 3600.0)


@pytest.fixture
def model(db: None) -> Model:
    """The default model: one credit a token, answered by whatever `provider` scripts."""
    return ModelFactory(slug="test/model", provider__slug="fake", is_default=True)


@pytest.fixture
def provider(model: Model) -> FakeProvider:
    """The upstream of `model`. Says "Hello there." until it is given another script."""
    from llm import registry

    fake = FakeProvider()
    registry.serve_instead("fake", fake)
    return fake


@pytest.fixture
def embedder(db: None, settings: Any) -> FakeEmbedder:
    """An embedding model of a provider, in use: `shop/words`, one credit a token."""
    from llm import registry

    settings.EMBEDDINGS = ""
    ModelFactory(
        slug="shop/embed",
        upstream_name="words",
        is_embedding=True,
        is_embedder=True,
        provider__slug="shop",
        provider__kind="openai_like",
    )
    registry.reset()
    fake = FakeEmbedder()
    registry.embed_instead("shop", fake)
    return fake


@pytest.fixture
def luna(owner: User) -> Any:
    return CharacterFactory(owner=owner, name="Luna", first_mes="Hi, I am Luna.")


@pytest.fixture
def secret(owner: User) -> str:
    """A key of `owner` that may do everything, as its holder knows it."""
    return issue_key(user=owner, name="test", scopes=Scope.values)[1]


@pytest.fixture
async def wire(secret: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the wire protocols that holds `secret`. Streams arrive whole."""
    from openai_compat import handler

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=handler.handle),
        base_url="http://testserver/api/device/v1/",
        headers={"Authorization": f"Bearer {secret}", "Accept": "application/json"},
    ) as client:
        yield client
    await settled()


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """Of each trip to PostgreSQL, how many statements it had and whether it committed."""
    from core import postgres

    made: list[tuple[int, bool]] = []
    run = postgres.run

    def counted(wire: Any, statements: Any, *, begins: bool = False, ends: bool = False) -> Any:
        made.append((len(statements), ends))
        return run(wire, statements, begins=begins, ends=ends)

    monkeypatch.setattr(postgres, "run", counted)
    return made


async def settled() -> None:
    """Wait until every turn of this process has been closed."""
    import asyncio

    from chats.running import drivers

    tasks = [driver.task for driver in drivers.values() if driver.task is not None]
    if tasks:
        await asyncio.wait(tasks, timeout=10)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> dict[str, str]:
    """The test database, on SQLite without the triggers against deleting append-only rows.

    After tests that commit, the suite empties every table row by row; PostgreSQL truncates.
    Returns the SQL that brings each table's trigger back.
    """
    from django.db import connection

    guards: dict[str, str] = {}
    if connection.vendor != "sqlite":
        return guards
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table, name in (
            ("billing_ledgerentry", "billing_entry_delete"),
            ("accounts_auditentry", "accounts_audit_delete"),
        ):
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [name])
            row = cursor.fetchone()
            assert row, f"a migration has rebuilt {table} without its triggers"
            cursor.execute(f"DROP TRIGGER {name}")
            guards[table] = str(row[0])
    return guards


@pytest.fixture
def books(settings: Any, db: None) -> Iterator[None]:
    """Everybody starts with 1,000 credits, and after the test the ledger adds up."""
    settings.STARTING_GRANT_CREDITS = 1000
    yield
    assert check() == []


@pytest.fixture
def shop(settings: Any, monkeypatch: pytest.MonkeyPatch) -> FakeStripe:
    """Stripe switched on: its client is a fake, its messages are signed with our secret."""
    from billing import checkout

    settings.STRIPE_SECRET_KEY = "sk_made_for_tests"
    settings.STRIPE_WEBHOOK_SECRET = stripe.SECRET
    fake = FakeStripe()
    monkeypatch.setattr(checkout, "client", lambda: fake)
    return fake


@pytest.fixture
def redis(settings: Any) -> Iterator[Redis]:
    """The suite's Redis, where this test alone counts under `settings.REDIS_PREFIX`."""
    settings.REDIS_PREFIX = f"test-{new_uid()}"
    client = Redis.from_url(REDIS_URL)
    yield client
    client.close()


@pytest.fixture
def redis_limits(redis: Redis, settings: Any) -> Redis:
    """Limits counted in Redis, as by many processes."""
    settings.LIMITS_REDIS_URL = REDIS_URL
    return redis
