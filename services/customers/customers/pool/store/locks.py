"""Locks on recognition keys, so that two batches never decide about the same customer at once.

Each key (a link's external id, a credit code, a number, an address, a name) has a row in `key_lock`
under its hash. A command locks the rows of all its keys in their order, before it reads; a new key
gets its row by the same statement, and a second inserter waits for the first. Commands lock keys
first and customers second, both in order, so they cannot wait for each other in a circle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from customers.pool.domain.match import Key

# The update never happens; trying it is what locks a row that exists already.
_TAKE = text(
    "INSERT INTO key_lock (key) SELECT k FROM unnest(CAST(:keys AS bigint[])) AS k ORDER BY k "
    "ON CONFLICT (key) DO UPDATE SET key = EXCLUDED.key WHERE false"
)
_ROWS = text("SELECT id FROM customer WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")


def lock_keys(session: Session, keys: Iterable[Key], links: Iterable[tuple[str, str, str]]) -> None:
    """Lock keys and links; wait until no other transaction decides about any of them."""
    named = [f"{key.kind}|{key.value}" for key in keys]
    named += ["|".join(("link", *link)) for link in links]
    if named:
        session.execute(_TAKE, {"keys": sorted({_hash(name) for name in named})})


def lock_customers(session: Session, ids: Iterable[UUID]) -> Sequence[UUID]:
    """Lock customers; wait until no other transaction changes any of them."""
    ordered = sorted(set(ids))
    return session.execute(_ROWS, {"ids": ordered}).scalars().all() if ordered else []


def _hash(name: str) -> int:
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
