"""Editing anything of an exported ledger is found, and the event it was done to is named."""

from __future__ import annotations

import json
import tracemalloc
from copy import deepcopy
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st
from joserfc.jwk import KeySet, OKPKey

from identity.core.domain.ids import AuditEventId, UserId
from identity.ledger.domain import merkle
from identity.ledger.domain.audit_event import AuditEvent
from identity.ledger.domain.ledger import (
    Header,
    InvalidHead,
    canonical_json,
    event_content,
    leaf_hash,
    next_header,
    sign_head,
    verify_head,
)
from identity.ledger.domain.verification import ALL, FILTER, PERIOD, Finding, verify, verify_proof
from identity.sign_in.domain.token import new_key, sign_access_token
from tests.support.budget import examples

KEY, OTHER = new_key(), new_key()
KEYS = KeySet([OKPKey.import_key(KEY.as_dict(private=False))])
SIZES = (3, 1, 4)
# The test vectors of Certificate Transparency: eight leaves, and the root of the first n of them.
CT_LEAVES = [
    bytes.fromhex(one)
    for one in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def an_event(number: int) -> AuditEvent:
    return AuditEvent(
        id=AuditEventId(UUID(int=number)),
        at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(seconds=number),
        service="customers",
        actor=UserId(UUID(int=7)) if number % 3 else None,
        session=None,
        action="update",
        object="Customer",
        resource=f"c-{number}",
        changes={"电话": ["1****", None], "size": [None, number], "rate": [0.5, 1e22]},
        details={"ids": [f"c-{number}"], "rows": 1},
        purpose="续约" if number % 2 else None,
        decision="allow",
        policy_version=3,
        trace_id="0af7651916cd43dd8448eb211c80319c",
    )


def a_ledger(key: OKPKey = KEY, start: int = 1) -> list[dict[str, Any]]:
    """The lines of an export of three batches."""
    lines: list[dict[str, Any]] = [{"type": "ledger", "version": 1}]
    previous: Header | None = None
    number = start
    for size in SIZES:
        events = [event_content(an_event(number + i)) for i in range(size)]
        leaves = [leaf_hash(event) for event in events]
        header = next_header(previous, "a-ledger", leaves, f"2026-01-02T03:05:{number:02}+00:00")
        lines.append(
            {
                "type": "seal",
                "header": asdict(header),
                "signed": sign_head(header, key),
                "leaves": [leaf.hex() for leaf in leaves],
            }
        )
        for i, event in enumerate(events):
            lines.append({"type": "event", "sequence": header.first + i, "event": event})
        previous, number = header, number + size
    return [*lines, {"type": "end", "batches": len(SIZES), "events": sum(SIZES)}]


def found(lines: list[dict[str, Any]], *heads: str, extent: str = ALL) -> list[Finding]:
    text = [canonical_json(line) for line in lines]
    return verify(text, KEYS, heads, extent=extent).findings


def kinds(findings: list[Finding]) -> list[tuple[str, int | None]]:
    return [(one.kind, one.sequence) for one in findings]


def event_at(lines: list[dict[str, Any]], sequence: int) -> int:
    return next(i for i, line in enumerate(lines) if line.get("sequence") == sequence)


def recounted(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With an end that tells as many as there are, as a forger would write it."""
    seals = sum(line["type"] == "seal" for line in lines)
    events = sum(line["type"] == "event" for line in lines)
    return [*lines[:-1], {"type": "end", "batches": seals, "events": events}]


@pytest.mark.parametrize("size", range(1, 9))
def test_hashes_trees_as_certificate_transparency_does(size: int) -> None:
    leaves = [merkle.hash_leaf(one) for one in CT_LEAVES[:size]]

    assert merkle.root_hash(leaves).hex() == CT_ROOTS[size - 1]


@given(st.integers(1, 70), st.data())
def test_a_path_leads_to_the_root_from_its_own_place_only(size: int, data: st.DataObject) -> None:
    leaves = [merkle.hash_leaf(bytes([n])) for n in range(size)]
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(-1, size))
    path = merkle.audit_path(leaves, index)

    assert merkle.root_from_path(leaves[index], index, size, path) == merkle.root_hash(leaves)
    if other != index:
        assert merkle.root_from_path(leaves[index], other, size, path) != merkle.root_hash(leaves)
    assert merkle.root_from_path(leaves[index], index, size, [*path, leaves[0]]) is None


def test_a_whole_export_is_as_it_was_sealed() -> None:
    lines = a_ledger()
    heads = [line["signed"] for line in lines if line["type"] == "seal"]

    assert found(lines, *heads) == []


def test_names_the_event_that_was_changed() -> None:
    lines = a_ledger()
    lines[event_at(lines, 6)]["event"]["actor"] = str(UUID(int=8))

    assert kinds(found(lines)) == [("changed", 6)]


def test_names_the_event_that_was_removed() -> None:
    lines = a_ledger()
    del lines[event_at(lines, 4)]

    assert kinds(found(recounted(lines))) == [("removed", 4)]
    assert kinds(found(recounted(lines), extent=PERIOD)) == [("removed", 4)]
    assert found(recounted(lines), extent=FILTER) == []


def test_names_the_event_that_was_inserted() -> None:
    lines = a_ledger()
    at = event_at(lines, 6)
    lines.insert(at, {"type": "event", "sequence": None, "event": event_content(an_event(99))})
    lines.insert(at, {"type": "event", "sequence": 6, "event": event_content(an_event(98))})

    said = found(recounted(lines))

    assert [(one.kind, one.event) for one in said] == [
        ("inserted", str(UUID(int=99))),
        ("changed", str(UUID(int=98))),
        ("inserted", str(UUID(int=6))),
    ]


def test_tells_when_two_changed_places() -> None:
    lines = a_ledger()
    a, b = event_at(lines, 5), event_at(lines, 7)
    lines[a]["event"], lines[b]["event"] = lines[b]["event"], lines[a]["event"]

    assert kinds(found(lines)) == [("moved", 5), ("moved", 7)]


def test_a_forged_list_of_leaves_does_not_hide_a_change() -> None:
    lines = a_ledger()
    at = event_at(lines, 2)
    lines[at]["event"]["purpose"] = "forged"
    lines[1]["leaves"][1] = leaf_hash(lines[at]["event"]).hex()

    assert [(one.kind, one.batch) for one in found(lines)] == [("leaves", 1)]


def test_only_known_keys_sign() -> None:
    assert {one.kind for one in found(a_ledger(OTHER))} == {"signature"}


def test_a_token_is_no_head() -> None:
    token = sign_access_token(KEY, UserId(UUID(int=1)), UUID(int=2), now=0, seconds=60)  # type: ignore[arg-type]

    with pytest.raises(InvalidHead):
        verify_head(token, KEYS)


def test_a_head_kept_elsewhere_finds_a_rewritten_history() -> None:
    kept = [line["signed"] for line in a_ledger() if line["type"] == "seal"]
    rewritten = a_ledger(start=100)  # sealed again with our own key, chain and all

    assert found(rewritten) == []
    assert [(one.kind, one.batch) for one in found(rewritten, *kept)] == [
        ("head", 1),
        ("head", 2),
        ("head", 3),
    ]


def test_a_head_kept_elsewhere_finds_a_cut_off_end() -> None:
    lines = a_ledger()
    last = next(i for i in reversed(range(len(lines))) if lines[i]["type"] == "seal")
    kept = lines[last]["signed"]
    cut = recounted([*lines[:last], lines[-1]])

    assert found(cut) == []
    assert [(one.kind, one.batch) for one in found(cut, kept)] == [("truncated", 3)]


def test_a_part_is_for_the_caller_to_allow() -> None:
    lines = a_ledger()
    second = [i for i, line in enumerate(lines) if line["type"] == "seal"][1]
    part = recounted([lines[0], *lines[second:]])

    assert [one.kind for one in found(part)] == ["chain"]
    assert found(part, extent=PERIOD) == []


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every leaf of a JSON value."""
    if isinstance(value, dict):
        return [place for name in value for place in places(value[name], (*at, name))]
    if isinstance(value, list):
        return [place for i, one in enumerate(value) for place in places(one, (*at, i))]
    return [at]


@settings(max_examples=examples(300))
@given(st.data())
def test_whatever_is_edited_is_found(data: st.DataObject) -> None:
    whole = a_ledger()
    lines = deepcopy(whole)
    body = range(1, len(lines) - 1)
    at = data.draw(st.sampled_from(body))
    way = data.draw(st.sampled_from(["value", "name", "remove", "repeat", "swap", "replace"]))
    if way == "value":
        place = data.draw(st.sampled_from(places(lines[at])))
        holder = lines[at]
        for step in place[:-1]:
            holder = holder[step]
        value: st.SearchStrategy[Any] = (
            st.none() | st.booleans() | st.integers() | st.text() | st.just([]) | st.just({})
        )
        holder[place[-1]] = data.draw(value)
    elif way == "name":
        inner = lines[at].get("event") or lines[at]["header"]
        inner[data.draw(st.text(max_size=3))] = data.draw(st.none() | st.text(max_size=3))
    elif way == "remove":
        del lines[at]
    elif way == "repeat":
        lines.insert(data.draw(st.sampled_from(body)), deepcopy(lines[at]))
    elif way == "swap":
        other = data.draw(st.sampled_from(body))
        lines[at], lines[other] = lines[other], lines[at]
    else:
        other = data.draw(st.sampled_from(body))
        lines[at] = deepcopy(lines[other])

    lines = recounted(lines)

    last = [line["signed"] for line in whole if line["type"] == "seal"][-1]
    same = [canonical_json(line) for line in lines] == [canonical_json(line) for line in whole]
    assert bool(found(lines, last)) is not same


def test_a_claimed_size_costs_no_memory() -> None:
    lines = deepcopy(a_ledger())
    lines[1]["header"]["size"] = 10**12
    tracemalloc.start()

    findings = found(lines)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert findings
    assert peak < 10_000_000


@settings(max_examples=examples(150))
@given(st.integers(0, 10**9), st.integers(0, 255))
def test_whatever_byte_of_the_file_is_edited_nothing_false_is_believed(at: int, byte: int) -> None:
    text = b"\n".join(canonical_json(line) for line in a_ledger())
    edited = bytearray(text)
    edited[at % len(text)] = byte
    read = [one for line in bytes(edited).splitlines() if (one := parsed(line)) is not None]

    report = verify(bytes(edited).split(b"\n"), KEYS)

    believed = [one["event"] for one in read if isinstance(one, dict) and "event" in one]
    genuine = [one["event"] for one in a_ledger() if one["type"] == "event"]
    assert report.findings or believed == genuine


def parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def test_one_event_is_proved_alone() -> None:
    lines = a_ledger()
    seal = lines[1]
    path = merkle.audit_path([bytes.fromhex(one) for one in seal["leaves"]], 1)
    proof = {
        "event": lines[3]["event"],
        "sequence": 2,
        "path": [step.hex() for step in path],
        "signed": seal["signed"],
    }
    other = {**proof, "event": {**proof["event"], "action": "read"}}

    assert verify_proof(canonical_json(proof), KEYS, [seal["signed"]]).findings == []
    assert [one.kind for one in verify_proof(canonical_json(other), KEYS).findings] == ["changed"]
    moved = canonical_json({**proof, "sequence": 3})
    assert [one.kind for one in verify_proof(moved, KEYS).findings] == ["changed"]
