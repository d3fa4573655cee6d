"""The models: what they can do and cost, and which one answers for a character."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from characters import queries
from characters.preferences import change_preference
from chats.queries import get_chat
from web.gate import MemberRequest, member
from web.model_context import choices_of, chosen_slug, offers, voice_for


@require_safe
@member
def index(request: MemberRequest) -> HttpResponse:
    """All models, and what one has chosen for which character."""
    context = {
        "page": "models",
        "offers": offers(request.user),
        "choices": choices_of(request.user),
    }
    return render(request, "models/index.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@member
def of_character(request: MemberRequest, uid: str) -> HttpResponse:
    """Choose who answers for a character, in all one's chats with it."""
    character = queries.get_visible(request.user, uid)
    given = request.POST if request.method == "POST" else request.GET
    chat = get_chat(request.user, given["chat"]) if given.get("chat") else None
    if request.method == "POST":
        change_preference(
            user=request.user, character=character, model=request.POST.get("model", "")
        )
        messages.success(request, "The next reply comes from the model you chose.")
        return redirect("chat", chat.uid) if chat else redirect("character-model", uid)
    voice = voice_for(request.user, character)
    context = {
        "page": "models",
        "character": character,
        "chat": chat,
        "voice": voice,
        "chosen": chosen_slug(voice),
        "offers": offers(request.user, chosen=chosen_slug(voice)),
    }
    return render(request, "models/choose.html", context)
