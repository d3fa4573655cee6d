"""The pages Django shows when it cannot go on."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from core.errors import Forbidden, NotFound
from web.gate import TITLES, failure


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return failure(request, NotFound("There is no page at this address, or it is not yours."))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return failure(request, Forbidden("This part is for somebody else."))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django refuses a request that is malformed or too large before a view sees it."""
    context = {
        "page": "error",
        "status": 400,
        "title": TITLES[400],
        "message": "The request was malformed or too large. Nothing was changed.",
    }
    return render(request, "errors/error.html", context, status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Drawn without the frame, which may be what failed."""
    return HttpResponse(render_to_string("errors/500.html"), status=500)
