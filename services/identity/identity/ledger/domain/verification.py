"""What an exported ledger is worth, told from the file and the public keys alone.

The signed root of a batch vouches for its list of leaf hashes, the list for every event: so an event
that does not fit is named, and the others are still believed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from joserfc.jwk import KeySet

from identity.ledger.domain import merkle
from identity.ledger.domain.ledger import GENESIS, Header, NotAHead, header_of, leaf_of, opened

FORMAT = 1
# What a file should hold: the ledger from its beginning; every event of the batches of a period; those
# events of it that somebody looked for.
ALL, PERIOD, FILTER = "all", "period", "filter"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was sealed."""

    kind: str
    words: str
    batch: int | None = None
    sequence: int | None = None
    event: str | None = None


@dataclass(slots=True)
class Report:
    """What was looked at, and what was found."""

    batches: int = 0
    events: int = 0
    first: Header | None = None
    last: Header | None = None
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class _Claimed:
    """An event as the file has it."""

    sequence: int | None
    hashed: bytes
    event: str


@dataclass(slots=True)
class _Batch:
    header: Header
    leaves: list[bytes]
    sound: bool
    events: list[_Claimed] = field(default_factory=list)


def verify(
    lines: Iterable[bytes], keys: KeySet, kept: Iterable[str] = (), *, extent: str = ALL
) -> Report:
    """Read an export line by line and compare it with its seals, and with heads kept elsewhere.
    What it should hold is for the caller to say, for a file would say what suits it."""
    return _Reader(keys, list(kept), extent).read(lines)


class _Reader:
    def __init__(self, keys: KeySet, kept: list[str], extent: str) -> None:
        self._keys = keys
        self._extent = extent
        self._report = Report()
        self._batch: _Batch | None = None
        self._ended = False
        self._heads: dict[int, Header] = {}
        for signed in kept:
            try:
                head = opened(signed, keys)
            except NotAHead as problem:
                self._found("head", f"a head that was kept elsewhere cannot be believed: {problem}")
            else:
                self._heads[head.batch] = head

    def read(self, lines: Iterable[bytes]) -> Report:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                said = json.loads(line, object_pairs_hook=_once)
                kind = said["type"]
                if kind not in ("ledger", "seal", "event", "end"):
                    raise ValueError(f"unknown type {kind!r}")
                if self._ended:
                    raise ValueError("it comes after the end")
                getattr(self, f"_{kind}")(said)
            except (ValueError, KeyError, TypeError, AttributeError) as problem:
                self._found("unreadable", f"line {number} cannot be read: {problem}")
        self._finish()
        self._close()
        return self._report

    def _ledger(self, said: Mapping[str, Any]) -> None:
        if said["version"] != FORMAT:
            raise ValueError(f"this is format {said['version']}; {FORMAT} can be read")

    def _seal(self, said: Mapping[str, Any]) -> None:
        self._finish()
        header, sound = header_of(said["header"]), True
        batch = header.batch
        try:
            if opened(said["signed"], self._keys) != header:
                sound = False
                self._found("signature", "the header is not the one that was signed", batch)
        except NotAHead as problem:
            sound = False
            self._found("signature", f"the head cannot be believed: {problem}", batch)
        self._chain(header)
        kept = self._heads.pop(batch, None)
        if kept is not None and kept != header:
            self._found(
                "head", "a head kept elsewhere says otherwise: history was rewritten", batch
            )
        leaves = [bytes.fromhex(one) for one in said["leaves"]]
        if len(leaves) != header.size or merkle.root(leaves).hex() != header.root:
            sound = False
            self._found("leaves", "the list of its events is not the one that was signed", batch)
        self._batch = _Batch(header, leaves, sound)
        self._report.batches += 1
        self._report.first = self._report.first or header
        self._report.last = header

    def _chain(self, header: Header) -> None:
        last = self._report.last
        if last is None:
            if header.batch == 1 and (header.previous, header.first) != (GENESIS, 1):
                self._found("chain", "it is the first batch and says it is not", 1)
            if header.batch != 1 and self._extent == ALL:
                self._found("chain", f"batches 1 to {header.batch - 1} are missing", header.batch)
        elif header.batch != last.batch + 1:
            words = f"it follows batch {last.batch}: batches are missing or in another order"
            self._found("chain", words, header.batch)
        elif (header.previous, header.first, header.ledger) != (
            last.hash,
            last.last + 1,
            last.ledger,
        ):
            self._found("chain", "it does not follow from the batch before", header.batch)

    def _event(self, said: Mapping[str, Any]) -> None:
        event, sequence = said["event"], said["sequence"]
        if not isinstance(event, dict) or not (sequence is None or type(sequence) is int):
            raise ValueError("it holds no event")
        claimed = _Claimed(sequence, leaf_of(event), str(event.get("id")))
        self._report.events += 1
        if self._batch is None or sequence is None:
            self._inserted(claimed, "it was never sealed")
        else:
            self._batch.events.append(claimed)

    def _end(self, said: Mapping[str, Any]) -> None:
        self._finish()
        self._ended = True
        counted = (self._report.batches, self._report.events)
        if (said["batches"], said["events"]) != counted:
            words = f"the file says it has {said['batches']} batches and {said['events']} events"
            self._found("count", f"{words}; it has {counted[0]} and {counted[1]}")

    def _finish(self) -> None:
        """Compare the events of a batch with what was sealed."""
        batch, self._batch = self._batch, None
        if batch is None:
            return
        if not batch.sound and _vouched(batch):
            return  # the events are those of the signed root; only the list beside it is not
        places: dict[bytes, list[int]] = {}
        for i, one in enumerate(batch.leaves):
            places.setdefault(one, []).append(batch.header.first + i)
        seen: set[int] = set()
        for claimed in batch.events:
            self._compare(batch, claimed, places, seen)
        for sequence in self._missing(batch, seen):
            self._found("removed", f"event {sequence} is missing", batch.header.batch, sequence)

    def _compare(
        self,
        batch: _Batch,
        claimed: _Claimed,
        places: Mapping[bytes, list[int]],
        seen: set[int],
    ) -> None:
        sequence, header = claimed.sequence, batch.header
        index = -1 if sequence is None else sequence - header.first
        if sequence is None or not 0 <= index < len(batch.leaves):
            where = places.get(claimed.hashed, [])
            words = f"it is event {where[0]} under another number" if where else "it was not sealed"
            self._inserted(claimed, words, header.batch)
        elif sequence in seen:
            self._inserted(claimed, f"there is an event {sequence} already", header.batch)
        else:
            if batch.leaves[index] != claimed.hashed:
                where = places.get(claimed.hashed, [])
                kind = "moved" if where else "changed"
                words = f"event {sequence} was changed after it was sealed"
                if where:
                    words = f"event {where[0]} stands in the place of event {sequence}"
                self._found(kind, words, header.batch, sequence, claimed.event)
            elif seen and sequence < max(seen):
                words = f"event {sequence} stands after event {max(seen)}"
                self._found("moved", words, header.batch, sequence, claimed.event)
            seen.add(sequence)

    def _missing(self, batch: _Batch, seen: set[int]) -> Iterator[int]:
        if self._extent != FILTER:
            header = batch.header
            last = header.first + len(batch.leaves)
            yield from (one for one in range(header.first, last) if one not in seen)

    def _inserted(self, claimed: _Claimed, why: str, batch: int | None = None) -> None:
        words = f"event {claimed.event} was inserted: {why}"
        self._found("inserted", words, batch, claimed.sequence, claimed.event)

    def _close(self) -> None:
        if not self._ended:
            self._found("truncated", "the file breaks off before its end")
        if self._report.last is None:
            self._found("empty", "the file holds no sealed batch")
        last = self._report.last.batch if self._report.last else 0
        for batch in sorted(self._heads):
            if batch > last and self._extent == ALL:
                words = f"a head kept elsewhere is of batch {batch}, the file ends with {last}"
                self._found("truncated", words, batch)
            elif self._report.first and self._report.first.batch <= batch <= last:
                self._found("chain", f"batch {batch}, of which a head was kept, is missing", batch)

    def _found(
        self,
        kind: str,
        words: str,
        batch: int | None = None,
        sequence: int | None = None,
        event: str | None = None,
    ) -> None:
        self._report.findings.append(Finding(kind, words, batch, sequence, event))


def _vouched(batch: _Batch) -> bool:
    """Whether the events themselves, in their order, lead to the signed root."""
    numbers = [one.sequence for one in batch.events]
    if len(numbers) != batch.header.size:  # a file may claim any size: never allocate by it
        return False
    expected = list(range(batch.header.first, batch.header.last + 1))
    found = merkle.root([one.hashed for one in batch.events]).hex()
    return numbers == expected and found == batch.header.root


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def verify_proof(text: bytes, keys: KeySet, kept: Iterable[str] = ()) -> Report:
    """The proof of one event: that it is in the batch whose head is signed."""
    report = Report()
    try:
        said = json.loads(text, object_pairs_hook=_once)
        head = opened(said["signed"], keys)
        hashed = leaf_of(said["event"])
        index = said["sequence"] - head.first
        path = [bytes.fromhex(one) for one in said["path"]]
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        report.findings.append(Finding("unreadable", f"the proof cannot be read: {problem}"))
        return report
    report.batches = report.events = 1
    report.first = report.last = head
    reached = merkle.root_of(hashed, index, head.size, path)
    if reached is None or reached.hex() != head.root:
        words = f"event {said['sequence']} is not in the batch as it was sealed"
        report.findings.append(Finding("changed", words, head.batch, said["sequence"]))
    for signed in kept:
        other = opened(signed, keys)
        if other.batch == head.batch and asdict(other) != asdict(head):
            words = "a head kept elsewhere says otherwise: history was rewritten"
            report.findings.append(Finding("head", words, head.batch))
    return report
