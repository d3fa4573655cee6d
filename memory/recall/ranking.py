"""One score out of many: z-scores of what can be compared, and small round bonuses.

The weights are round numbers chosen for what they mean; docs/recall.md says what each is worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from memory.recall import analysis
from memory.recall.dates import Named, fit
from memory.recall.matching import Matches, Row, View
from memory.recall.question import Question
from memory.recall.store import ASSISTANT, USER
from memory.recall.words import tokens

# What is z-scored counts this much where turns are short, and this much where they are long: up to
# a short paragraph a turn says one thing and needs its neighbours, from a page on it says many.
WEIGHTS: Final = {
    "own": (0.25, 0.0),
    "window": (1.0, 0.25),
    "covered": (0.25, 0.25),
    "near": (0.25, 0.25),
    "session": (0.5, 0.25),
    "whole": (0.0, 1.5),
    "meaning": (1.0, 1.0),
}
# A deviation counts as at least this share of the mean.
STEADY: Final = 0.5

SHORT_TURNS: Final = 300
LONG_TURNS: Final = 1_000

SPEAKER: Final = 1.5
ROLE: Final = 1.5
DATE: Final = 2.0
FOLLOWS: Final = 1.0
ANSWERS: Final = 2.0
WANTED: Final = 1.5
ASKS: Final = -1.0
ONLY_ASKS: Final = -1.0
DENSE: Final = 1.5
# A piece with this many terms says as much as any.
DENSE_TERMS: Final = 12


@dataclass(frozen=True, slots=True)
class Ranked:
    """Scores of all pieces of a view, what they are the sum of, and which may be shown at all."""

    scores: Row
    parts: dict[str, Row]
    touched: NDArray[np.bool_]


def rank(view: View, question: Question, meaning: Row | None) -> Ranked:
    """Score each piece of a view, which has at least one turn."""
    matches = Matches(view, question.concepts)
    turn_of = matches.piece_turn
    told = {
        "own": matches.own(),
        "window": matches.window(),
        "covered": matches.covered(),
        "near": matches.near_covered()[turn_of],
        "session": matches.session(),
        "whole": matches.whole()[turn_of],
    }
    touched = (told["window"] > 0) | (told["near"] > 0)
    long = longness(view)
    scored = {name: weighed(name, long, row, touched) for name, row in told.items()}
    if meaning is not None:
        # Of its own measure: vectors must not change what a word is worth.
        scored["meaning"] = weighed("meaning", long, meaning, ~np.isnan(meaning))
        touched |= meaning > 0
    scored["follows"], scored["answers"] = (row[turn_of] for row in following(view, matches))
    scored |= priors(view, question, matches)
    if question.dates:
        touched |= scored["date"] > 0
    total = sum(scored.values(), np.zeros(view.pieces, np.float32))
    # Rounded, so that equal pieces are equal wherever in a vector they were added up.
    return Ranked(np.round(total.astype(np.float64), 4), scored, touched)


def longness(view: View) -> float:
    """0 where turns are a few lines, 1 where they are pages, by their mean length."""
    usual = float(view.store.chars.upto(view.turns).mean())
    return min(1.0, max(0.0, (usual - SHORT_TURNS) / (LONG_TURNS - SHORT_TURNS)))


def weighed(name: str, long: float, row: Row, among: NDArray[np.bool_]) -> Row:
    """A part of the score, by its weight for turns of this length."""
    in_short, in_long = WEIGHTS[name]
    return (in_short + long * (in_long - in_short)) * standardised(row, among)


def standardised(row: Row, among: NDArray[np.bool_]) -> Row:
    """How many standard deviations each lies above the mean of those `among` it is measured.

    Where all match about equally well, their small differences are kept small. A NaN, where
    nothing is known, is neither above nor below.
    """
    if not among.any():
        return np.zeros_like(row)
    of = row[among]
    mean = float(of.mean())
    found: Row = np.nan_to_num((row - mean) / max(float(of.std()), STEADY * abs(mean), 1e-6))
    return found


def priors(view: View, question: Question, matches: Matches) -> dict[str, Row]:
    """Bonuses that do not look at the question's words: who, when, and what an answer is like."""
    marks = view.store.marks.upto(view.pieces)
    found = {
        "speaker": spoken_by(view, question)[matches.piece_turn],
        "asks": (1 - longness(view)) * asking(marks),
        "dense": DENSE * np.minimum(1.0, matches.terms / DENSE_TERMS),
    }
    if question.dates:
        found["date"] = DATE * dated(view, question.dates)[matches.piece_turn]
    if question.wanted:
        found["wanted"] = WANTED * ((marks & question.wanted) > 0).astype(np.float32)
    return found


def asking(marks: NDArray[np.int32]) -> Row:
    """Against pieces that ask; more against those that do little else."""
    asks, only = (marks & analysis.ASKS) > 0, (marks & analysis.ONLY_ASKS) > 0
    return (ASKS * asks + ONLY_ASKS * only).astype(np.float32)


def spoken_by(view: View, question: Question) -> Row:
    """For the turns of the speakers that the question names; of its asker, if it names none."""
    speakers = view.store.speaker.upto(view.turns)
    if question.people:
        named = [
            number
            for name, number in view.speakers().items()
            if not question.people.isdisjoint(tokens(name))
        ]
        return np.where(np.isin(speakers, named), SPEAKER, 0.0)
    role = view.store.role.upto(view.turns)
    if question.is_about_reply:
        return np.where(role == ASSISTANT, ROLE, 0.0)
    if question.is_first_person:
        return np.where(role == USER, ROLE, 0.0)
    return np.zeros(view.turns, np.float32)


def dated(view: View, wanted: Sequence[Named]) -> Row:
    """How well the time of each turn fits the best of the dates."""
    times = view.store.time.upto(view.turns)
    moments, where = np.unique(times, return_inverse=True)
    fits = [max(fit(date, float(moment)) for date in wanted) for moment in moments]
    return np.array(fits, np.float32)[where]


def following(view: View, matches: Matches) -> tuple[Row, Row]:
    """How well the turn before, by somebody else, covers the question; and asks what it asks."""
    store = view.store
    marks = store.marks.upto(view.pieces)
    last = np.append(matches.firsts[1:], view.pieces) - 1
    asks = (marks[last] & analysis.ASKS) > 0
    speaker, block = store.speaker.upto(view.turns), store.block.upto(view.turns)
    replies = (speaker[1:] != speaker[:-1]) & (block[1:] == block[:-1])
    covered = np.append(np.float32(0), matches.turn_covered[:-1] * replies).astype(np.float32)
    return FOLLOWS * covered, ANSWERS * covered * np.append(False, asks[:-1])
