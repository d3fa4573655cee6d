"""Tables and code agree."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

pytestmark = pytest.mark.django_db


def test_no_migration_is_pending():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_each_app_has_one_newest_migration():
    loader = MigrationLoader(connection)

    assert loader.detect_conflicts() == {}


def test_foreign_keys_point_down():
    order = [
        "chats",
        "characters",
        "lore",
        "personas",
        "catalog",
        "billing",
        "llm",
        "accounts",
        "core",
    ]
    upward = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        if model._meta.app_label in order
        for field in model._meta.get_fields()
        if field.many_to_one or (field.one_to_one and field.concrete)
        if (target := field.related_model._meta.app_label) in order
        and order.index(target) < order.index(model._meta.app_label)
    ]

    assert upward == []
