"""What our admin pages share: tables too long to count, and rows nobody may edit."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property

_COUNTED_MOST = 10_000


class UncountedPaginator(Paginator):
    """Counts no further than what anybody leafs through: beyond that, people search."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:_COUNTED_MOST].count())


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
