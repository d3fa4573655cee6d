"""Models that ask for a plan: who may use which."""

from collections.abc import Iterable

from billing.models import Plan
from billing.plans import rank_of
from core.errors import Forbidden
from llm.registry import ModelSpec


def may_use(user_id: int, spec: ModelSpec) -> bool:
    """Whether this person's plan is enough for a model. Asks only where it wants one."""
    return spec.min_plan_rank == 0 or rank_of(user_id) >= spec.min_plan_rank


def usable(user_id: int, specs: Iterable[ModelSpec]) -> list[ModelSpec]:
    """Those of these models that this person's plan is enough for. One statement at most."""
    found = list(specs)
    if not any(spec.min_plan_rank for spec in found):
        return found
    rank = rank_of(user_id)
    return [spec for spec in found if spec.min_plan_rank <= rank]


def plans_for(specs: Iterable[ModelSpec]) -> dict[str, str]:
    """The name of the lowest plan that is enough for each model, by slug; "" if there is none."""
    enough = Plan.objects.filter(enabled=True).order_by("rank", "slug").values_list("rank", "name")
    ladder = list(enough)
    return {
        spec.slug: next((name for rank, name in ladder if rank >= spec.min_plan_rank), "")
        for spec in specs
    }


def plan_for(spec: ModelSpec) -> str:
    """The same of one model."""
    return plans_for([spec])[spec.slug]


def refusal(spec: ModelSpec) -> Forbidden:
    """What to tell a person whose plan is not enough."""
    plan = plan_for(spec)
    wants = f"the plan {plan} or a higher one" if plan else "a plan that is not on offer"
    return Forbidden(f"{spec.slug} needs {wants}.", code="plan_required", param="model")


def check(user_id: int, spec: ModelSpec) -> None:
    """Raise Forbidden, naming the plan, unless this person may use the model."""
    if not may_use(user_id, spec):
        raise refusal(spec)
