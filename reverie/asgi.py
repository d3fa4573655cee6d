"""The ASGI application: wire protocols on a lean path, WebSockets, and Django for the pages."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reverie.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from reverie.dispatch import build_application  # noqa: E402 - needs the app registry

application = build_application(django_application)
