"""The site of the admin: the stock one, whose work is noted, and our desk's pages in it."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path

from web.desk import reading, views
from web.desk.noting import Noting


class DeskSite(admin.AdminSite):
    site_header = "Reverie, for operators"
    index_title = "Desk"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Every page that is registered notes what is done on it."""
        base = admin_class or admin.ModelAdmin
        noting = type(base.__name__, (Noting, base), {"__module__": base.__module__})
        super().register(model_or_iterable, noting, **options)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        pages: list[tuple[str, str, Callable[..., HttpResponse]]] = [
            ("desk/people/", "desk_people", views.people),
            ("desk/people/<int:pk>/", "desk_person", views.person),
            ("desk/spend/", "desk_spend", views.spend),
            ("desk/free/", "desk_free", views.free),
            ("desk/switches/", "desk_switches", views.switches),
        ]
        own: list[URLResolver | URLPattern] = [
            path(address, self.admin_view(view), {"site": self}, name=name)
            for address, name, view in pages
        ]
        return own + super().get_urls()

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        desk = {"desk": reading.desk(request.user)}
        return super().index(request, {**desk, **(extra_context or {})})
