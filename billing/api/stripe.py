"""Where Stripe calls: the raw body and its signature are all that counts."""

import structlog
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing import checkout, webhooks
from core.errors import Invalid

log = structlog.get_logger(__name__)


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> JsonResponse:
    """200 for what was taken in or is known; Stripe sends anything else again."""
    if not checkout.is_on():
        return JsonResponse({"error": "Purchases are off."}, status=404)
    try:
        taken = webhooks.take_in(request.body, request.headers.get("Stripe-Signature", ""))
    except Invalid as error:
        log.warning("webhook_refused", reason=error.code)
        return JsonResponse({"error": error.message}, status=error.status)
    return JsonResponse({"received": True, "new": taken})
