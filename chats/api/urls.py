"""Addresses of conversations in the resource API, below /api/chat/."""

from django.urls import path

from chats.api.events import turn_events
from chats.api.memorising import JobsView, ReadView, RegenerateView, SumUpView
from chats.api.views import PromptView, ReceiptView, RestoreView, StopView, TrashView, TurnView

urlpatterns = [
    path("turns/<str:turn_id>", TurnView.as_view()),
    path("turns/<str:turn_id>/events", turn_events),
    path("turns/<str:turn_id>/stop", StopView.as_view()),
    path("messages/<str:message_id>/prompt", PromptView.as_view()),
    path("messages/<str:message_id>/receipt", ReceiptView.as_view()),
    path("session/<str:session_id>/trash", TrashView.as_view()),
    path("session/<str:session_id>/memory/jobs", JobsView.as_view()),
    path("session/<str:session_id>/memory/read", ReadView.as_view()),
    path("session/<str:session_id>/memory/summarise", SumUpView.as_view()),
    path("summaries/<str:summary_id>/regenerate", RegenerateView.as_view()),
    path("trash/<str:trash_id>/restore", RestoreView.as_view()),
]
