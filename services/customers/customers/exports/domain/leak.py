"""Whose copy is this? The spellings of a found file are held against the key of every export.

For an export that has nothing to do with the file, each choice of its key is a throw of dice that the
file cannot have known. How much likelier the file is if it came from the export than if it did not is
then an *e-value*: its mean over all keys is one, so by Markov's inequality it exceeds E with a
probability of at most 1/E, whatever the file holds and whoever wrote it. With N exports an innocent one
is named with at most N/E. Nothing is assumed about the file, only that the keys are secret. (The idea
of bounding the error for the copy in hand is that of Furon and Desoubeaux, "Tardos codes for real",
2014.)

How many marks survived is not known, so the likelihood is a mean over several shares; each channel has
its own, for an attacker who reformats telephone numbers leaves names alone.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from customers.exports.domain.watermark import Mark, chosen, read

FALSE_ALARM = 1e-6
"""An innocent export is named at most this often, over all exports together."""

_SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95)
_FIRST_LOOK = 60
_CLOSER_LOOK = 20
_MOST_MARKS = 20_000


@dataclass(frozen=True, slots=True)
class Suspect:
    """An export held against a file: how many of the marks agree, and what that is worth."""

    export: UUID
    agreeing: int
    marks: int
    evidence: float
    """The decimal logarithm of the e-value."""
    false_alarm: float
    """At most how likely some export that has nothing to do with the file would look like this."""

    @property
    def named(self) -> bool:
        return self.false_alarm <= FALSE_ALARM


def marks_of(cells: Iterable[str]) -> list[Mark]:
    """The different marks of a file. One value counts once, however often it stands there, for its
    repeats say nothing new; where they differ, what most of them say counts."""
    votes: dict[tuple[str, str, int, int], Counter[int]] = defaultdict(Counter)
    for cell in cells:
        for mark in read(cell):
            votes[mark.channel, mark.value, mark.place, mark.sides][mark.side] += 1
            if len(votes) >= _MOST_MARKS:
                break
    return [Mark(*key, sides.most_common(1)[0][0]) for key, sides in votes.items()]


def suspects(marks: Sequence[Mark], keys: Mapping[UUID, bytes]) -> list[Suspect]:
    """The exports that the marks speak for most, the strongest first; who is `named` is to blame.

    All exports are looked at by some marks of every channel, the best of them by all: which ones are
    looked at closely cannot hurt the bound, which holds for all of them together.
    """
    all = [_Asked(mark.channel, mark.message, mark.sides, mark.side) for mark in marks]
    few = _some(all)
    rough = {id: _evidence(few, key)[0] for id, key in keys.items()}
    best = sorted(rough, key=lambda id: -rough[id])[:_CLOSER_LOOK]
    found = []
    for id in best:
        evidence, agreeing = _evidence(all, keys[id])
        bound = min(1.0, len(keys) * 10 ** min(-evidence, 0.0))
        found.append(Suspect(id, agreeing, len(marks), evidence, bound))
    return sorted(found, key=lambda one: -one.evidence)


class _Asked(NamedTuple):
    """A mark with its message written out once, since thousands of keys are asked about it."""

    channel: str
    message: bytes
    sides: int
    side: int


def _some(marks: Sequence[_Asked]) -> list[_Asked]:
    """Up to sixty of each channel."""
    taken: Counter[str] = Counter()
    few = []
    for mark in marks:
        taken[mark.channel] += 1
        if taken[mark.channel] <= _FIRST_LOOK:
            few.append(mark)
    return few


def _evidence(marks: Sequence[_Asked], key: bytes) -> tuple[float, int]:
    """The logarithm of the e-value of one export, and how many marks agree with its key."""
    counts: dict[str, dict[tuple[int, bool], int]] = defaultdict(dict)
    for channel, message, sides, side in marks:
        agrees = chosen(key, message, sides) == side
        counts[channel][sides, agrees] = counts[channel].get((sides, agrees), 0) + 1
    total = sum(_of_channel(each) for each in counts.values())
    agreeing = sum(n for each in counts.values() for (_, agrees), n in each.items() if agrees)
    return total / math.log(10), agreeing


def _of_channel(counts: Mapping[tuple[int, bool], int]) -> float:
    logs = [
        sum(
            count * math.log(share * sides + 1 - share if agrees else 1 - share)
            for (sides, agrees), count in counts.items()
        )
        for share in _SHARES
    ]
    top = max(logs)
    return top + math.log(sum(math.exp(each - top) for each in logs) / len(logs))
