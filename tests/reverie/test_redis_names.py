"""Installations that share one Redis: nothing of one has a name that the other uses too."""

import json
import os
import subprocess
import sys

NAMES = """
import json
from django.conf import settings
print(json.dumps([
    settings.CHANNEL_LAYERS["default"]["CONFIG"]["prefix"],
    settings.CACHES["default"]["KEY_PREFIX"],
    settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"],
    settings.REDIS_PREFIX,
]))
"""


def names_of(folder, **environment: str) -> list[str]:
    environment |= {
        "DJANGO_SETTINGS_MODULE": "reverie.settings",
        "REVERIE_DATA": str(folder),
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [sys.executable, "-c", NAMES], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_by_default_the_number_of_the_database_keeps_channels_apart(tmp_path):
    assert names_of(tmp_path, REDIS_URL="redis://localhost") == [
        "reverie.0", "reverie", "reverie:", "reverie",
    ]  # fmt: skip
    assert names_of(tmp_path, REDIS_URL="redis://localhost:6379/3?timeout=2")[0] == "reverie.3"


def test_a_prefix_of_its_own_keeps_everything_apart(tmp_path):
    assert names_of(tmp_path, REDIS_URL="redis://localhost/0", REVERIE_REDIS_PREFIX="second") == [
        "second.0", "second", "second:", "second",
    ]  # fmt: skip
