"""Looking at every part of an installation and saying how it is."""

import asyncio
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from platform import python_version
from typing import Literal

from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from billing.invariants import check as check_ledger
from billing.limits.standing import pressure
from chats.models import Turn
from core import http
from core.errors import ProviderError
from jobs.queries import queue
from llm import registry
from llm.models import Provider
from memory import embedders, pgvector, vectors
from reverie.celery import app

_FREE_BYTES_LEAST = 500 * 2**20


@dataclass(frozen=True, slots=True)
class Finding:
    """How one part is: `ok`, worth a `warning`, or `broken`. `numbers` are for machines."""

    part: str
    state: Literal["ok", "warning", "broken"]
    message: str
    numbers: dict[str, int] | None = None


def examine() -> list[Finding]:
    """Everything `reverie doctor` looks at, in order. One broken part does not hide the others."""
    found: list[Finding] = []
    for part, look in _LOOKS:
        try:
            found += look()
        except Exception as error:  # noqa: BLE001 - any failure of a part is the finding
            found.append(Finding(part, "broken", f"{type(error).__name__}: {error}"))
    return found


def _version() -> Iterator[Finding]:
    yield Finding("version", "ok", f"Reverie {version('reverie')}, Python {python_version()}")


def _settings() -> Iterator[Finding]:
    """What the system checks say: an error there is broken, a warning a warning."""
    found = run_checks()
    for message in found:
        is_broken = message.level >= ERROR
        hint = f" {message.hint}" if message.hint else ""
        yield Finding("settings", "broken" if is_broken else "warning", f"{message.msg}{hint}")
    if not found:
        kind = "production" if settings.PRODUCTION else "for one person or a trial"
        yield Finding("settings", "ok", kind)


def _data() -> Iterator[Finding]:
    folder = settings.DATA_DIR
    free = shutil.disk_usage(folder).free
    said = f"{folder}, {free / 2**30:.1f} GB free"
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding("data", "broken", f"{folder} cannot be written")
    else:
        yield Finding("data", "ok" if free > _FREE_BYTES_LEAST else "warning", said)
    secret = folder / "secret_key"
    if secret.exists() and os.name == "posix":
        others = stat.S_IMODE(secret.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
        readable = "others may read it: chmod 600" if others else "for its owner only"
        yield Finding("secret", "broken" if others else "ok", f"{secret}, {readable}")


def _database() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    pending = pending_migrations()
    if pending:
        yield Finding("database", "broken", f"{pending} migrations are missing: run `migrate`")
        return
    yield Finding("database", "ok", f"{connection.vendor}, all migrations applied")
    problems = check_ledger()
    for problem in problems:
        yield Finding("ledger", "broken", problem)
    if not problems:
        yield Finding("ledger", "ok", "balances and holds add up")
    late = Turn.objects.filter(state=Turn.State.RUNNING, lease_expires_at__lt=timezone.now())
    if count := late.count():
        yield Finding("turns", "warning", f"{count} wait for the sweeper")


def pending_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def ping_redis() -> None:
    """Raise unless Redis answers."""
    import redis  # noqa: PLC0415 - optional at run time

    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        client.ping()
    finally:
        client.close()


def _redis() -> Iterator[Finding]:
    if not settings.REDIS_URL:
        yield Finding("redis", "ok", "not used: one process, jobs run inside it")
        return
    ping_redis()
    yield Finding("redis", "ok", "answers")
    workers = len(app.control.ping(timeout=1))
    if workers:
        yield Finding("jobs", "ok", f"{workers} workers answer")
    else:
        yield Finding("jobs", "broken", "no worker answers: start `reverie worker --beat`")


def _limits() -> Iterator[Finding]:
    """Where limits are counted, and how busy the free models are."""
    if not settings.LIMITS_REDIS_URL:
        yield Finding("limits", "ok", "counted in the process that serves")
        return
    now = pressure()
    if now.turns is None:
        yield Finding("limits", "warning", "Redis does not count: everybody is let through")
        return
    said = f"counted in Redis, {now.turns} free turns in the last minute"
    if now.base and now.allowance < now.base:
        busy = f"{said}: {now.allowance} for each person instead of {now.base}"
        yield Finding("limits", "warning", busy)
        return
    yield Finding("limits", "ok", said)


def _queue() -> Iterator[Finding]:
    """What waits, for how long, and what failed."""
    stands = queue()
    oldest = f", the oldest for {stands.oldest_seconds} s" if stands.due else ""
    said = f"{stands.due} due{oldest}, {stands.running} under way, {stands.later} for later"
    yield Finding("queue", "warning" if stands.is_late else "ok", said, stands.to_json())
    if stands.failed:
        advice = "failed within a day: see them in /admin/jobs/job/"
        yield Finding("queue", "warning", f"{stands.failed} {advice}")


def _models() -> Iterator[Finding]:
    registry.forget()
    models = registry.list_models()
    if not models:
        yield Finding("models", "broken", "there is none: `reverie model add URL`")
        return
    default = registry.default_model()
    yield Finding("models", "ok", f"{len(models)} listed, {default.slug} is the default")
    if default.provider.kind == Provider.Kind.UNDERSTUDY:
        yield Finding("models", "warning", "the default is the stand-in, not an AI model")
    providers = {spec.provider.slug: spec.provider for spec in models}
    for slug, message in asyncio.run(_reach(list(providers.values()))):
        yield Finding("provider", "broken" if message else "ok", f"{slug} {message or 'answers'}")


def _recall() -> Iterator[Finding]:
    """How passages and memories are found, and whether their vectors are of the model in use."""
    used = embedders.in_use()
    yield Finding("recall", "warning" if used.is_problem else "ok", str(used))
    counts = vectors.count_by_model()
    now = counts.pop(used.model, 0)
    where = "pgvector" if pgvector.is_used() else "NumPy"
    if used.is_on:
        said = f"{now} stored, searched by {where}"
        yield Finding("vectors", "ok", said, {"now": now, "outdated": sum(counts.values())})
        if version := pgvector.available_version() if where == "NumPy" else "":
            offer = f"the server has pgvector {version}: `reverie reindex` puts it to use"
            yield Finding("vectors", "ok", offer)
    if used.is_on and counts:
        old = f"{sum(counts.values())} are of other models: run `reverie reindex`"
        yield Finding("vectors", "warning", old)


async def _reach(specs: list[registry.ProviderSpec]) -> list[tuple[str, str]]:
    """(slug, what is wrong) for each provider; "" for one that lists its models."""
    results = []
    try:
        for spec in specs:
            provider = registry.build_provider(spec)
            try:
                await asyncio.wait_for(provider.list_models(), 5)
                results.append((spec.slug, ""))
            except (ProviderError, TimeoutError) as error:
                results.append((spec.slug, str(error) or "does not answer"))
            finally:
                await provider.aclose()
    finally:
        await http.aclose()
    return results


_LOOKS: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
    ("version", _version),
    ("settings", _settings),
    ("data", _data),
    ("database", _database),
    ("redis", _redis),
    ("limits", _limits),
    ("queue", _queue),
    ("models", _models),
    ("recall", _recall),
)
