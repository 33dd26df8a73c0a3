"""Processes die at bad moments: what was acknowledged exists once, and the house answers again."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import pytest
import requests

from tests.e2e.conftest import Running, wait_for

WHO = "li.na"
CREATE = """
mutation ($name: String!, $key: String!) {
  createCustomer(
    kind: ORGANIZATION, set: {name: $name}, allowDuplicate: true, idempotencyKey: $key
  ) { customer { id } errors { code message } }
}
"""
LOOK = "{ customers(first: 1) { edges { node { id syncState { status } openTasks } } } }"


def made(house: Running, name: str, key: str) -> str | None:
    """The customer's id once the write is acknowledged; any failure may be tried again."""
    try:
        answer = house.ask(CREATE, {"name": name, "key": key}, who=WHO)
    except (requests.RequestException, ValueError):
        return None
    payload = (answer.get("data") or {}).get("createCustomer")
    if not payload or not payload["customer"]:
        return None
    return str(payload["customer"]["id"])


def whole(house: Running) -> bool:
    """Whether a query over all services answers without an error."""
    try:
        return "errors" not in house.ask(LOOK, who=WHO)
    except (requests.RequestException, ValueError):
        return False


@pytest.mark.parametrize("part", ["customers", "postgres", "valkey", "gateway", "identity"])
def test_what_was_acknowledged_exists_exactly_once(house: Running, part: str) -> None:
    house.sign_in(WHO)
    acknowledged: dict[str, str] = {}
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            name = f"故障演练 {part} {number:04d}"
            id = None
            while id is None and not stop.is_set():
                id = made(house, name, f"fault-{part}-{number}")
            if id is not None:
                acknowledged[name] = id
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        wait_for(lambda: len(acknowledged) >= 3, 60)
        killed = house.pid(part)
        os.kill(killed, signal.SIGKILL)
        before = len(acknowledged)
        wait_for(lambda: len(acknowledged) >= before + 5, 60)
    finally:
        stop.set()
        writer.join(30)

    # Some writes need neither Valkey nor identity, so they may be quicker than the restart.
    wait_for(lambda: house.pid(part) != killed, 30, every=0.1)
    wait_for(lambda: whole(house), 30, every=0.1)
    rows: list[Any] = wait_for(
        lambda: house.rows(
            "customers",
            "SELECT name, id::text FROM customer WHERE name LIKE %s ORDER BY name",
            f"故障演练 {part} %",
        )
    )
    assert len({name for name, _ in rows}) == len(rows), "a write was done twice"
    found = dict(rows)
    assert {name: found.get(name) for name in acknowledged} == acknowledged
    # Everything the pool knows reaches the services that follow it, though a store was killed.
    follow = "SELECT count(*) FROM customer_access WHERE customer_id = ANY(%s::uuid[])"
    ids = list(acknowledged.values())
    wait_for(lambda: house.rows("activities", follow, ids) == [(len(ids),)], 30, every=0.2)
