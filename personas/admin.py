"""Operators' page for personas."""

from django.contrib import admin

from personas.models import Persona


@admin.register(Persona)
class PersonaAdmin(admin.ModelAdmin):
    list_display = ("name", "owner", "is_default", "updated_at")
    list_select_related = ("owner",)
    search_fields = ("name", "uid", "owner__handle")
    raw_id_fields = ("owner",)
    readonly_fields = ("uid", "created_at", "updated_at")
