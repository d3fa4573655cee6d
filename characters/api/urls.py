"""Addresses of characters in the resource API, below /api/."""

from django.urls import path

from characters.api.views import PreferencesView

urlpatterns = [
    path("character/<str:character_id>/preferences", PreferencesView.as_view()),
]
