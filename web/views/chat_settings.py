"""The settings of one chat: who one is in it, the author's note, texts, version, lorebooks."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from characters.preferences import change_preference
from chats import queries, settings
from chats.models import Chat
from core.errors import Invalid
from web.gate import MemberRequest, member
from web.own_forms import ChatSettingsForm


@require_http_methods(["GET", "HEAD", "POST"])
@member
def chat_settings(request: MemberRequest, uid: str) -> HttpResponse:
    chat = queries.get_chat(request.user, uid)
    data = request.POST if request.method == "POST" else None
    form = ChatSettingsForm(data, user=request.user, chat=chat)
    if request.method == "POST" and form.is_valid() and _save(form, request, chat):
        messages.success(request, "Saved. It counts from the next reply on.")
        return redirect("chat-settings", uid)
    context = {
        "page": "chat-settings",
        "chat": chat,
        "form": form,
        "is_behind": 0 < chat.character_number < chat.character.number,
    }
    return render(request, "chats/settings.html", context, status=400 if form.errors else 200)


def _save(form: ChatSettingsForm, request: MemberRequest, chat: Chat) -> bool:
    """Hand the form to the services. A refusal of theirs lands on its field."""
    try:
        with transaction.atomic():
            settings.change(user=request.user, chat_uid=chat.uid, **form.settings())
            wishes = form.preferences()
            if wishes:
                change_preference(user=request.user, character=chat.character, **wishes)
    except Invalid as error:
        form.add_error(error.param if error.param in form.fields else None, error.message)
        return False
    return True


@require_POST
@member
def move_up(request: MemberRequest, uid: str) -> HttpResponse:
    """Hold to the character's newest version from now on."""
    newest = queries.get_chat(request.user, uid).character.number
    settings.change(user=request.user, chat_uid=uid, character_number=newest)
    messages.success(request, f"This chat holds to version {newest} now.")
    return redirect("chat-settings", uid)
