"""Seal the ledger: events become leaves, leaves a batch, and every batch names the one before.

The head of a batch (its header, signed) stands for the whole ledger up to it. A head that is kept
elsewhere proves later that nothing before it was edited, removed, inserted or reordered.
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

# Not "JWT": a head must not be accepted as a token, nor a token as a head.
TYPE = "huichi-ledger-head"
ALGORITHM = "EdDSA"
GENESIS = "0" * 64
MAX_BATCH_EVENTS = 1_000


class InvalidHead(ValueError):
    """A signed head that cannot be read, or was not signed by a known key."""


@dataclass(frozen=True, slots=True)
class Header:
    """The signed part of a batch."""

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
        """The hash that the next batch holds as `previous`."""
        return hashlib.sha256(b"\x02" + canonical_json(asdict(self))).hexdigest()


def canonical_json(value: Any) -> bytes:
    """Return the canonical JSON of a value: keys sorted by code point, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def event_content(event: AuditEvent) -> dict[str, Any]:
    """Return an event as it is hashed and exported, complete."""
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


def leaf_hash(content: Mapping[str, Any]) -> bytes:
    """Return the leaf hash of the content of an event."""
    return merkle.hash_leaf(canonical_json(dict(content)))


def next_header(
    previous: Header | None, ledger: str, leaves: Sequence[bytes], sealed_at: str
) -> Header:
    """Return the header of the next batch."""
    return Header(
        ledger=previous.ledger if previous else ledger,
        batch=previous.batch + 1 if previous else 1,
        first=previous.last + 1 if previous else 1,
        size=len(leaves),
        root=merkle.root_hash(leaves).hex(),
        previous=previous.hash if previous else GENESIS,
        sealed_at=sealed_at,
    )


def sign_head(header: Header, key: OKPKey) -> str:
    """Return the signed head: a compact JWS, which any JOSE library verifies."""
    protected = {"alg": ALGORITHM, "kid": key.kid, "typ": TYPE}
    return jws.serialize_compact(
        protected, canonical_json(asdict(header)), key, algorithms=[ALGORITHM]
    )


def verify_head(signed: str, keys: KeySet) -> Header:
    """Verify a signed head and return its header. Raises `InvalidHead`."""
    try:
        signature = jws.deserialize_compact(signed.strip(), keys, algorithms=[ALGORITHM])
        if signature.headers().get("typ") != TYPE:
            raise InvalidHead("it is signed, but it is not the head of a ledger")
        return parse_header(json.loads(signature.payload or b""))
    except (JoseError, ValueError, KeyError, TypeError) as problem:
        raise InvalidHead(str(problem) or type(problem).__name__) from problem


def parse_header(document: Mapping[str, Any]) -> Header:
    """Return a header from JSON. Raises `ValueError`, `KeyError` or `TypeError`."""
    header = Header(**document)
    for name, kind in Header.__annotations__.items():
        if type(getattr(header, name)).__name__ != kind:
            raise ValueError(f"{name} of the header is not a {kind}")
    return header


def split_leaves(leaves: bytes) -> list[bytes]:
    """Split the stored leaf hashes of a batch."""
    return [leaves[at : at + merkle.HASH_BYTES] for at in range(0, len(leaves), merkle.HASH_BYTES)]
