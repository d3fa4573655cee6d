"""What characters remember: the list of notebooks, the page of one, and what is done there."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, F, Max, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from characters.models import Character
from chats.models import Chat
from chats.notebooks import notebook_of
from core.errors import Invalid
from memory import queries, services
from memory.models import Memory, Notebook
from web.gate import MemberRequest, member
from web.memory_context import FactList, View, build_list
from web.memory_forms import NewMemoryForm

_MANY = {"approve": "approved", "reject": "rejected", "forget": "forgotten"}
_ONE = {
    "approve": (services.approve, "Approved."),
    "reject": (services.reject, "Rejected."),
    "undo": (services.undo, "Taken back."),
}


@require_http_methods(["GET", "HEAD", "POST"])
@member
def index(request: MemberRequest) -> HttpResponse:
    """Who remembers something, and whether memories wait for approval."""
    if request.method == "POST":
        services.set_approval(request.user, "approve_first" in request.POST)
        messages.success(request, "Saved.")
        return redirect("memory")
    waiting = Count("memories", filter=Q(memories__status=Memory.Status.PROPOSED))
    learnt = Max("memories__created_at")
    rows = queries.notebooks_of(request.user).filter(is_default=True)
    found = rows.annotate(learnt=learnt, waiting=waiting).order_by(
        F("learnt").desc(nulls_last=True)
    )
    people = {
        person.uid: person
        for person in Character.objects.filter(uid__in=[row.character for row in found])
    }
    context = {
        "page": "memory",
        "rows": [(row, people[row.character]) for row in found if row.character in people],
        "asks_first": queries.asks_first(request.user),
    }
    return render(request, "memory/index.html", context)


@require_safe
@member
def of_character(request: MemberRequest, uid: str) -> HttpResponse:
    """What all chats with a character share, and what only some of them know."""
    notebook = notebook_of(request.user, character=uid)
    return _page(request, notebook, NewMemoryForm(in_chat=False))


def _page(
    request: MemberRequest, notebook: Notebook, form: NewMemoryForm, *, status: int = 200
) -> HttpResponse:
    shown = build_list(request.user, notebook, View.of(request.GET))
    person = Character.objects.get(uid=notebook.character)
    context = {"page": "memory-of", "form": form, **list_context(request, shown, person)}
    return render(request, "memory/page.html", context, status=status)


def list_context(request: MemberRequest, shown: FactList, person: Character) -> dict[str, Any]:
    """What the templates of a list of facts need."""
    return {
        "shown": shown,
        "notebook": shown.notebook,
        "character": person,
        "asks_first": queries.asks_first(request.user),
        "back": request.get_full_path(),
    }


def went_back(request: MemberRequest, notebook: Notebook) -> HttpResponse:
    """To the list that a request came from."""
    back = request.POST.get("back", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None) or not back.startswith(
        "/app/"
    ):
        back = home_of(notebook)
    return redirect(back)


def home_of(notebook: Notebook) -> str:
    """The page of a notebook: its character's, or of a fork that of its chat."""
    chat = None if notebook.is_default else Chat.objects.filter(notebook=notebook).first()
    if chat is not None:
        return reverse("chat-memory", args=[chat.uid])
    return reverse("character-memory", args=[notebook.character])


@require_POST
@member
def add(request: MemberRequest, uid: str) -> HttpResponse:
    """Remember something that a person says."""
    notebook = queries.notebook_for(request.user, uid)
    chat = request.POST.get("chat", "")
    if chat and notebook_of(request.user, chat=chat) != notebook:
        raise Invalid("This chat has another notebook.", param="chat")
    form = NewMemoryForm(request.POST, in_chat=bool(chat))
    if form.is_valid():
        try:
            services.remember(
                notebook,
                form.cleaned_data["text"],
                author=str(Memory.Author.PERSON),
                scope=form.cleaned_data.get("scope", "character"),
                chat=chat,
            )
        except Invalid as error:
            form.add_error("text", error.message)
        else:
            messages.success(request, "It is remembered.")
            return went_back(request, notebook)
    return _page(request, notebook, form, status=400)


@require_POST
@member
def switch(request: MemberRequest, uid: str) -> HttpResponse:
    """The switches of a notebook: those that the form shows."""
    notebook = queries.notebook_for(request.user, uid)
    shown = request.POST.getlist("shown")
    values = {name: name in request.POST for name in ("remembers", "summarises") if name in shown}
    services.set_switches(notebook, **values)
    if "approve_first" in shown:
        services.set_approval(request.user, "approve_first" in request.POST)
    messages.success(request, "Saved. It counts from the next reply on.")
    return went_back(request, notebook)


@require_POST
@member
def change(request: MemberRequest, uid: str) -> HttpResponse:
    """One button of the list, or what is to be done with the chosen facts."""
    notebook = queries.notebook_for(request.user, uid)
    done, undo = _changed(request, notebook)
    messages.info(request, done, extra_tags=f"undo:{undo}" if undo else "")
    return went_back(request, notebook)


def _changed(request: MemberRequest, notebook: Notebook) -> tuple[str, str]:
    """What was done, in words, and the address that takes it back."""
    given = request.POST
    for verb, (decide, done) in _ONE.items():
        if verb in given:
            memory = decide(queries.get_memory(request.user, given[verb]))
            return done, _undo(memory) if verb == "reject" else ""
    for verb, pinned in (("pin", True), ("unpin", False)):
        if verb in given:
            services.set_pinned(queries.get_memory(request.user, given[verb]), pinned)
            return ("Pinned." if pinned else "No longer pinned."), ""
    if "forget" in given:
        memory = queries.get_memory(request.user, given["forget"])
        services.forget(memory, author=str(Memory.Author.PERSON))
        return "Forgotten.", _undo(memory)
    return _batched(request, notebook), ""


def _undo(memory: Memory) -> str:
    return reverse("memory-undo", args=[memory.uid])


def _batched(request: MemberRequest, notebook: Notebook) -> str:
    action, all_of = request.POST.get("action", ""), request.POST.get("all", "")
    if (action or all_of) not in _MANY:
        raise Invalid("Choose what to do with the memories.", param="action")
    chosen = None if all_of in ("approve", "reject") else request.POST.getlist("chosen")
    if chosen == []:
        raise Invalid("Choose at least one memory.", param="chosen")
    verb = all_of or action
    if verb == "approve":
        count = services.approve_all(notebook, chosen)
    elif verb == "reject":
        count = services.reject_all(notebook, chosen)
    else:
        count = services.forget_all(notebook, chosen or ())
    return f"{count} {'memory' if count == 1 else 'memories'} {_MANY[verb]}."
