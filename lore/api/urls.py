"""Addresses of lorebooks in the resource API, below /api/."""

from django.urls import URLPattern, path

from lore.api.views import CastOf, DryRunView, LorebooksView, LorebookView


def addresses(cast_of: CastOf) -> list[URLPattern]:
    """`cast_of` finds a character for a dry run by its number or uid. Raises NotFound."""
    return [
        path("lorebook", LorebooksView.as_view()),
        path("lorebook/<str:lorebook_id>", LorebookView.as_view()),
        path("lorebook/<str:lorebook_id>/test", DryRunView.as_view(cast_of=cast_of)),
    ]
