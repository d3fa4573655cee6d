"""What the pages of the desk show. Each part is there for whom Django's permissions let see it.

Never what was said: of chats only that a turn ran, how it ended and what it cost.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from accounts.keys import looks_like_key
from accounts.models import ApiKey, AuditEntry, User
from billing import plans, queries
from billing import spend as spending
from billing.limits.standing import Standing, standing
from billing.models import Account, Hold, Plan
from chats.models import Turn
from core.ids import first_uid
from jobs.queries import queue
from llm import switches
from llm.models import Model, Provider
from llm.switches import SwitchedOff
from web.templatetags.reverie_web import credits_of

PEOPLE_MOST: Final = 50
_ROWS: Final = 20
_KEYS_MOST: Final = 50
_PREFIX_CHARS: Final = 9
_MODELS_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Sign:
    """Something on the start page that may need somebody: how many, and where they are listed."""

    name: str
    count: int | str
    url: str
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """The start page."""

    off: list[SwitchedOff]
    signs: list[Sign]


def desk(user: Any) -> Desk:
    """What needs attention, of what this operator may see. At most ten queries."""
    off = switches.list_switched_off() if _may_switch(user) else []
    signs: list[Sign] = []
    if user.has_perm("chats.view_turn"):
        signs += _turns()
    if user.has_perm("jobs.view_job"):
        signs += _jobs()
    if user.has_perm("accounts.view_user"):
        signs += _people()
    if user.has_perm("billing.view_usage"):
        signs += _spent()
    return Desk(off, signs)


def _may_switch(user: Any) -> bool:
    return bool(user.has_perm("llm.view_provider") and user.has_perm("llm.view_model"))


def _turns() -> list[Sign]:
    listed = reverse("admin:chats_turn_changelist")
    since = first_uid(timezone.now() - timedelta(hours=1))
    running = Turn.objects.filter(state=Turn.State.RUNNING).count()
    failed = Turn.objects.filter(uid__gte=since).exclude(error_code="").count()
    return [
        Sign("Replies running now", running, f"{listed}?state__exact=running"),
        Sign("Replies failed this hour", failed, f"{listed}?error_code__gt=", bool(failed)),
    ]


def _jobs() -> list[Sign]:
    listed = reverse("admin:jobs_job_changelist")
    found = queue()
    return [
        Sign("Jobs due", found.due, f"{listed}?state__exact=queued", found.is_late),
        Sign(
            "Jobs failed today", found.failed, f"{listed}?state__exact=failed", bool(found.failed)
        ),
    ]


def _people() -> list[Sign]:
    listed = reverse("admin:accounts_user_changelist")
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    found = User.objects.aggregate(
        new=Count("pk", filter=Q(created_at__gte=midnight)),
        suspended=Count("pk", filter=Q(is_active=False)),
    )
    return [
        Sign("Signed up today", found["new"], listed),
        Sign("Suspended", found["suspended"], f"{listed}?is_active__exact=0"),
    ]


def _spent() -> list[Sign]:
    now = timezone.now()
    today = spending.spent_micro(spending.span_of(now, since=now.date()))
    free = spending.free_replies(now)
    return [
        Sign("Credits spent today", credits_of(today), reverse("admin:desk_spend")),
        Sign("Free replies this hour", free.hour, reverse("admin:desk_free")),
    ]


def find_people(text: str) -> list[User]:
    """People by handle, e-mail address or the beginning of one of their keys."""
    text = text.strip()
    if looks_like_key(text):
        text = text[:_PREFIX_CHARS]
    if not text:
        return []
    by_key = ApiKey.objects.filter(prefix__startswith=text).values("user_id")
    named = Q(handle__icontains=text) | Q(email__icontains=text) | Q(display_name__icontains=text)
    people = User.objects.filter(named | Q(pk__in=by_key) if len(text) > 1 else named)
    return list(people.order_by("handle")[:PEOPLE_MOST])


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person on one screen. What this operator may not see is None."""

    user: User
    account: Account | None = None
    plan: Plan | None = None
    limits: Standing | None = None
    holds: list[Hold] | None = None
    keys: list[ApiKey] | None = None
    turns: list[Turn] | None = None
    notes: list[AuditEntry] | None = None
    may: dict[str, bool] = field(default_factory=dict)


def person(viewer: User, user: User) -> Person:
    account = _account(viewer, user)
    return Person(
        user=user,
        account=account,
        plan=plans.plan_of(account) if account else None,
        limits=standing(user) if account else None,
        holds=_some(viewer, "billing.view_hold", queries.open_holds(user.pk)),
        keys=_some(viewer, "accounts.view_apikey", user.api_keys.all(), most=_KEYS_MOST),
        turns=_some(viewer, "chats.view_turn", turns_of(user)),
        notes=_some(viewer, "accounts.view_auditentry", user.audit_entries.all()),
        may={
            "suspend": viewer.has_perm("accounts.suspend_user")
            and viewer.pk != user.pk
            and (viewer.is_superuser or not user.is_staff),
            "suspend_keys": viewer.has_perm("accounts.suspend_apikey"),
            "give": viewer.is_superuser and account is not None,
        },
    )


def _account(viewer: User, user: User) -> Account | None:
    if not viewer.has_perm("billing.view_account"):
        return None
    return Account.objects.select_related("plan").filter(user=user).first()


def turns_of(user: User) -> QuerySet[Turn]:
    """The newest turns of a person, without a word of them."""
    columns = (
        "surface", "kind", "state", "model", "prompt_tokens", "completion_tokens", "amount_micro",
        "error_code", "created_at",
    )  # fmt: skip
    return Turn.objects.filter(chat__user=user).only(*columns).order_by("-uid")


def _some(viewer: User, permission: str, rows: QuerySet[Any], most: int = _ROWS) -> Any:
    return list(rows[:most]) if viewer.has_perm(permission) else None


@dataclass(frozen=True, slots=True)
class Switch:
    """A provider with its models, and how many stored replies each of those writes right now."""

    provider: Provider
    models: list[tuple[Model, int]]

    @property
    def running(self) -> int:
        return sum(count for _, count in self.models)


def list_switches() -> list[Switch]:
    """Every provider with its models. Three queries."""
    writing = Turn.objects.filter(state=Turn.State.RUNNING).order_by().values("model")
    counts = {row["model"]: row["count"] for row in writing.annotate(count=Count("pk"))}
    models: dict[int, list[tuple[Model, int]]] = {}
    for model in Model.objects.order_by("slug")[:_MODELS_MOST]:
        models.setdefault(model.provider_id, []).append((model, counts.get(model.slug, 0)))
    return [Switch(row, models.get(row.pk, [])) for row in Provider.objects.order_by("slug")]
