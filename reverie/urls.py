"""Addresses of the pages, the resource API and operations. The wire protocols are in `dispatch`."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerView

from billing.api.urls import addresses as billing_addresses
from chats.notebooks import notebook_of
from lore.api.urls import addresses as lorebook_addresses
from memory.api.urls import addresses as memory_addresses
from reverie.health import healthz, metrics, readyz
from web.casts import cast_of
from web.names import names_of

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("api/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("openapi.json", SpectacularJSONAPIView.as_view()),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="openapi"), name="api-docs"),
    path("api/chat/", include("chats.api.urls")),
    path("api/", include("accounts.api.urls")),
    path("api/", include(billing_addresses(names_of))),
    path("api/", include("characters.api.urls")),
    path("api/", include("personas.api.urls")),
    path("api/", include(lorebook_addresses(cast_of))),
    path("api/memory/", include(memory_addresses(notebook_of))),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.account.urls")),
    path("", include("web.urls")),
]
handler400 = "web.views.errors.bad_request"
handler404 = "web.views.errors.not_found"
handler403 = "web.views.errors.forbidden"
handler500 = "web.views.errors.server_error"
