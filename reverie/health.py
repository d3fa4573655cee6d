"""Answers for load balancers and Prometheus."""

import contextlib
import ipaddress
from secrets import compare_digest

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError

from chats import turns
from core.metrics import queue_stands
from jobs.queries import queue
from reverie.diagnosis import pending_migrations, ping_redis

_migrated = False


def healthz(_request: HttpRequest) -> HttpResponse:
    """This process is alive."""
    return JsonResponse({"status": "ok"})


def readyz(_request: HttpRequest) -> HttpResponse:
    """This process can serve: not draining, database migrated, Redis there if configured."""
    problems = [problem for problem in (_draining(), _database(), _redis()) if problem]
    if problems:
        return JsonResponse({"status": "unavailable", "problems": problems}, status=503)
    return JsonResponse({"status": "ok"})


def _draining() -> str:
    return "shutting down" if turns.is_draining() else ""


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return "" if _is_migrated() else "migrations are missing"
    except DatabaseError:
        return "the database does not answer"


def _is_migrated() -> bool:
    """Whether the tables are as the code wants them. Once they are, that is remembered."""
    global _migrated  # noqa: PLW0603 - a fact about this process' code and its database
    _migrated = _migrated or not pending_migrations()
    return _migrated


def _redis() -> str:
    if not settings.REDIS_URL:
        return ""
    try:
        ping_redis()
    except (RedisError, OSError):
        return "Redis does not answer"
    return ""


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text, for holders of the metrics token and for loopback."""
    if not _may_read_metrics(request):
        return HttpResponse("Not found", status=404, content_type="text/plain")
    with contextlib.suppress(DatabaseError):  # the rest is told all the same
        stands = queue()
        queue_stands(due=stands.due, oldest_seconds=stands.oldest_seconds, failed=stands.failed)
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    if token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        return compare_digest(given.encode(), token.encode())
    if "X-Forwarded-For" in request.headers:
        return False  # a proxy on this machine makes everybody look local
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
