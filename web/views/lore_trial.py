"""The test box of a lorebook: what a text calls up, in which order, and why not the rest."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from characters.queries import owned_by
from core.errors import Invalid
from lore import dryrun, queries
from lore.dryrun import Told
from lore.models import Lorebook
from lore.scene import settings_with
from web.casts import cast_of
from web.gate import MemberRequest, member, submitted
from web.lore_context import EXPORTS
from web.lore_forms import TrialForm

SHOWN_MOST = 100
OFFERED_MOST = 500
_CUT = ("budget", "book_budget")


class Silent(NamedTuple):
    """How many entries stayed silent for one reason, and the first of them."""

    reason: str
    size: int
    shown: list[Told]


@require_http_methods(["GET", "HEAD", "POST"])
@member
def trial(request: MemberRequest, uid: str) -> HttpResponse:
    """The form, and below it what came of the text."""
    lorebook = queries.get_visible(request.user, uid)
    initial = {**msgspec.to_builtins(queries.settings_of(request.user)), "seed": "one"}
    names = owned_by(request.user).order_by("name").values_list("uid", "name")
    form = TrialForm(submitted(request)[0], initial=initial, characters=list(names[:OFFERED_MOST]))
    context: dict[str, Any] = {
        "page": "lorebook",
        "tab": "test",
        "lorebook": lorebook,
        "exports": EXPORTS,
        "can_edit": lorebook.owner_id == request.user.pk,
        "form": form,
    }
    if form.is_valid():
        try:
            context["outcome"] = _outcome(request, lorebook, form)
        except Invalid as error:
            form.add_error(error.param if error.param in form.fields else None, error.message)
    status = 400 if form.errors else 200
    part = request.htmx and request.htmx.target == "trial" and not form.errors
    name = "lorebooks/_trial.html" if part else "lorebooks/test.html"
    return render(request, name, context, status=status)


def _outcome(request: MemberRequest, lorebook: Lorebook, form: TrialForm) -> dict[str, Any]:
    given = form.cleaned_data
    cast = dryrun.Cast(user=request.user.name)
    if given["character"]:
        cast = cast_of(request.user, given["character"])
    settings = settings_with(queries.settings_of(request.user), form.settings())
    book = queries.compiled(lorebook.uid, lorebook.number)
    messages = dryrun.said_in(given["text"], cast.char)
    found = dryrun.dry_run(book, settings, messages, cast, seed=given["seed"])
    told = dryrun.told(found, book)
    titles = {one.verdict.entry: one.title for one in told}
    return {
        "fired": [one for one in told if one.verdict.activated],
        "cut": [one for one in told if one.verdict.rule in _CUT],
        "silent": _silent(one for one in told if not one.verdict.activated),
        "places": [
            (words, [(titles[piece.entry], piece) for piece in pieces])
            for words, pieces in dryrun.places(found.slots)
        ],
        "tokens": found.tokens,
        "is_over_budget": found.is_over_budget,
        "is_cut_short": found.is_cut_short,
        "slow_keys": found.slow_keys,
        "message_count": len(messages),
        "scan_depth": settings.scan_depth,
    }


def _silent(told: Iterable[Told]) -> list[Silent]:
    """Those that did not fire, by rule; what came close first."""
    rules: dict[str, list[Told]] = {}
    for one in told:
        if one.verdict.rule not in _CUT:
            rules.setdefault(one.verdict.rule, []).append(one)
    groups = [Silent(_shared(found), len(found), found[:SHOWN_MOST]) for found in rules.values()]
    return sorted(groups, key=lambda group: not group.shown[0].verdict.key)


def _shared(found: list[Told]) -> str:
    """The reason of all of them, if it is the same; else what they have in common."""
    reasons = {one.reason for one in found}
    return reasons.pop() if len(reasons) == 1 else _COMMON.get(found[0].verdict.rule, "Other")


_COMMON = {
    "secondary_keys": "A key was found, but the secondary keys do not allow it.",
    "exclude_keys": "A key was found, but so was one that keeps it out.",
    "additional_keys": "A key was found, but a further one it needs was not.",
    "probability": "The dice were against it.",
    "delay": "The chat is shorter than its delay.",
}
