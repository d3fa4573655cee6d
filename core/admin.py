"""What our admin pages share: tables too long to count, and rows nobody may edit."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest

_ENDLESS = 1_000_000_000


class UncountedPaginator(Paginator):
    """Pages without counting all rows first: counting a ledger takes longer than reading it."""

    @property
    def count(self) -> int:
        return _ENDLESS


class ReadOnlyAdmin(admin.ModelAdmin):
    """To look at. Rows come from services and are changed by services only."""

    paginator = UncountedPaginator
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
