"""System checks: settings that must not reach other people, each with what to do about it."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Final

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - its name

_SECRET_CHARS_LEAST: Final = 32
_SECRET_KINDS_LEAST: Final = 5


@register(Tags.security)
def check_production(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """What production refuses. Outside production everything is allowed."""
    if not settings.PRODUCTION:
        return []
    found: list[CheckMessage] = []
    secret = settings.SECRET_KEY
    if len(secret) < _SECRET_CHARS_LEAST or len(set(secret)) < _SECRET_KINDS_LEAST:
        found.append(
            Error(
                "REVERIE_SECRET_KEY is too weak to sign sessions with.",
                hint="Unset it to have one made, or give 32 random characters or more.",
                id="reverie.E001",
            )
        )
    if settings.DEBUG:
        found.append(
            Error(
                "REVERIE_DEBUG shows the inside of the server to everybody.",
                hint="Unset REVERIE_DEBUG or REVERIE_PRODUCTION.",
                id="reverie.E002",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        found.append(
            Warning(
                "REVERIE_ALLOWED_HOSTS lets the pages be called by any name.",
                hint="List the names that people use, separated by commas.",
                id="reverie.W001",
            )
        )
    return found


@register()
def check_payments(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """Purchases are on as a whole or off."""
    given = [bool(settings.STRIPE_SECRET_KEY), bool(settings.STRIPE_WEBHOOK_SECRET)]
    if not any(given):
        return []
    found: list[CheckMessage] = []
    if not all(given):
        found.append(
            Warning(
                "Nothing is sold: of STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET one is missing.",
                hint="Set both, or neither.",
                id="reverie.W002",
            )
        )
    if find_spec("stripe") is None:
        found.append(
            Error(
                "Purchases are switched on, and the library of Stripe is not installed.",
                hint="Install it: pip install 'reverie[payments]'.",
                id="reverie.E003",
            )
        )
    return found
