"""Addresses of accounts in the resource API, below /api/."""

from django.urls import path

from accounts.api.views import SamwiseView

urlpatterns = [path("user/samwise", SamwiseView.as_view())]
