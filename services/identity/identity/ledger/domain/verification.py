"""Verify an exported ledger from the file and the public keys alone.

The signed root of a batch proves its list of leaf hashes, the list proves every event: so an event
that does not match is named, and the others are still proved.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from joserfc.jwk import KeySet

from identity.ledger.domain import merkle
from identity.ledger.domain.ledger import (
    GENESIS,
    Header,
    InvalidHead,
    leaf_hash,
    parse_header,
    verify_head,
)

FORMAT = 1
# What a file should hold: the ledger from its beginning; every event of the batches of a period;
# the events that matched a filter.
ALL, PERIOD, FILTER = "all", "period", "filter"


@dataclass(frozen=True, slots=True)
class Finding:
    """A deviation from what was sealed."""

    kind: str
    words: str
    batch: int | None = None
    sequence: int | None = None
    event: str | None = None


@dataclass(slots=True)
class Report:
    """What was verified, and the deviations found."""

    batches: int = 0
    events: int = 0
    first: Header | None = None
    last: Header | None = None
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class _FileEvent:
    """An event as the file has it."""

    sequence: int | None
    leaf_hash: bytes
    event: str


@dataclass(slots=True)
class _Batch:
    """A batch as the file has it; `sound` if its header and its leaves are those signed."""

    header: Header
    leaves: list[bytes]
    sound: bool
    events: list[_FileEvent] = field(default_factory=list)


def verify(
    lines: Iterable[bytes], keys: KeySet, trusted_heads: Iterable[str] = (), *, extent: str = ALL
) -> Report:
    """Read an export line by line and compare it with its seals, and with heads kept elsewhere.

    `extent` is what the file should hold. The caller names it, since a forged file would name what
    suits it.
    """
    return _Reader(keys, list(trusted_heads), extent).read(lines)


class _Reader:
    """Reads an export and collects the deviations."""

    def __init__(self, keys: KeySet, trusted_heads: list[str], extent: str) -> None:
        self._keys = keys
        self._extent = extent
        self._report = Report()
        self._batch: _Batch | None = None
        self._ended = False
        self._heads: dict[int, Header] = {}
        for signed in trusted_heads:
            try:
                head = verify_head(signed, keys)
            except InvalidHead as problem:
                self._add_finding("head", f"a head kept elsewhere cannot be verified: {problem}")
            else:
                self._heads[head.batch] = head

    def read(self, lines: Iterable[bytes]) -> Report:
        """Read all lines and return the report."""
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                document = json.loads(line, object_pairs_hook=_without_duplicates)
                kind = document["type"]
                if kind not in ("ledger", "seal", "event", "end"):
                    raise ValueError(f"unknown type {kind!r}")
                if self._ended:
                    raise ValueError("it follows the end line")
                getattr(self, f"_{kind}")(document)
            except (ValueError, KeyError, TypeError, AttributeError) as problem:
                self._add_finding("unreadable", f"line {number} cannot be read: {problem}")
        self._finish()
        self._close()
        return self._report

    def _ledger(self, document: Mapping[str, Any]) -> None:
        if document["version"] != FORMAT:
            raise ValueError(f"this is format {document['version']}; {FORMAT} can be read")

    def _seal(self, document: Mapping[str, Any]) -> None:
        self._finish()
        header, sound = parse_header(document["header"]), True
        batch = header.batch
        try:
            if verify_head(document["signed"], self._keys) != header:
                sound = False
                self._add_finding("signature", "the header is not the one that was signed", batch)
        except InvalidHead as problem:
            sound = False
            self._add_finding("signature", f"the head cannot be verified: {problem}", batch)
        self._chain(header)
        trusted_head = self._heads.pop(batch, None)
        if trusted_head is not None and trusted_head != header:
            self._add_finding("head", "a head kept elsewhere differs: history was rewritten", batch)
        leaves = [bytes.fromhex(leaf_text) for leaf_text in document["leaves"]]
        if len(leaves) != header.size or merkle.root_hash(leaves).hex() != header.root:
            sound = False
            self._add_finding(
                "leaves", "the list of its events is not the one that was signed", batch
            )
        self._batch = _Batch(header, leaves, sound)
        self._report.batches += 1
        self._report.first = self._report.first or header
        self._report.last = header

    def _chain(self, header: Header) -> None:
        last = self._report.last
        if last is None:
            if header.batch == 1 and (header.previous, header.first) != (GENESIS, 1):
                self._add_finding("chain", "it is the first batch but refers to an earlier one", 1)
            if header.batch != 1 and self._extent == ALL:
                self._add_finding(
                    "chain", f"batches 1 to {header.batch - 1} are missing", header.batch
                )
        elif header.batch != last.batch + 1:
            words = f"it follows batch {last.batch}: batches are missing or in another order"
            self._add_finding("chain", words, header.batch)
        elif (header.previous, header.first, header.ledger) != (
            last.hash,
            last.last + 1,
            last.ledger,
        ):
            self._add_finding("chain", "it does not follow from the batch before", header.batch)

    def _event(self, document: Mapping[str, Any]) -> None:
        event, sequence = document["event"], document["sequence"]
        if not isinstance(event, dict) or not (sequence is None or type(sequence) is int):
            raise ValueError("it holds no event")
        file_event = _FileEvent(sequence, leaf_hash(event), str(event.get("id")))
        self._report.events += 1
        if self._batch is None or sequence is None:
            self._inserted(file_event, "it was never sealed")
        else:
            self._batch.events.append(file_event)

    def _end(self, document: Mapping[str, Any]) -> None:
        self._finish()
        self._ended = True
        counted = (self._report.batches, self._report.events)
        if (document["batches"], document["events"]) != counted:
            words = f"the file claims {document['batches']} batches and {document['events']} events"
            self._add_finding("count", f"{words}; it has {counted[0]} and {counted[1]}")

    def _finish(self) -> None:
        """Compare the events of a batch with what was sealed."""
        batch, self._batch = self._batch, None
        if batch is None:
            return
        if not batch.sound and _events_match_root(batch):
            return  # the events are those of the signed root; only the list beside it is not
        numbers_by_leaf: dict[bytes, list[int]] = {}
        for offset, leaf in enumerate(batch.leaves):
            numbers_by_leaf.setdefault(leaf, []).append(batch.header.first + offset)
        seen: set[int] = set()
        for file_event in batch.events:
            self._compare(batch, file_event, numbers_by_leaf, seen)
        for sequence in self._missing(batch, seen):
            self._add_finding(
                "removed", f"event {sequence} is missing", batch.header.batch, sequence
            )

    def _compare(
        self,
        batch: _Batch,
        file_event: _FileEvent,
        numbers_by_leaf: Mapping[bytes, list[int]],
        seen: set[int],
    ) -> None:
        sequence, header = file_event.sequence, batch.header
        index = -1 if sequence is None else sequence - header.first
        if sequence is None or not 0 <= index < len(batch.leaves):
            sealed_numbers = numbers_by_leaf.get(file_event.leaf_hash, [])
            words = (
                f"it is event {sealed_numbers[0]} under another number"
                if sealed_numbers
                else "it was not sealed"
            )
            self._inserted(file_event, words, header.batch)
        elif sequence in seen:
            self._inserted(file_event, f"there is an event {sequence} already", header.batch)
        else:
            if batch.leaves[index] != file_event.leaf_hash:
                sealed_numbers = numbers_by_leaf.get(file_event.leaf_hash, [])
                kind = "moved" if sealed_numbers else "changed"
                words = f"event {sequence} was changed after it was sealed"
                if sealed_numbers:
                    words = f"event {sealed_numbers[0]} is in the place of event {sequence}"
                self._add_finding(kind, words, header.batch, sequence, file_event.event)
            elif seen and sequence < max(seen):
                words = f"event {sequence} is after event {max(seen)}"
                self._add_finding("moved", words, header.batch, sequence, file_event.event)
            seen.add(sequence)

    def _missing(self, batch: _Batch, seen: set[int]) -> Iterator[int]:
        if self._extent != FILTER:
            header = batch.header
            last = header.first + len(batch.leaves)
            yield from (sequence for sequence in range(header.first, last) if sequence not in seen)

    def _inserted(self, file_event: _FileEvent, reason: str, batch: int | None = None) -> None:
        words = f"event {file_event.event} was inserted: {reason}"
        self._add_finding("inserted", words, batch, file_event.sequence, file_event.event)

    def _close(self) -> None:
        if not self._ended:
            self._add_finding("truncated", "the file ends before its end line")
        if self._report.last is None:
            self._add_finding("empty", "the file holds no sealed batch")
        last = self._report.last.batch if self._report.last else 0
        for batch in sorted(self._heads):
            if batch > last and self._extent == ALL:
                words = f"a head kept elsewhere is of batch {batch}, the file ends with {last}"
                self._add_finding("truncated", words, batch)
            elif self._report.first and self._report.first.batch <= batch <= last:
                self._add_finding(
                    "chain", f"batch {batch}, of which a head was kept, is missing", batch
                )

    def _add_finding(
        self,
        kind: str,
        words: str,
        batch: int | None = None,
        sequence: int | None = None,
        event: str | None = None,
    ) -> None:
        self._report.findings.append(Finding(kind, words, batch, sequence, event))


def _events_match_root(batch: _Batch) -> bool:
    """Return whether the events themselves, in their order, lead to the signed root."""
    numbers = [event.sequence for event in batch.events]
    if len(numbers) != batch.header.size:  # a file may claim any size: never allocate by it
        return False
    expected = list(range(batch.header.first, batch.header.last + 1))
    root = merkle.root_hash([event.leaf_hash for event in batch.events]).hex()
    return numbers == expected and root == batch.header.root


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build a JSON object; a repeated name is an error, since parsers differ about it."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name is repeated in one object")
    return document


def verify_proof(text: bytes, keys: KeySet, trusted_heads: Iterable[str] = ()) -> Report:
    """Verify the proof that one event is in the batch whose head is signed."""
    report = Report()
    try:
        document = json.loads(text, object_pairs_hook=_without_duplicates)
        head = verify_head(document["signed"], keys)
        leaf = leaf_hash(document["event"])
        index = document["sequence"] - head.first
        path = [bytes.fromhex(sibling) for sibling in document["path"]]
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        report.findings.append(Finding("unreadable", f"the proof cannot be read: {problem}"))
        return report
    report.batches = report.events = 1
    report.first = report.last = head
    reached = merkle.root_from_path(leaf, index, head.size, path)
    if reached is None or reached.hex() != head.root:
        words = f"event {document['sequence']} is not in the batch as it was sealed"
        report.findings.append(Finding("changed", words, head.batch, document["sequence"]))
    for signed in trusted_heads:
        other = verify_head(signed, keys)
        if other.batch == head.batch and asdict(other) != asdict(head):
            words = "a head kept elsewhere differs: history was rewritten"
            report.findings.append(Finding("head", words, head.batch))
    return report
