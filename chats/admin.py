"""Operators' pages for chats and turns: what happened, never what was said."""

from django.contrib import admin

from chats.models import Chat, Turn
from core.admin import ReadOnlyAdmin


@admin.register(Chat)
class ChatAdmin(ReadOnlyAdmin):
    list_display = ("uid", "user", "character", "api_key", "active_at", "trashed_at")
    list_select_related = ("user", "character", "api_key")
    search_fields = ("uid", "user__handle", "user__email")
    ordering = ("-active_at",)
    fields = (
        "uid",
        "user",
        "character",
        "scenario",
        "api_key",
        "version",
        "turn",
        "lease_expires_at",
        "created_at",
        "active_at",
        "trashed_at",
    )


@admin.register(Turn)
class TurnAdmin(ReadOnlyAdmin):
    list_display = (
        "uid",
        "user",
        "surface",
        "state",
        "model",
        "prompt_tokens",
        "completion_tokens",
        "error_code",
        "created_at",
    )
    list_select_related = ("user",)
    list_filter = ("state", "surface", "kind")
    search_fields = ("uid", "user__handle", "chat__uid")
    ordering = ("-uid",)
    fields = (
        "uid",
        "chat",
        "user",
        "api_key",
        "surface",
        "kind",
        "state",
        "model",
        "sync",
        "finish_reason",
        "error_code",
        "error_message",
        "prompt_tokens",
        "completion_tokens",
        "estimated",
        "amount_micro",
        "created_at",
        "first_token_ms",
        "duration_ms",
    )
