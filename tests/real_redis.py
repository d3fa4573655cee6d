"""The Redis that the suite was given, for tests that need a real one."""

import os

import pytest

REDIS_URL = os.environ.get("REDIS_URL", "")
needs_redis = pytest.mark.skipif(not REDIS_URL, reason="needs Redis")
