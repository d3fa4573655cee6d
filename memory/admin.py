"""Memory in the admin: how much there is and how it stands, never what it says."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from memory.models import Memory, Notebook, Summary


@admin.register(Notebook)
class NotebookAdmin(ReadOnlyAdmin):
    list_display = ("uid", "user", "character", "is_default", "remembers", "summarises", "version")
    list_filter = ("is_default", "remembers", "summarises")
    list_select_related = ("user",)
    search_fields = ("uid", "character", "user__handle", "user__email")


@admin.register(Memory)
class MemoryAdmin(ReadOnlyAdmin):
    list_display = ("uid", "owner", "scope", "status", "author", "pinned", "created_at")
    list_filter = ("status", "author", "scope", "pinned")
    list_select_related = ("notebook__user",)
    search_fields = ("uid", "notebook__uid", "chat", "notebook__user__handle")
    exclude = ("text",)

    @admin.display(ordering="notebook__user__handle")
    def owner(self, memory: Memory) -> str:
        return str(memory.notebook.user)


@admin.register(Summary)
class SummaryAdmin(ReadOnlyAdmin):
    list_display = ("uid", "owner", "chat", "level", "author", "live", "stale", "created_at")
    list_filter = ("author", "level", "live", "stale", "pinned")
    list_select_related = ("notebook__user",)
    search_fields = ("uid", "notebook__uid", "chat", "notebook__user__handle")
    exclude = ("text",)

    @admin.display(ordering="notebook__user__handle")
    def owner(self, summary: Summary) -> str:
        return str(summary.notebook.user)
