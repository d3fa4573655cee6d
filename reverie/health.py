"""Answers for whoever watches the server: is it alive, may it get traffic, how is it doing."""

import hmac
from ipaddress import ip_address

from django.conf import settings
from django.core.cache import cache
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from chats import turns

_migrated = False


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Says nothing about the database, so that it is not restarted for it."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether this process should get new requests, part by part; 503 when it should not."""
    parts = {"database": database_problem(), "turns": _draining_problem()}
    if settings.REDIS_URL:
        parts["redis"] = redis_problem()
    ready = not any(parts.values())
    body = {"ready": ready, "parts": {name: why or "ok" for name, why in parts.items()}}
    return JsonResponse(body, status=200 if ready else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The series of `core.metrics` in Prometheus' format, by token or to this machine only."""
    if not _may_read_metrics(request):
        return HttpResponseForbidden("Metrics need REVERIE_METRICS_TOKEN or a local caller.\n")
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def database_problem() -> str:
    """What keeps the database from serving, in words; empty when nothing does."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return "migrations are pending" if pending_migrations() else ""
    except DatabaseError:
        return "does not answer"


def pending_migrations() -> bool:
    """Whether the tables lag behind the code. Once they do not, that is remembered."""
    global _migrated  # noqa: PLW0603 - a fact about this process' code and its database
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return not _migrated


def redis_problem() -> str:
    try:
        cache.get("readyz")
    except Exception:  # noqa: BLE001 - each Redis client raises its own; any of them means no
        return "does not answer"
    return ""


def _draining_problem() -> str:
    return "this process is stopping" if turns.is_draining() else ""


def _may_read_metrics(request: HttpRequest) -> bool:
    """A configured token decides alone: behind a proxy every caller looks local."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        return hmac.compare_digest(given, settings.METRICS_TOKEN.encode())
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
