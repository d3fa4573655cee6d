"""The audit log of ordinary admin work: what was added, changed, deleted and done, and by whom.

`DeskSite` gives this to every admin class that is registered, so that none can do without it.
Deeds with a reason write their own entries.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import wraps
from typing import Any, Final

from django import forms
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts import audit
from accounts.models import User

_SECRET: Final = re.compile(r"password|secret|digest|(^|_)(key|token)$", re.IGNORECASE)
_VALUE_CHARS_MOST: Final = 200
_NAMED_MOST: Final = 20


class Noting:
    """Mixed into every `ModelAdmin`.

    One whose `notes_itself` is true saves and acts by what writes its own entries.
    """

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The last step of saving, inside its transaction."""
        super().save_related(request, form, formsets, change)  # type: ignore[misc]
        if not getattr(self, "notes_itself", False):
            note_saved(request, form, formsets, change=change)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Called before rows are deleted, in the transaction that does it."""
        for row in queryset:
            _note(request, f"{_kind(row)}.delete", row, before={"name": str(row)[:80]})
        return super().log_deletions(request, queryset)  # type: ignore[misc]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)  # type: ignore[misc]
        return {
            name: (_noted(name, act), name, description)
            for name, (act, _, description) in actions.items()
        }


def _noted(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
    """An action that is in the audit log once it is done: not when it only asks first."""

    @wraps(act)
    def noted(model_admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> Any:
        if name == "delete_selected":
            with transaction.atomic():
                return act(model_admin, request, rows)
        chosen = [str(pk) for pk in rows.values_list("pk", flat=True)[:_NAMED_MOST]]
        response = act(model_admin, request, rows)
        is_noted = hasattr(request, "deed") or getattr(model_admin, "notes_itself", False)
        if response is None and not is_noted:
            kind = str(model_admin.opts.model_name)
            audit.record(
                actor=str(request.user),
                action=f"{kind}.{name}"[:60],
                target=f"{kind} {', '.join(chosen)}",
            )
        return response

    return noted


def note_saved(request: HttpRequest, form: Any, formsets: Any, *, change: bool) -> None:
    """One entry for a form that was saved, with the forms below it. Nothing changed: no entry."""
    names = form.changed_data
    before = {name: _shown(form, name, form.initial.get(name)) for name in names} if change else {}
    after = {name: _shown(form, name, form.cleaned_data.get(name)) for name in names}
    after |= {
        str(formset.model._meta.model_name): below
        for formset in formsets
        if (below := _below(formset))
    }
    if after or not change:
        verb = "change" if change else "add"
        _note(request, f"{_kind(form.instance)}.{verb}", form.instance, before, after)


def _below(formset: Any) -> dict[str, Any]:
    """What happened to the rows of an inline form: which, and the names of changed fields."""
    done = {
        "added": [str(row.pk) for row in formset.new_objects],
        "changed": {str(row.pk): fields for row, fields in formset.changed_objects},
        "deleted": [str(row.pk) for row in formset.deleted_objects],
    }
    return {what: rows for what, rows in done.items() if rows}


def _note(
    request: HttpRequest,
    action: str,
    row: Any,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.record(
        actor=str(request.user),
        action=action,
        user_id=_person(row),
        target=f"{_kind(row)} {row.pk}",
        before=before,
        after=after,
    )


def _kind(row: Model) -> str:
    return str(row._meta.model_name)


def _person(row: Any) -> int | None:
    """Whom a row belongs to, where it belongs to somebody."""
    if isinstance(row, User):
        return row.pk
    found = getattr(row, "user_id", None) or getattr(row, "owner_id", None)
    return found if isinstance(found, int) else None


def _shown(form: Any, name: str, value: Any) -> Any:
    """A value as the log may hold it: no secret, and no long text that somebody wrote."""
    if _SECRET.search(name):
        return "(not shown)"
    if isinstance(form.fields[name].widget, forms.Textarea):
        return f"({len(str(value or ''))} characters)"
    return _plain(value)


def _plain(value: Any) -> Any:
    """A value as JSON."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Model):
        return value.pk if isinstance(value.pk, int) else str(value.pk)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list | tuple | set | QuerySet):
        return sorted((_plain(one) for one in value), key=str)[:_VALUE_CHARS_MOST]
    return str(value)[:_VALUE_CHARS_MOST]
