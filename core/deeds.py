"""How operators' deeds are asked for: a form with a reason, what it would change, then the deed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme

from core.errors import ReverieError
from core.ids import new_uid

BACK: Final = "back"
"""The field that says to which page of the desk one returns."""


class DeedForm(forms.Form):
    """What every deed needs. `key` makes a second sending of the same page harmless."""

    reason = forms.CharField(max_length=200)
    key = forms.CharField(widget=forms.HiddenInput, initial=new_uid, max_length=40)


class Row(NamedTuple):
    """What a deed would change of one thing. `after` is empty until the form is filled in."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One kind of deed. `act` does it to one thing and says in words what came of it.

    `told` is what the form says of the deed.
    """

    action: str
    title: str
    form: type[DeedForm]
    preview: Callable[[Any, Any], Row]
    act: Callable[[Any, Any, str], str]
    told: str = "It is written into the audit log with your name and the reason."


def ask_or_act(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Any], deed: Deed
) -> HttpResponse | None:
    """The body of an admin action. Shows the form until it is sent whole and not for a preview.

    Deeds are noted in the audit log by what does them; `request.deed` says so.
    """
    request.deed = deed  # type: ignore[attr-defined]
    back = _back(request)
    is_sent = "reason" in request.POST
    form = deed.form(request.POST if is_sent else None)
    is_good = form.is_valid()
    if is_good and "preview" not in request.POST:
        _act(model_admin, request, queryset, deed, form)
        return redirect(back) if back else None
    context = {
        **model_admin.admin_site.each_context(request),
        "title": deed.title,
        "deed": deed,
        "form": form,
        "rows": [deed.preview(thing, form if is_good else None) for thing in queryset],
        "chosen": [thing.pk for thing in queryset],
        "checkbox": ACTION_CHECKBOX_NAME,
        "back": back,
    }
    return render(request, "admin/deed.html", context)


def _back(request: HttpRequest) -> str:
    """The page of this site to return to, if the form names one."""
    back = request.POST.get(BACK, "")
    return back if back and url_has_allowed_host_and_scheme(back, allowed_hosts=None) else ""


def _act(
    model_admin: Any, request: HttpRequest, things: Iterable[Any], deed: Deed, form: Any
) -> None:
    """Each thing in a transaction of its own: one that is refused does not undo the others."""
    for thing in things:
        try:
            said = deed.act(thing, form, str(request.user))
        except ReverieError as error:
            said = f"{deed.preview(thing, None).name}: {error.message}"
            model_admin.message_user(request, said, level=messages.ERROR)
        else:
            model_admin.message_user(request, said)
