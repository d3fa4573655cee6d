"""Addresses of credits and usage in the resource API, below /api/."""

from django.urls import URLPattern, path

from billing.api import stripe, usage, views
from billing.api.usage import NamesOf

_OWN = [
    path("user/credits", views.CreditsView.as_view()),
    path("user/credits/holds", views.HoldsView.as_view()),
    path("user/credits/entries", views.StatementView.as_view()),
    path("user/credits/entries.csv", views.StatementExportView.as_view()),
    path("user/credits/packs", views.PacksView.as_view()),
    path("user/vouchers", views.VouchersView.as_view()),
    path("user/purchases", views.PurchasesView.as_view()),
    path("user/purchases/<str:purchase_id>", views.PurchaseView.as_view()),
    path("payments/stripe", stripe.webhook, name="stripe-webhook"),
]


def addresses(names_of: NamesOf) -> list[URLPattern]:
    """`names_of` finds the names of a person's characters and keys."""
    return [
        *_OWN,
        path("user/quota", usage.QuotaView.as_view()),
        path("user/usage", usage.UsageView.as_view(names_of=names_of)),
        path("user/usage.csv", usage.UsageExportView.as_view(names_of=names_of)),
        path("user/usage/requests", usage.UsageRequestsView.as_view(names_of=names_of)),
        path("user/usage/receipts/<str:reference>", usage.UsageReceiptView.as_view()),
    ]
