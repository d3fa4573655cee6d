"""The page of one memory: its words, where it comes from, and what came before and after."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from characters.models import Character
from chats import queries as chats
from core.errors import Conflict, Invalid
from memory import queries, services
from memory.models import Memory
from web.gate import MemberRequest, member
from web.memory_context import build_facts
from web.memory_forms import MemoryForm, form_of
from web.views.memory import home_of, went_back

_LINES_AFTER = 30


@require_http_methods(["GET", "HEAD", "POST"])
@member
def page(request: MemberRequest, uid: str) -> HttpResponse:
    memory = queries.get_memory(request.user, uid)
    if not memory.text and memory.supersedes_id:
        return redirect("memory-page", memory.supersedes_id)
    form = form_of(memory, request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        saved = _save(form, memory) if form.is_valid() else None
        if saved is not None:
            undo = reverse("memory-undo", args=[uid]) if saved.uid != uid else ""
            messages.info(request, "Saved.", extra_tags=f"undo:{undo}" if undo else "")
            return redirect("memory-page", saved.uid)
        status = 400
    return _shown(request, memory, form, status)


def _save(form: MemoryForm, memory: Memory) -> Memory | None:
    """Hand the form to the services. A refusal of theirs lands on its field."""
    given = form.cleaned_data
    try:
        with transaction.atomic():
            if "text" in form.changed_data:
                author = str(Memory.Author.PERSON)
                memory = services.correct(memory, given["text"], author=author)
            if "importance" in form.changed_data:
                services.set_importance(memory, given["importance"])
            if "pinned" in form.changed_data:
                services.set_pinned(memory, given["pinned"])
    except (Invalid, Conflict) as error:
        form.add_error(error.param if error.param in form.fields else None, error.message)
        return None
    return memory


def _shown(request: MemberRequest, memory: Memory, form: MemoryForm, status: int) -> HttpResponse:
    held = queries.contents(memory.notebook_id)
    facts = build_facts(request.user, held, held.family(held.memories[memory.uid]))
    context = {
        "page": "memory-edit",
        "memory": memory,
        "fact": next(fact for fact in facts if fact.memory.uid == memory.uid),
        "history": facts[::-1],
        "form": form,
        "character": Character.objects.get(uid=memory.notebook.character),
        "home": home_of(memory.notebook),
    }
    return render(request, "memory/memory.html", context, status=status)


@require_POST
@member
def undo(request: MemberRequest, uid: str) -> HttpResponse:
    """From a notice: take back what was just done to a memory."""
    memory = services.undo(queries.get_memory(request.user, uid))
    messages.success(request, "Taken back.")
    return went_back(request, memory.notebook)


@require_POST
@member
def erase(request: MemberRequest, uid: str) -> HttpResponse:
    """Delete a memory and its history for good. The page has asked."""
    memory = queries.get_memory(request.user, uid)
    services.erase(memory)
    messages.success(request, "It is forgotten for good.")
    return redirect(home_of(memory.notebook))


@require_safe
@member
def source(request: MemberRequest, uid: str) -> HttpResponse:
    """Jump to a message in its chat, however far back it lies."""
    message = chats.get_message(request.user, uid)
    chat = reverse("chat", args=[message.chat_id])
    if not message.active:
        messages.info(request, "That message is on a branch that is not shown, or in the trash.")
        return redirect(chat)
    place = f"#m-{message.uid}"
    end = message.chat.messages.filter(active=True).order_by("-position").first()
    if end is not None and end.position - message.position >= chats.WINDOW:
        place = f"?before={message.position + _LINES_AFTER}{place}"
    return redirect(chat + place)
