"""Lorebooks in the admin: found and looked at, not written."""

from django.contrib import admin

from lore.models import Lorebook


@admin.register(Lorebook)
class LorebookAdmin(admin.ModelAdmin):
    list_display = ("name", "owner", "entry_count", "token_count", "visibility", "updated_at")
    list_filter = ("visibility", "nsfw")
    list_select_related = ("owner",)
    search_fields = ("name", "uid", "owner__handle")
    raw_id_fields = ("owner",)
    readonly_fields = ("uid", "number", "entry_count", "token_count", "created_at", "updated_at")
    exclude = ("tags", "avatar", "hue", "book")
