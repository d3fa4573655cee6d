"""Wiring: settings, addresses, servers and commands. No rules, no models."""

from reverie.celery import app as celery_app

__all__ = ["celery_app"]
