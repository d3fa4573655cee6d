"""Addresses of memories and summaries in the resource API, below /api/memory/."""

from django.urls import URLPattern, path

from memory.api.summary_views import SummariesView, SummaryView
from memory.api.views import (
    ApproveView,
    ManyMemoriesView,
    MemoriesView,
    MemoryView,
    NotebookOf,
    NotebookView,
    RejectView,
    UndoView,
)


def addresses(notebook_of: NotebookOf) -> list[URLPattern]:
    """`notebook_of` finds the notebook that a character or a chat means."""
    return [
        path("", MemoriesView.as_view(notebook_of=notebook_of)),
        path("many", ManyMemoriesView.as_view(notebook_of=notebook_of)),
        path("settings", NotebookView.as_view(notebook_of=notebook_of)),
        path("summaries", SummariesView.as_view()),
        path("summaries/<str:summary_id>", SummaryView.as_view()),
        path("<str:memory_id>", MemoryView.as_view()),
        path("<str:memory_id>/approve", ApproveView.as_view()),
        path("<str:memory_id>/reject", RejectView.as_view()),
        path("<str:memory_id>/undo", UndoView.as_view()),
    ]
