"""Addresses of personas in the resource API, below /api/."""

from django.urls import path

from personas.api.views import PersonasView, PersonaView

urlpatterns = [
    path("persona", PersonasView.as_view()),
    path("persona/<int:persona_id>", PersonaView.as_view()),
]
