"""The front door and Discover."""

from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.models import User
from characters.models import Character
from chats import queries
from web.gate import PageRequest, anyone
from web.readers import Reader, listed_for

PAGE_SIZE = 24
SORTS = {"new": "Newest", "chatted": "Most chatted", "name": "A to Z"}
_ORDER = {"new": ("-id",), "chatted": ("-chat_count", "-id"), "name": ("name", "id")}
SHOWN_TAGS = 9


@require_safe
@anyone
def landing(request: PageRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("discover")
    cards = listed_for(request.user).prefetch_related("tags").order_by("id")[:3]
    return render(request, "landing.html", {"page": "landing", "cards": cards})


@require_safe
@anyone
def discover(request: PageRequest) -> HttpResponse:
    """Cards to start from. Search, tag, order and page live in the address."""
    text, tag, sort, adult = _filters(request)
    found = _search(listed_for(request.user), text=text, tag=tag)
    paged = Paginator(_ordered(found, sort).prefetch_related("tags"), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    user = request.user
    context = {
        "page": "discover",
        "cards": paged,
        "text": text,
        "tag": tag,
        "sort": sort,
        "sorts": SORTS,
        "show_adult": adult,
        "query": urlencode({"q": text, "tag": tag, "sort": sort}),
    }
    if request.htmx and request.htmx.target == "more":
        return render(request, "discover/_cards.html", context)
    if request.htmx:
        return render(request, "discover/_results.html", context)
    if isinstance(user, User):
        context["recent"] = queries.recent(user, 4)
    context["tags"] = _tags(request.user)
    return render(request, "discover/page.html", context)


def _filters(request: PageRequest) -> tuple[str, str, str, bool]:
    sort = request.GET.get("sort", "new")
    preferences = request.user.preferences if isinstance(request.user, User) else {}
    return (
        request.GET.get("q", "").strip()[:100],
        request.GET.get("tag", "").strip()[:80],
        sort if sort in SORTS else "new",
        bool(preferences.get("adult")),
    )


def _search(rows: QuerySet[Character], *, text: str, tag: str) -> QuerySet[Character]:
    if text:
        matching = Q(name__icontains=text) | Q(tagline__icontains=text)
        rows = rows.filter(matching | Q(pk__in=rows.filter(tags__name__icontains=text)))
    if tag:
        rows = rows.filter(tags__name__iexact=tag)
    return rows


def _ordered(rows: QuerySet[Character], sort: str) -> QuerySet[Character]:
    if sort == "chatted":
        rows = rows.annotate(chat_count=Count("chats"))
    return rows.order_by(*_ORDER[sort])


def _tags(reader: Reader) -> list[str]:
    """The tags most used among what this person sees."""
    rows = listed_for(reader).order_by().exclude(tags=None).values("tags__name")
    counted = rows.annotate(uses=Count("pk", distinct=True)).order_by("-uses", "tags__name")
    return [row["tags__name"] for row in counted[:SHOWN_TAGS]]
