"""Settings for the suite: a throw-away data folder, quick passwords, hops in place."""

import os
import tempfile
import uuid

os.environ["REVERIE_DATA"] = tempfile.mkdtemp(prefix="reverie-tests-")
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
# Of its own for each process: an order to end turns would reach all that share a Redis.
os.environ["REVERIE_REDIS_PREFIX"] = f"tests-{uuid.uuid4().hex}"
os.environ.setdefault("REVERIE_SECRET_KEY", "a-secret-for-tests-only-" * 3)

from reverie.settings import *  # noqa: F403
from reverie.settings import DATA_DIR, DATABASES, MIDDLEWARE

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
INLINE_HOPS = True
# A cache and limits of its own for each process: Redis would be shared by all workers.
LIMITS_REDIS_URL = ""
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MIDDLEWARE = [m for m in MIDDLEWARE if "servestatic" not in m]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
EMBEDDINGS = "off"
LOG_LEVEL = "ERROR"
