"""How the ledger is sealed: events become leaves, leaves a batch, and every batch names the one before.

The head of a batch (its header, signed) stands for the whole ledger up to there. Whoever keeps one
elsewhere can prove later that nothing before it was edited, removed, inserted or put in another order.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from identity.ledger.domain import merkle
from identity.ledger.domain.audit_event import AuditEvent

warnings.filterwarnings("ignore", message="EdDSA is deprecated")

# Not "JWT": a head never passes for a token, nor a token for a head.
TYPE = "huichi-ledger-head"
ALGORITHM = "EdDSA"
GENESIS = "0" * 64
MOST_EVENTS = 1_000


class NotAHead(ValueError):
    """A signed head that cannot be read, or was not signed by a known key."""


@dataclass(frozen=True, slots=True)
class Header:
    """What is signed of a batch."""

    ledger: str
    batch: int
    first: int
    size: int
    root: str
    previous: str
    sealed_at: str

    @property
    def last(self) -> int:
        """The number of its last event, and so of all events up to here."""
        return self.first + self.size - 1

    @property
    def hash(self) -> str:
        """What the next batch calls `previous`."""
        return hashlib.sha256(b"\x02" + canonical(asdict(self))).hexdigest()


def canonical(value: Any) -> bytes:
    """The one way to write a value: keys sorted by code point, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def content(event: AuditEvent) -> dict[str, Any]:
    """An event as it is hashed and exported; all of it."""
    return {
        "id": str(event.id),
        "at": event.at.isoformat(),
        "service": event.service,
        "actor": str(event.actor) if event.actor else None,
        "session": str(event.session) if event.session else None,
        "action": event.action,
        "object": event.object,
        "resource": event.resource,
        "changes": event.changes,
        "details": event.details,
        "purpose": event.purpose,
        "decision": event.decision,
        "policy_version": event.policy_version,
        "trace_id": event.trace_id,
    }


def leaf_of(content: Mapping[str, Any]) -> bytes:
    """The leaf hash of an event."""
    return merkle.leaf(canonical(dict(content)))


def next_header(
    previous: Header | None, ledger: str, leaves: Sequence[bytes], sealed_at: str
) -> Header:
    """The header of the batch that follows."""
    return Header(
        ledger=previous.ledger if previous else ledger,
        batch=previous.batch + 1 if previous else 1,
        first=previous.last + 1 if previous else 1,
        size=len(leaves),
        root=merkle.root(leaves).hex(),
        previous=previous.hash if previous else GENESIS,
        sealed_at=sealed_at,
    )


def sign(header: Header, key: OKPKey) -> str:
    """The signed head: a compact JWS, which any JOSE library verifies."""
    protected = {"alg": ALGORITHM, "kid": key.kid, "typ": TYPE}
    return jws.serialize_compact(protected, canonical(asdict(header)), key, algorithms=[ALGORITHM])


def opened(signed: str, keys: KeySet) -> Header:
    """The header of a signed head. Raises `NotAHead`."""
    try:
        found = jws.deserialize_compact(signed.strip(), keys, algorithms=[ALGORITHM])
        if found.headers().get("typ") != TYPE:
            raise NotAHead("it is signed, but it is not the head of a ledger")
        return header_of(json.loads(found.payload or b""))
    except (JoseError, ValueError, KeyError, TypeError) as problem:
        raise NotAHead(str(problem) or type(problem).__name__) from problem


def header_of(said: Mapping[str, Any]) -> Header:
    """A header from JSON. Raises `ValueError`, `KeyError` or `TypeError`."""
    header = Header(**said)
    for name, kind in Header.__annotations__.items():
        if type(getattr(header, name)).__name__ != kind:
            raise ValueError(f"{name} of the header is not a {kind}")
    return header


def split(leaves: bytes) -> list[bytes]:
    """The leaf hashes of a batch as they are kept, one after the other."""
    return [leaves[at : at + merkle.HASH] for at in range(0, len(leaves), merkle.HASH)]
