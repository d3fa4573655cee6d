"""Pages of the desk. The site lets in operators only; each page asks for its own permission."""

from datetime import date
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import User
from billing import spend as spending
from billing.limits.standing import pressure
from llm import switches as kill_switches
from web.desk import reading


class SpanForm(forms.Form):
    """Which days. Empty, or wrong, is what is shown usually."""

    since = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def value(self, name: str) -> date | None:
        return self.cleaned_data.get(name) if self.is_valid() else None


def _page(
    request: HttpRequest, site: AdminSite, name: str, title: str, **context: Any
) -> HttpResponse:
    common = {**site.each_context(request), "title": title, "here": request.get_full_path()}
    return TemplateResponse(request, f"admin/desk/{name}.html", {**common, **context})


def _needs(request: HttpRequest, *permissions: str) -> User:
    viewer: Any = request.user
    if not viewer.has_perms(permissions):
        raise PermissionDenied
    return viewer  # type: ignore[no-any-return]  # the site lets nobody else in


@require_safe
def people(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Find somebody. The only one found is shown at once."""
    _needs(request, "accounts.view_user")
    text = request.GET.get("q", "")[:254]
    found = reading.find_people(text)
    if len(found) == 1:
        return redirect("admin:desk_person", found[0].pk)
    return _page(request, site, "people", "People", found=found, q=text, most=reading.PEOPLE_MOST)


@require_safe
def person(request: HttpRequest, site: AdminSite, pk: int) -> HttpResponse:
    viewer = _needs(request, "accounts.view_user")
    user = User.objects.filter(pk=pk).first()
    if user is None:
        raise Http404
    return _page(request, site, "person", user.handle, person=reading.person(viewer, user))


@require_safe
def spend(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Who and what credits went to, day by day."""
    _needs(request, "billing.view_usage")
    form = SpanForm(request.GET)
    span = spending.span_of(timezone.now(), since=form.value("since"), until=form.value("until"))
    return _page(
        request,
        site,
        "spend",
        "Spend",
        form=SpanForm(initial={"since": span.since, "until": span.until}),
        spend=spending.spend(span),
        days_most=spending.DAYS_MOST,
    )


@require_safe
def free(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """How hard the free models are used right now, and what that leaves to each person."""
    _needs(request, "billing.view_usage")
    replies = spending.free_replies(timezone.now())
    return _page(request, site, "free", "Free models", replies=replies, pressure=pressure())


@require_safe
def switches(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Every provider and model, and the switch of each."""
    viewer = _needs(request, "llm.view_provider", "llm.view_model")
    return _page(
        request,
        site,
        "switches",
        "Switches",
        off=kill_switches.list_switched_off(),
        switches=reading.list_switches(),
        may_provider=viewer.has_perm("llm.change_provider"),
        may_model=viewer.has_perm("llm.change_model"),
    )
