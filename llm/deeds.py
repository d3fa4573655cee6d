"""The kill switches as deeds of operators: for providers and for models alike."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from core.deeds import Deed, DeedForm, Row, ask_or_act
from llm import switches
from llm.models import Model, Provider


class SwitchOffForm(DeedForm):
    ends_running = forms.BooleanField(
        required=False,
        label="End what is running as well",
        help_text="Within a second. What was written so far is kept and paid for. Otherwise"
        " replies under way go on to their end.",
    )
    field_order = ("reason", "ends_running")


def _row(then: str) -> Any:
    def row(thing: Provider | Model, form: DeedForm | None) -> Row:
        return Row(
            switches.target_of(thing), "on" if thing.enabled else "off", then if form else ""
        )

    return row


def _off(thing: Provider | Model, form: SwitchOffForm, actor: str) -> str:
    ends_running = form.cleaned_data["ends_running"]
    was_on = switches.switch_off(
        thing, actor=actor, reason=form.cleaned_data["reason"], ends_running=ends_running
    )
    ended = " What was running is ended." if ends_running else ""
    return f"{switches.target_of(thing)}: {'switched off' if was_on else 'was off'}.{ended}"


def _on(thing: Provider | Model, form: DeedForm, actor: str) -> str:
    was_off = switches.switch_on(thing, actor=actor, reason=form.cleaned_data["reason"])
    return f"{switches.target_of(thing)}: {'switched on' if was_off else 'was on'}."


OFF = Deed(
    action="switch_off",
    title="Switch off",
    form=SwitchOffForm,
    preview=_row("off"),
    act=_off,
    told="It counts from the next turn on, in every process, and is written into the audit log"
    " with your name and the reason.",
)
ON = Deed(action="switch_on", title="Switch on", form=DeedForm, preview=_row("on"), act=_on)


class Switched:
    """The two actions, for the admin pages of what can be switched."""

    @admin.action(description="Switch off…", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return ask_or_act(self, request, queryset, OFF)

    @admin.action(description="Switch on…", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return ask_or_act(self, request, queryset, ON)
