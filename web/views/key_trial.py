"""Testing a key from its page: one small request, answered as a program would see it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import samwise
from accounts.credentials import address_of
from accounts.keys import own_key
from accounts.models import User
from chats import turns
from chats.inbound import Inbound
from chats.sync import Line
from core.errors import ReverieError
from core.hop import hop
from engine.events import TextDelta
from engine.types import ChatMessage, Sampling
from web.gate import MemberRequest, amember
from web.key_forms import KeyForm
from web.views.keys import example_character, render_page

GREETING: Final = "Hello!"
REPLY_TOKENS: Final = 60
_TOKEN_LIFE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a test: an answer and who gave it, or an error."""

    text: str = ""
    model: str = ""
    error: ReverieError | None = None


@require_POST
@never_cache
@amember
async def trial(request: MemberRequest, uid: str) -> HttpResponse:
    """Say hello with a token of this key: every check of the key applies, nothing is stored."""
    token, model = await hop(_token_and_model, request.user, uid)
    found = await _say_hello(
        Inbound(
            secret=token,
            ip=address_of(request),
            model=model,
            lines=[Line("user", GREETING)],
            messages=(ChatMessage(role="user", content=GREETING),),
            sampling=Sampling(max_tokens=REPLY_TOKENS),
            store=False,
        )
    )
    return await sync_to_async(_answer)(request, uid, found)


def _token_and_model(user: User, uid: str) -> tuple[str, str]:
    key = own_key(user, uid)
    chosen = None if key.default_character else example_character(user, key)
    token = samwise.mint(key, life=_TOKEN_LIFE).token
    return token, chosen.label if chosen else ""


async def _say_hello(inbound: Inbound) -> Trial:
    pieces: list[str] = []
    try:
        begun = await turns.receive(inbound, streaming=False)
        async for batch in begun.events():
            pieces += [event.text for event in batch if type(event) is TextDelta]
    except ReverieError as error:
        return Trial(error=error)
    return Trial(text="".join(pieces), model=begun.model)


def _answer(request: MemberRequest, uid: str, found: Trial) -> HttpResponse:
    """The part of the page that shows it, or for browsers without scripts the whole page."""
    if request.htmx:
        return render(request, "keys/_trial.html", {"trial": found})
    key = own_key(request.user, uid)
    return render_page(request, key, KeyForm(user=request.user, key=key), trial=found)
