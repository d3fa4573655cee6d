"""Inclusion groups: of the entries that share a group, one speaks. Pure."""

from collections.abc import Callable, Iterable

from lore.books import Item

Drop = Callable[[Item, str], None]
"""Called with an entry that loses and the rule by which it does."""


def settle(
    candidates: list[Item],
    active: Iterable[Item],
    *,
    is_sticky: Callable[[Item], bool],
    score: Callable[[Item], int],
    use_scoring: bool,
    draw: Callable[[str], float],
    drop: Drop,
) -> list[Item]:
    """The candidates that remain, in their order.

    A sticky member wins; else, with scoring, those with fewer matched keys leave; a group that
    already has an active member takes no other; else the prioritised member with the highest
    order wins; else a draw by weight. `draw` gives a number in [0, 1) for a group's name.
    """
    groups = _by_name(candidates)
    if not groups:
        return candidates
    lost: set[Item] = set()

    def lose(items: Iterable[Item], rule: str) -> None:
        for item in items:
            if item not in lost:
                lost.add(item)
                drop(item, rule)

    taken = {name for item in active for name in item.groups}
    settled = _settle_sticky(groups, is_sticky, lose)
    _settle_scores(groups, settled, score, use_scoring, lose)
    for name, members in groups.items():
        if name in settled:
            continue
        if name in taken:
            lose(members, "group_taken")
        elif len(members) > 1:
            winner = _prioritised(members) or _drawn(members, draw(name))
            lose((item for item in members if item is not winner), "group_lost")
    return [item for item in candidates if item not in lost]


def _by_name(candidates: list[Item]) -> dict[str, list[Item]]:
    groups: dict[str, list[Item]] = {}
    for item in candidates:
        for name in item.groups:
            groups.setdefault(name, []).append(item)
    return groups


def _settle_sticky(
    groups: dict[str, list[Item]],
    is_sticky: Callable[[Item], bool],
    lose: Callable[[Iterable[Item], str], None],
) -> set[str]:
    """Groups in which a sticky member keeps its place."""
    settled: set[str] = set()
    for name, members in groups.items():
        if any(map(is_sticky, members)):
            lose((item for item in members if not is_sticky(item)), "group_sticky")
            settled.add(name)
    return settled


def _settle_scores(
    groups: dict[str, list[Item]],
    settled: set[str],
    score: Callable[[Item], int],
    use_scoring: bool,
    lose: Callable[[Iterable[Item], str], None],
) -> None:
    scores: dict[Item, int] = {}
    for name, members in groups.items():
        scored = {item: _is_scored(item, use_scoring) for item in members}
        if name in settled or not any(scored.values()):
            continue
        for item in members:
            if item not in scores:
                scores[item] = score(item)
        best = max(scores[item] for item in members)
        worse = {item: None for item in members if scored[item] and scores[item] < best}
        lose(worse, "group_score")
        groups[name] = [item for item in members if item not in worse]


def _is_scored(item: Item, use_scoring: bool) -> bool:
    own = item.entry.use_group_scoring
    return use_scoring if own is None else own


def _prioritised(members: list[Item]) -> Item | None:
    prioritised = [item for item in members if item.entry.group_override]
    return max(prioritised, key=lambda item: item.entry.order, default=None)


def _drawn(members: list[Item], chance: float) -> Item:
    weights = [max(0, item.entry.group_weight) for item in members]
    left = chance * sum(weights)
    for item, weight in zip(members, weights, strict=True):
        left -= weight
        if left < 0:
            return item
    return members[-1]
