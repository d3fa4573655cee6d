"""What one chat has in mind: what is in view, its summary, its facts; and a new chat from it."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chats import memorising
from chats import queries as chats
from chats.carrying import start_carrying
from chats.models import Chat
from chats.notebooks import notebook_of
from core.errors import Conflict, Invalid
from memory import queries, revising
from memory.models import Memory, Summary
from web.chat_memory import cover, in_view, told
from web.gate import MemberRequest, member, submitted
from web.memory_context import View, build_list
from web.memory_forms import CarryForm, NewMemoryForm, SummaryForm
from web.views.memory import list_context

_PINS = {"pin": True, "unpin": False}
_WORK = {
    "rebuild": (memorising.rebuild, "The chat is being summed up anew.", "#summary"),
    "read": (
        memorising.read_now,
        "The chat is being read for what is worth remembering.",
        "#facts-heading",
    ),
}


@require_safe
@member
def page(request: MemberRequest, uid: str) -> HttpResponse:
    """Three headings: what is in view now, the summary, remembered facts."""
    chat = chats.get_chat(request.user, uid)
    return _page(request, chat)


def _page(
    request: MemberRequest, chat: Chat, *, wrong: SummaryForm | None = None, open_uid: str = ""
) -> HttpResponse:
    notebook = notebook_of(request.user, chat=chat.uid)
    every = request.GET.get("summaries") == "all"
    summaries = told(request.user, chat, page=request.GET.get("at", ""), every=every)
    shown = build_list(request.user, notebook, View.of(request.GET), chat=chat)
    forms = [
        (row, wrong if wrong and row.uid == open_uid else _form(row)) for row in summaries.rows
    ]
    jobs = memorising.progress(request.user, chat.uid)
    context = {
        "page": "chat-memory",
        "chat": chat,
        "in_view": in_view(chat),
        "told": summaries,
        "summaries": forms,
        "every": every,
        "summing": [job for job in jobs if job.kind == memorising.SUMMARISE],
        "reading": [job for job in jobs if job.kind == memorising.EXTRACT],
        "form": NewMemoryForm(in_chat=True),
        **list_context(request, shown, chat.character),
    }
    return render(request, "memory/chat.html", context, status=400 if wrong else 200)


def _form(summary: Summary, data: Any = None) -> SummaryForm:
    return SummaryForm(data, initial={"text": summary.text}, auto_id=f"{summary.uid}_%s")


@require_POST
@member
def change_summary(request: MemberRequest, uid: str) -> HttpResponse:
    """Save the words of a summary, pin it, or delete it."""
    summary = queries.get_summary(request.user, uid)
    chat = chats.get_chat(request.user, summary.chat)
    action = request.POST.get("action", "save")
    if action in _PINS:
        revising.pin(summary, _PINS[action])
        done = "Pinned: it stays as it is." if summary.pinned else "No longer pinned."
    elif action == "again":
        memorising.regenerate(request.user, uid)
        done = "It is being written anew."
    elif action == "delete":
        revising.discard(summary)
        done = "The summary is deleted."
    else:
        form = _form(summary, request.POST)
        if not _saved(form, summary):
            return _page(request, chat, wrong=form, open_uid=uid)
        done = "Saved. It is yours now and is not written over."
    messages.success(request, done)
    return redirect(reverse("chat-memory", args=[chat.uid]) + "#summary")


@require_safe
@member
def progress(request: MemberRequest, uid: str) -> HttpResponse:
    """How far one kind of job on this chat is, for the page to ask again while it runs."""
    kind = request.GET.get("kind", "")
    jobs = [job for job in memorising.progress(request.user, uid) if job.kind == kind]
    return render(request, "memory/_progress.html", {"jobs": jobs})


@require_POST
@member
def work(request: MemberRequest, uid: str) -> HttpResponse:
    """Have the whole chat summed up anew, or read for memories, without waiting for it."""
    asked = request.POST.get("work", "")
    if asked not in _WORK:
        raise Invalid("Choose what is to be done.", param="work")
    do, done, place = _WORK[asked]
    try:
        do(request.user, uid)
    except Conflict as error:
        messages.error(request, error.message)
    else:
        messages.success(request, done)
    return redirect(reverse("chat-memory", args=[uid]) + place)


def _saved(form: SummaryForm, summary: Summary) -> bool:
    if not form.is_valid():
        return False
    try:
        revising.revise(summary, form.cleaned_data["text"])
    except Invalid as error:
        form.add_error("text", error.message)
        return False
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@member
def carry(request: MemberRequest, uid: str) -> HttpResponse:
    """Start a new chat that begins with what this one came to."""
    chat = chats.get_chat(request.user, uid)
    notebook = notebook_of(request.user, chat=uid)
    known = queries.known(notebook.uid, uid)
    own = [memory for memory in known if memory.scope != Memory.Scope.CHARACTER]
    data, _ = submitted(request)
    form = CarryForm(data, memories=own, initial=_carried(request, chat, own))
    if request.method == "POST" and form.is_valid():
        new = start_carrying(user=request.user, chat_uid=uid, **form.cleaned_data)
        messages.success(request, f"A new chat. {chat.character.name} knows how it came here.")
        return redirect("chat", new.uid)
    context = {
        "page": "chat-carry",
        "chat": chat,
        "form": form,
        "shared_count": len(known) - len(own),
    }
    return render(request, "memory/carry.html", context, status=400 if form.errors else 200)


def _carried(request: MemberRequest, chat: Chat, own: list[Memory]) -> dict[str, Any]:
    rows = queries.summaries_of(request.user, chat.uid).filter(live=True)
    return {
        "text": "\n\n".join(row.text for row in cover(rows)),
        "memories": [memory.uid for memory in own],
    }
