"""Who may open a page, and what a failure looks like: a page, or JSON for our own scripts."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from asgiref.sync import sync_to_async
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django_htmx.middleware import HtmxDetails

from accounts.models import User
from core.errors import ReverieError

P = ParamSpec("P")

TITLES = {
    400: "That did not work",
    403: "Not allowed here",
    404: "Nothing is here",
    409: "Just a moment",
    413: "That is too big",
    429: "A short pause",
    502: "The model did not answer",
    503: "Not ready",
    504: "The model took too long",
}


class PageRequest(HttpRequest):
    """A request as the pages see it."""

    htmx: HtmxDetails


class MemberRequest(PageRequest):
    """A request of somebody who is signed in."""

    user: User


Page = Callable[Concatenate[PageRequest, P], HttpResponse]
MemberPage = Callable[Concatenate[MemberRequest, P], HttpResponse]
AsyncMemberPage = Callable[Concatenate[MemberRequest, P], Coroutine[Any, Any, HttpResponse]]


def submitted(request: HttpRequest) -> tuple[Any, Any]:
    """What a form is bound to: the data and files of a POST, else nothing."""
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)


def wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def failure(request: HttpRequest, error: ReverieError) -> HttpResponse:
    """An expected error in words: JSON for a script, else a page with two ways on."""
    response = _told_script(error) if wants_json(request) else _told_person(request, error)
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response


def _told_script(error: ReverieError) -> HttpResponse:
    body = {
        "code": error.code,
        "message": error.message,
        "param": error.param,
        "retry_after": error.retry_after,
    }
    return JsonResponse({"error": body}, status=error.status)


def _told_person(request: HttpRequest, error: ReverieError) -> HttpResponse:
    context = {
        "page": "error",
        "status": error.status,
        "title": TITLES.get(error.status, "Something went wrong"),
        "message": error.message,
        "retry_after": error.retry_after,
    }
    return render(request, "errors/error.html", context, status=error.status)


def anyone(view: Page[P]) -> Page[P]:
    """A page for everybody, signed in or not."""

    @wraps(view)
    def wrapped(request: PageRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except ReverieError as error:
            return failure(request, error)

    return wrapped


def member(view: MemberPage[P]) -> MemberPage[P]:
    """A page for people who are signed in; the others are asked to."""

    @wraps(view)
    def wrapped(request: MemberRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return _ask_to_sign_in(request)
        try:
            return view(request, *args, **kwargs)
        except ReverieError as error:
            return failure(request, error)

    return wrapped


def amember(view: AsyncMemberPage[P]) -> AsyncMemberPage[P]:
    """`member` for asynchronous views."""

    @wraps(view)
    async def wrapped(request: MemberRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        user = await request.auser()
        if not isinstance(user, User):
            return _ask_to_sign_in(request)
        request.user = user
        try:
            return await view(request, *args, **kwargs)
        except ReverieError as error:
            if wants_json(request):
                return failure(request, error)
            return await sync_to_async(failure)(request, error)

    return wrapped


def _ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    if wants_json(request):
        body = {"code": "not_signed_in", "message": "Please sign in again."}
        return JsonResponse({"error": body}, status=401)
    back = request.get_full_path() if request.method == "GET" else "/app"
    return redirect_to_login(back)
