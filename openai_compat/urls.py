"""Addresses of the wire. Served by the lean handler in `reverie.dispatch`, without middleware."""

from django.urls import path

from openai_compat.api import build_api
from openai_compat.listing import Mount

APIS = {mount: build_api(mount) for mount in Mount}

urlpatterns = [path(f"{mount.value}/", api.urls) for mount, api in APIS.items()]
PREFIXES = tuple(f"/{mount.value}/" for mount in Mount)
