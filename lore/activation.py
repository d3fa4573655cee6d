"""Which entries of the bound lorebooks a moment calls up, and why, or why not. Pure.

The rules are those of SillyTavern's world info, which people's books are written for, with the
decorators of card version 3. Where its code and its documentation disagree, the code is
followed; its faults are not (docs/lore.md lists every difference). Same books, settings, scene
and state: same result.
"""

import hashlib
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final

import msgspec

from lore import groups
from lore.books import Bound, Item, each_once, ranking
from lore.outcome import Activation, Verdict
from lore.patterns import Clock
from lore.scene import Scene, Settings
from lore.sight import WORK_MOST, Sight, Where
from lore.slots import Placed, Slots, arrange
from lore.timed import State, Timed
from lore.values import Logic

Count = Callable[[str], int]
_FOR_NOW: Final = {"delay_until_recursion", "exclude_recursion"}


def activate(
    bound: list[Bound],
    settings: Settings,
    scene: Scene,
    state: State,
    *,
    count: Count,
    clock: Clock | None = None,
    explain: bool = False,
) -> Activation:
    """Scan. `count` gives the tokens of a text. With `explain`, every entry gets a verdict."""
    bound = each_once(bound)
    sight = Sight(bound, settings, scene, clock=clock or Clock())
    if not (explain or sight.candidates or scene.forced or state):
        return _nothing(bound)
    scan = _Scan(bound, settings, scene, state, count, sight)
    scan.run()
    return scan.outcome(explain=explain)


def _nothing(bound: list[Bound]) -> Activation:
    """The outcome where no entry is worth a look and nothing lasts from before."""
    return Activation(
        activated=(),
        slots=Slots(),
        verdicts=(),
        state=State(),
        tokens=0,
        is_over_budget=False,
        slow_keys=_left_out(bound),
        disabled_prompts=frozenset(),
    )


def _left_out(bound: list[Bound]) -> dict[str, str]:
    keys = (key for binding in bound for key in binding.book.left_out)
    return dict.fromkeys(keys, "its book holds more patterns than can be made ready")


class _Pass(Enum):
    FIRST = "first"
    RECURSION = "recursion"
    MIN_ACTIVATIONS = "min activations"


class _Scan:
    def __init__(
        self,
        bound: list[Bound],
        settings: Settings,
        scene: Scene,
        state: State,
        count: Count,
        sight: Sight,
    ) -> None:
        self._bound = bound
        self._settings = settings
        self._scene = scene
        self._count = count
        self._sight = sight
        self._timed = Timed(state, self._by_key, length=scene.length)
        self._rank = ranking(bound, settings.insertion_strategy)
        self._pass = _Pass.FIRST
        self._number = 0
        self._levels = sorted({level for b in bound for level in b.book.delay_levels})
        self._level = self._levels.pop(0) if self._levels else 0
        self._active: dict[Item, str] = {}
        self._texts: dict[Item, str] = {}
        self._hidden: dict[Item, list[str]] = {}
        self._settled: set[Item] = set()
        self._cleared: set[Item] = set()
        self._verdicts: dict[Item, Verdict] = {}
        self._spent_tokens = 0
        self._book_budgets = {b.book.uid: b.book.book.token_budget for b in bound}
        self._book_tokens: dict[str, int] = {}
        self._is_over_budget = False
        self._add_forced()

    def _by_key(self, key: str) -> Item | None:
        return next((i for b in self._bound if (i := b.book.by_key.get(key))), None)

    def _add_forced(self) -> None:
        """Entries that are looked at although no key of theirs may occur."""
        timed = self._timed
        for key in (*timed.sticky, *timed.kept, *self._scene.forced):
            item = self._by_key(key)
            if item is not None:
                self._sight.candidates[item] = None

    # The passes

    def run(self) -> None:
        following: _Pass | None = _Pass.FIRST
        most = self._settings.max_recursion_steps
        while following is not None and self._may_go_on(most):
            self._pass = following
            self._number += 1
            self._sight.sees_recursion = following is not _Pass.MIN_ACTIVATIONS
            added = self._one_pass()
            telling = [item for item in added if not self._prevents_recursion(item)]
            following = self._next(bool(telling))
            if following is not None and telling:
                self._sight.add("\n".join(map(self._heard, telling)))
                self._spent_tokens += sum(self._count(self._text(item)) for item in telling)

    def _may_go_on(self, most: int) -> bool:
        return not (most and self._number >= most) and self._sight.work <= WORK_MOST

    def _one_pass(self) -> list[Item]:
        """One look at everything. Returns the new entries that passed their roll."""
        candidates = self._sight.candidates
        found = [item for item in candidates if self._is_called(item)]
        timed = self._timed
        found.sort(key=lambda item: (item.key not in timed.sticky, self._rank(item)))
        remaining = groups.settle(
            found,
            self._active,
            is_sticky=lambda item: item.key in timed.sticky,
            score=self._score,
            use_scoring=self._settings.use_group_scoring,
            draw=lambda name: self._chance("group", name),
            drop=self._refuse,
        )
        passed = self._spend(remaining)
        for item in [item for item in candidates if item in self._settled]:
            del candidates[item]
        return passed

    def _next(self, is_telling: bool) -> _Pass | None:
        """Which pass follows, if any: recursion, a wider look, or the next delayed level."""
        settings = self._settings
        following: _Pass | None = None
        if not self._is_over_budget:
            was_wider = self._pass is _Pass.MIN_ACTIVATIONS
            if settings.recursive and (is_telling or was_wider):
                following = _Pass.RECURSION
            elif self._wants_more():
                self._sight.widen()
                following = _Pass.MIN_ACTIVATIONS
        if following is None and self._levels and settings.recursive:
            self._level = self._levels.pop(0)
            following = _Pass.RECURSION
        return following

    def _wants_more(self) -> bool:
        settings, depth = self._settings, self._sight.depth
        if len(self._active) >= settings.min_activations:
            return False
        most = settings.min_activations_depth_max
        return not (most and depth > most) and depth <= len(self._scene.messages)

    # One entry

    def _is_called(self, item: Item) -> bool:
        self._sight.work += 1
        if item in self._settled:
            return False
        rule = self._barred(item)
        if rule is not None:
            if rule in _FOR_NOW:
                self._refuse_for_now(item, rule)
            else:
                self._settled.add(item)
                self._refuse(item, rule)
            return False
        return self._forced(item) or self._matches(item)

    def _barred(self, item: Item) -> str | None:
        """The rule that keeps this entry out whatever its keys say, or None."""
        is_cleared = item in self._cleared
        rule = None if is_cleared else self._barred_by_scene(item)
        rule = rule or self._barred_by_pass(item)
        if rule is not None or is_cleared:
            return rule
        if item.decorators.dont_activate and not item.decorators.activate:
            return "dont_activate"
        if not self._conditions_hold(item):
            return "condition"
        self._cleared.add(item)
        return None

    def _barred_by_scene(self, item: Item) -> str | None:
        entry, scene, timed = item.entry, self._scene, self._timed
        if not entry.enabled:
            return "disabled"
        if entry.triggers and scene.triggers.isdisjoint(entry.triggers):
            return "trigger"
        if not self._is_in_play(item):
            return "character_filter"
        if entry.delay and scene.length < entry.delay:
            return "delay"
        if item.key in timed.cooldown and item.key not in timed.sticky:
            return "cooldown"
        return "dont_activate_after_match" if item.key in timed.spent else None

    def _barred_by_pass(self, item: Item) -> str | None:
        """The rules about recursion, which may say otherwise in the next pass."""
        is_recursion = self._pass is _Pass.RECURSION
        level = item.entry.delay_until_recursion
        rule = None
        if level and not (is_recursion and level <= self._level):
            rule = "delay_until_recursion"
        elif is_recursion and self._excludes_recursion(item):
            rule = "exclude_recursion"
        return None if item.key in self._timed.sticky else rule

    def _is_in_play(self, item: Item) -> bool:
        """Whether the character passes the filter: both of its lists, if both say something."""
        only, scene = item.entry.character_filter, self._scene
        if only.names and scene.char_names.isdisjoint(only.names) is not only.is_exclude:
            return False
        return not only.tags or scene.char_tags.isdisjoint(only.tags) is only.is_exclude

    def _conditions_hold(self, item: Item) -> bool:
        """The conditions of decorators, except those about keys."""
        said, scene = item.decorators, self._scene
        return (
            (said.activate_only_after is None or scene.replies >= said.activate_only_after)
            and (not said.activate_only_every or scene.replies % said.activate_only_every == 0)
            and (said.is_greeting is None or scene.greeting == said.is_greeting)
            and (said.is_user_icon is None or scene.user_icon == said.is_user_icon)
        )

    def _excludes_recursion(self, item: Item) -> bool:
        return (item.entry.exclude_recursion and self._settings.recursive) or item.forbids_recursion

    def _prevents_recursion(self, item: Item) -> bool:
        return item.entry.prevent_recursion or item.forbids_recursion

    def _forced(self, item: Item) -> bool:
        """Whether something other than a key activates it."""
        entry = item.entry
        ways = (
            (item.decorators.activate, "activate"),
            (item.key in self._timed.kept, "keep_activate_after_match"),
            (item.key in self._scene.forced, "vectorized"),
            (entry.constant and not entry.use_regex, "constant"),
            (item.key in self._timed.sticky, "sticky"),
        )
        rule = next((rule for is_so, rule in ways if is_so), None)
        if rule is None:
            return False
        self._accept(item, rule)
        return True

    def _matches(self, item: Item) -> bool:
        see = self._sight.find
        key, where = None, None
        for key in item.primary:
            where = see(item, key)
            if where is not None:
                break
        if key is None or where is None:
            self._refuse(item, "no_key" if item.primary else "keyless")
            return False
        if any(see(item, excluded) for excluded in item.exclude):
            self._refuse(item, "exclude_keys", key.text, where)
            return False
        if not all(any(see(item, one) for one in keys) for keys in item.additional):
            self._refuse(item, "additional_keys", key.text, where)
            return False
        if not self._secondary_allows(item):
            self._refuse(item, "secondary_keys", key.text, where)
            return False
        self._accept(item, "key", key.text, where)
        return True

    def _secondary_allows(self, item: Item) -> bool:
        if not item.secondary:
            return True
        found = (self._sight.find(item, key) is not None for key in item.secondary)
        match item.entry.selective_logic:
            case Logic.AND_ANY:
                return any(found)
            case Logic.NOT_ALL:
                return not all(found)
            case Logic.NOT_ANY:
                return not any(found)
            case Logic.AND_ALL:
                return all(found)

    def _score(self, item: Item) -> int:
        """How many keys match: what counts in a group that is decided by scoring."""
        see = self._sight.find
        primary = sum(see(item, key) is not None for key in item.primary)
        if not item.primary or not item.secondary:
            return primary
        secondary = sum(see(item, key) is not None for key in item.secondary)
        logic = item.entry.selective_logic
        if logic is Logic.AND_ANY:
            return primary + secondary
        is_complete = logic is Logic.AND_ALL and secondary == len(item.secondary)
        return primary + secondary if is_complete else primary

    # What the found ones cost

    def _spend(self, found: list[Item]) -> list[Item]:
        """Roll for each, then take them in turn until the budget is reached.

        Returns those whose text recursion sees: all that neither failed their roll nor were
        more than their own book allows.
        """
        passed: list[Item] = []
        used = self._spent_tokens
        for item in self._by_worth(found):
            may_overflow = item.entry.ignore_budget
            if self._is_over_budget and not may_overflow:
                passed.append(item)
                self._refuse(item, "budget")
                continue
            if not self._rolls(item):
                continue
            tokens = self._count(self._text(item))
            if self._exceeds_book(item, tokens):
                self._refuse(item, "book_budget")
                continue
            passed.append(item)
            used += tokens
            if used >= self._settings.budget_tokens and not may_overflow:
                self._is_over_budget = True
                self._refuse(item, "budget")
            else:
                self._activate(item, tokens)
        return passed

    def _by_worth(self, found: list[Item]) -> list[Item]:
        """The same, in which the entries of a book that says so take their turns by priority."""
        found = [*found]
        sticky = self._timed.sticky
        for book in (bound.book for bound in self._bound if bound.book.goes_by_priority):
            places = [n for n, item in enumerate(found) if item.book_uid == book.uid]
            own = sorted((found[n] for n in places), key=lambda i: (i.key not in sticky, -i.worth))
            for place, item in zip(places, own, strict=True):
                found[place] = item
        return found

    def _rolls(self, item: Item) -> bool:
        entry = item.entry
        is_certain = not entry.use_probability or entry.probability >= 100  # noqa: PLR2004
        if is_certain or item.key in self._timed.sticky:
            return True
        if self._chance("entry", item.key) * 100 < entry.probability:
            return True
        self._settled.add(item)
        self._refuse(item, "probability")
        return False

    def _chance(self, kind: str, name: str) -> float:
        """A number in [0, 1) that depends on the scene's seed alone."""
        text = f"{self._scene.seed}\n{kind}\n{name}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest()) / 2**56

    def _exceeds_book(self, item: Item, tokens: int) -> bool:
        """Whether the book's own budget, if it has one, has no room for this entry."""
        most = self._book_budgets.get(item.book_uid)
        used = self._book_tokens.get(item.book_uid, 0) + tokens
        return bool(most) and used > (most or 0) and not item.entry.ignore_budget

    def _activate(self, item: Item, tokens: int) -> None:
        said = item.decorators
        self._settled.add(item)
        self._active[item] = self._text(item)
        self._book_tokens[item.book_uid] = self._book_tokens.get(item.book_uid, 0) + tokens
        self._verdicts[item] = msgspec.structs.replace(
            self._verdicts[item], activated=True, tokens=tokens
        )
        self._timed.note(
            item,
            keeps=said.keep_activate_after_match,
            spends=said.dont_activate_after_match,
        )

    def _text(self, item: Item) -> str:
        """The entry's text, its macros carried out once: they may count."""
        found = self._texts.get(item)
        if found is None:
            known = len(self._scene.hidden)
            found = self._texts[item] = self._scene.expand(item.content)
            self._hidden[item] = [*self._scene.hidden[known:]]
        return found

    def _heard(self, item: Item) -> str:
        """What recursion sees of an entry: its text, and what its macros say to recursion alone."""
        text = self._text(item)
        return "\n".join([text, *self._hidden[item]])

    # What is told

    def _accept(self, item: Item, rule: str, key: str = "", where: Where | None = None) -> None:
        score = self._scene.forced.get(item.key) if rule == "vectorized" else None
        self._verdicts[item] = Verdict(
            item.key, False, rule, key, where, self._number, title=item.title, score=score
        )

    def _refuse(self, item: Item, rule: str, key: str = "", where: Where | None = None) -> None:
        """Note why not. What had called it up before is kept beside the rule."""
        before = self._verdicts.get(item)
        if before is not None and not key:
            key, where = before.key, before.where
        self._verdicts[item] = Verdict(
            item.key, False, rule, key, where, self._number, title=item.title
        )

    def _refuse_for_now(self, item: Item, rule: str) -> None:
        """Note what keeps it out of this pass, unless an earlier pass looked for its keys."""
        before = self._verdicts.get(item)
        if before is None or before.rule in _FOR_NOW:
            self._refuse(item, rule)

    def outcome(self, *, explain: bool) -> Activation:
        placed = [
            Placed(
                entry=item.key,
                text=text,
                tokens=self._verdicts[item].tokens,
                order=item.entry.order,
                is_first_cut=item.decorators.ignore_on_max_context,
            )
            for item, text in self._active.items()
        ]
        verdicts = [self._verdicts[item] for item in self._active]
        refused = [item for item in self._verdicts if item not in self._active]
        verdicts += [self._verdicts[item] for item in sorted(refused, key=self._rank)]
        if explain:
            verdicts += self._unseen()
        return Activation(
            activated=tuple(item.key for item in self._active),
            slots=arrange(list(zip(self._active, placed, strict=True))),
            verdicts=tuple(verdicts),
            state=self._timed.state(),
            tokens=sum(piece.tokens for piece in placed),
            is_over_budget=self._is_over_budget,
            slow_keys={**_left_out(self._bound), **self._sight.clock.slow},
            disabled_prompts=frozenset(
                name for item in self._active for name in item.decorators.disable_ui_prompt
            ),
            is_cut_short=self._sight.work > WORK_MOST,
        )

    def _unseen(self) -> Iterable[Verdict]:
        """The entries that nothing called for, by the rule that would have barred them."""
        for binding in self._bound:
            for item in binding.book.items:
                if item not in self._verdicts:
                    rule = self._barred(item)
                    if rule is None or rule == "exclude_recursion":  # its keys are nowhere
                        rule = "no_key" if item.primary else "keyless"
                    yield Verdict(item.key, False, rule, title=item.title)
