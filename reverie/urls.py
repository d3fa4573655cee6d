"""Addresses of the pages, the resource API and operations. The wire protocols are in `dispatch`."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerView

from lore.api.urls import addresses as lorebook_addresses
from reverie.health import healthz, metrics, readyz
from web.casts import cast_of

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("api/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("openapi.json", SpectacularJSONAPIView.as_view()),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="openapi"), name="api-docs"),
    path("api/chat/", include("chats.api.urls")),
    path("api/", include("personas.api.urls")),
    path("api/", include(lorebook_addresses(cast_of))),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.account.urls")),
    path("", include("web.urls")),
]
handler400 = "web.views.errors.bad_request"
handler404 = "web.views.errors.not_found"
handler403 = "web.views.errors.forbidden"
handler500 = "web.views.errors.server_error"
