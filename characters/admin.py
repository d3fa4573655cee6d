"""Operators' pages for characters."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from catalog.models import Tag
from characters import versions
from characters.models import Character, Scenario
from characters.services import count_tokens


class ScenarioInline(admin.StackedInline):
    model = Scenario
    extra = 0


@admin.register(Character)
class CharacterAdmin(admin.ModelAdmin):
    list_display = ("name", "owner", "visibility", "nsfw", "token_count", "updated_at")
    list_select_related = ("owner",)
    list_filter = ("visibility", "nsfw")
    search_fields = ("name", "uid", "owner__handle", "owner__email")
    autocomplete_fields = ("owner",)
    raw_id_fields = ("tags",)
    readonly_fields = ("uid", "number", "token_count", "avatar", "created_at", "updated_at")
    inlines = (ScenarioInline,)

    def save_model(self, request: HttpRequest, obj: Character, form: Any, change: bool) -> None:
        obj.token_count = count_tokens(obj)
        if change:
            versions.renumber(obj, note="by an operator")
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleting is moving to the trash: set `trashed at`. Chats keep their character."""
        return False


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):
    list_display = ("name", "namespace")
    search_fields = ("name",)
