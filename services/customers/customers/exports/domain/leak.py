"""Trace a leaked file: compare its spellings with the watermark key of every export.

For an unrelated export, each choice of its key is a random draw that the file cannot depend on. The
likelihood ratio of the file coming from the export against not coming from it is then an *e-value*:
its mean over all keys is one, so by Markov's inequality it exceeds E with a probability of at most
1/E, whatever the file holds and wherever it comes from. With N exports an unrelated one is named
with a probability of at most N/E. Nothing is assumed about the file, only that the keys are secret.
(The idea of bounding the error for the copy in hand is that of Furon and Desoubeaux, "Tardos codes
for real", 2014.)

How many marks survived is unknown, so the likelihood is a mean over several shares; each channel
has its own, since an attacker who reformats telephone numbers leaves names alone.
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
"""Upper bound of the probability that an unrelated export is named, over all exports together."""

_SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95)
_FIRST_LOOK = 60
_CLOSER_LOOK = 20
_MOST_MARKS = 20_000


@dataclass(frozen=True, slots=True)
class Suspect:
    """An export compared with a file: how many marks agree, and how strong that evidence is."""

    export: UUID
    agreeing: int
    marks: int
    evidence: float
    """The decimal logarithm of the e-value."""
    false_alarm: float
    """Upper bound of the probability that any unrelated export looks like this."""

    @property
    def named(self) -> bool:
        """Check whether the export is a source of the file beyond doubt."""
        return self.false_alarm <= FALSE_ALARM


def marks_of(cells: Iterable[str]) -> list[Mark]:
    """Return the different marks of a file.

    A value counts once, however often it occurs, since its repeats add no information; where they
    differ, the majority counts.
    """
    votes: dict[tuple[str, str, int, int], Counter[int]] = defaultdict(Counter)
    for cell in cells:
        for mark in read(cell):
            votes[mark.channel, mark.value, mark.place, mark.sides][mark.side] += 1
            if len(votes) >= _MOST_MARKS:
                break
    return [Mark(*key, sides.most_common(1)[0][0]) for key, sides in votes.items()]


def suspects(marks: Sequence[Mark], keys: Mapping[UUID, bytes]) -> list[Suspect]:
    """Return the exports with the strongest evidence, the strongest first.

    All exports are compared by some marks of every channel, the best of them by all marks. The
    choice of those does not affect the bound, which holds for all exports together.
    """
    all_marks = [_EncodedMark(mark.channel, mark.message, mark.sides, mark.side) for mark in marks]
    sample = _sample(all_marks)
    rough = {id: _evidence(sample, key)[0] for id, key in keys.items()}
    best = sorted(rough, key=lambda id: -rough[id])[:_CLOSER_LOOK]
    compared = []
    for id in best:
        evidence, agreeing = _evidence(all_marks, keys[id])
        bound = min(1.0, len(keys) * 10 ** min(-evidence, 0.0))
        compared.append(Suspect(id, agreeing, len(marks), evidence, bound))
    return sorted(compared, key=lambda suspect: -suspect.evidence)


class _EncodedMark(NamedTuple):
    """A mark with its message encoded once, since it is compared with thousands of keys."""

    channel: str
    message: bytes
    sides: int
    side: int


def _sample(marks: Sequence[_EncodedMark]) -> list[_EncodedMark]:
    """Return up to sixty marks of each channel."""
    counts: Counter[str] = Counter()
    sample = []
    for mark in marks:
        counts[mark.channel] += 1
        if counts[mark.channel] <= _FIRST_LOOK:
            sample.append(mark)
    return sample


def _evidence(marks: Sequence[_EncodedMark], key: bytes) -> tuple[float, int]:
    """Return the decimal logarithm of the e-value of one export, and how many marks agree."""
    counts: dict[str, dict[tuple[int, bool], int]] = defaultdict(dict)
    for channel, message, sides, side in marks:
        agrees = chosen(key, message, sides) == side
        counts[channel][sides, agrees] = counts[channel].get((sides, agrees), 0) + 1
    total = sum(_log_evidence(channel_counts) for channel_counts in counts.values())
    agreeing = sum(
        count
        for channel_counts in counts.values()
        for (_, agrees), count in channel_counts.items()
        if agrees
    )
    return total / math.log(10), agreeing


def _log_evidence(counts: Mapping[tuple[int, bool], int]) -> float:
    """Return the natural logarithm of the e-value of one channel, averaged over the shares."""
    logs = [
        sum(
            count * math.log(share * sides + 1 - share if agrees else 1 - share)
            for (sides, agrees), count in counts.items()
        )
        for share in _SHARES
    ]
    top = max(logs)
    return top + math.log(sum(math.exp(log - top) for log in logs) / len(logs))
