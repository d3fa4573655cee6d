"""Settings. Everything an operator may set comes from the environment: docs/configuration.md."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from celery.schedules import crontab
from csp.constants import NONE, SELF

from reverie.env import env_bool, env_int, env_list, env_str, secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env_str("REVERIE_DATA") or "data").expanduser().resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)

# Security
PRODUCTION = env_bool("REVERIE_PRODUCTION", default=False)
DEBUG = env_bool("REVERIE_DEBUG", default=False)
SECRET_KEY = secret_key("REVERIE_SECRET_KEY", DATA_DIR)
ALLOWED_HOSTS = env_list("REVERIE_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1],.localhost")
CSRF_TRUSTED_ORIGINS = env_list("REVERIE_TRUSTED_ORIGINS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
BEHIND_PROXY = env_bool("REVERIE_BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    }
}

# Applications
INSTALLED_APPS = [
    "reverie",
    "web",
    "openai_compat",
    "chats",
    "characters",
    "lore",
    "personas",
    "memory",
    "catalog",
    "billing",
    "llm",
    "accounts",
    "jobs",
    "core",
    "allauth",
    "allauth.account",
    "channels",
    "csp",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "web.desk.apps.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]
if "runserver" in sys.argv:
    # For development: runserver then speaks ASGI, WebSockets included.
    INSTALLED_APPS.insert(0, "daphne")
MIDDLEWARE = [
    "core.logs.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "reverie.urls"
ASGI_APPLICATION = "reverie.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "web.context.site",
            ],
        },
    }
]

# Database: SQLite unless told otherwise. No ATOMIC_REQUESTS: every atomic block takes the lock.
_SQLITE_OPTIONS: dict[str, Any] = {
    "timeout": 20,
    "transaction_mode": "IMMEDIATE",
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000;"
        "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=134217728; PRAGMA busy_timeout=20000;"
        # Every turn writes some of the same pages: a rarer checkpoint writes them once.
        "PRAGMA wal_autocheckpoint=4000;"
    ),
}
DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(
        env_str("DATABASE_URL") or f"sqlite:///{DATA_DIR / 'reverie.sqlite3'}",
        conn_max_age=None,  # each thread keeps its connection
    )
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = _SQLITE_OPTIONS
    DATABASE_THREADS = 1
else:
    DATABASE_THREADS = env_int("REVERIE_DATABASE_THREADS", 8, least=1)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
INLINE_HOPS = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Redis, when there is one: live events, jobs and the cache cross processes through it.
REDIS_URL = env_str("REDIS_URL")
REDIS_PREFIX = env_str("REVERIE_REDIS_PREFIX", "reverie")
if REDIS_URL:
    # Redis's channels are the same in all of its databases: the number makes the difference.
    _number = urlsplit(REDIS_URL).path.strip("/") or "0"
    CHANNEL_LAYERS: dict[str, Any] = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL], "prefix": f"{REDIS_PREFIX}.{_number}"},
        }
    }
    CACHES: dict[str, Any] = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": REDIS_PREFIX,
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "core.layers.LoopSafeInMemoryChannelLayer"}}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

LIMITS_REDIS_URL = REDIS_URL

# Jobs
CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"global_keyprefix": f"{REDIS_PREFIX}:"} if REDIS_URL else {"polling_interval": 0.25}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "chats.sweep", "schedule": timedelta(seconds=15)},
    "empty-trash": {"task": "chats.empty_trash", "schedule": timedelta(hours=6)},
    "sweep-jobs": {"task": "jobs.sweep", "schedule": timedelta(seconds=15)},
    "forget-jobs": {"task": "jobs.forget", "schedule": timedelta(minutes=10)},
    "read-rested": {"task": "chats.read_rested", "schedule": timedelta(minutes=10)},
    "purge-memories": {
        "task": "jobs.ask",
        "schedule": timedelta(days=1),
        "args": ("purge", "memories"),
    },
    "monthly-credits": {"task": "billing.give_monthly", "schedule": timedelta(hours=1)},
    # By the clock, so that it runs daily also where the server is restarted daily.
    "check-ledger": {"task": "billing.check_ledger", "schedule": crontab(hour=4, minute=17)},
}
# What does the work of each kind of job: `handler(work: jobs.work.Work)`.
JOBS: dict[str, str] = {
    "extract": "chats.reading.extract",
    "index": "chats.recalling.run_index",
    "summarise": "chats.summarising.summarise",
    "embed": "chats.embedding.run_job",
    "purge": "memory.jobs.purge",
    "scrub": "chats.purging.scrub",
}

# People
AUTH_USER_MODEL = "accounts.User"
# What is read with a key, in the same statement: the plan says what its person may do.
KEY_JOINED = ("user", "user__account__plan")
KEY_LEFT_OUT = (
    *("prefix", "old_prefix", "last_used_ip", "created_at"),
    *(f"user__{name}" for name in ("password", "email", "bio", "avatar", "last_login")),
    *("user__created_at", "user__account__created_at", "user__account__plan__price_id"),
)
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/app"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = "handle"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_SESSION_REMEMBER = True
SIGN_UP_OPEN = env_bool("REVERIE_SIGN_UP", default=True)
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
if _email_host := env_str("REVERIE_EMAIL_HOST"):
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = _email_host

# Language and time
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

# Files
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = False
MEDIA_ROOT = DATA_DIR / "media"
MEDIA_URL = "/media/"
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024

# The resource API and the one OpenAPI document
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.KeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PARSER_CLASSES": ["accounts.api.parsing.JsonParser"],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "accounts.api.permissions.HasScope",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["billing.limits.rest.PlanThrottle"],
    "EXCEPTION_HANDLER": "accounts.api.errors.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Reverie",
    "DESCRIPTION": "Talk to AI characters over the OpenAI API; one conversation on every surface.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "MemoryScopeEnum": "memory.models.Memory.Scope",
        "MemoryAuthorEnum": "memory.models.Memory.Author",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "reverie.openapi.merge_wire_protocols",
    ],
}

# Money
STARTING_GRANT_CREDITS = env_int("REVERIE_STARTING_GRANT", 1_000_000)
FREE_TURNS = env_int("REVERIE_FREE_TURNS", 60)
FREE_SITE_TURNS = env_int("REVERIE_FREE_SITE_TURNS", 600, least=1)
STRIPE_SECRET_KEY = env_str("STRIPE_SECRET_KEY")
STRIPE_WEBHOOK_SECRET = env_str("STRIPE_WEBHOOK_SECRET")

# Turns
TURN_LEASE_SECONDS = 30
TURN_HEARTBEAT_SECONDS = 5
TURN_WAIT_SECONDS = env_int("REVERIE_TURN_WAIT", 30)
TURN_DRAIN_SECONDS = 6
TRASH_DAYS = 30
FIRST_TOKEN_SECONDS = env_int("REVERIE_FIRST_TOKEN_TIMEOUT", 120, least=1)
IDLE_TOKEN_SECONDS = env_int("REVERIE_IDLE_TIMEOUT", 60, least=1)

# Recall by meaning: the slug of an embedding model, "builtin", "off", or "" for what is there
EMBEDDINGS = env_str("REVERIE_EMBEDDINGS")
QUESTION_EMBEDDING_SECONDS = env_int("REVERIE_EMBEDDING_TIMEOUT_MS", 300, least=1) / 1000

# Operations
METRICS_TOKEN = env_str("REVERIE_METRICS_TOKEN")
LOG_LEVEL = env_str("REVERIE_LOG_LEVEL", "INFO").upper()
LOG_JSON = env_bool("REVERIE_LOG_JSON", default=PRODUCTION)
LOGGING_CONFIG = "core.logs.configure"
LOGGING: dict[str, Any] = {}
