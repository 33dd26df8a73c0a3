"""The ledger seals itself, goes out as a file,
and what was done to its rows is found in the file."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import requests
from joserfc.jwk import KeySet

from identity.ledger.domain.verification import ALL, FILTER, PERIOD, Finding, verify
from identity.ledger.facts.audit_event import audit_recorded
from identity.verify import main
from tests.identity.conftest import House
from tests.identity.ledger.facts.test_audit_event import fact


def get(house: House, path: str, who: str | None = "auditor") -> requests.Response:
    headers = {"authorization": f"Bearer {house.as_(who).token}"} if who else {}
    return requests.get(f"{house.url}{path}", headers=headers, timeout=30)


def keys(house: House) -> KeySet:
    return KeySet.import_key_set(get(house, "/.well-known/ledger-keys.json", None).json())


def sealed(house: House, count: int, name: str) -> None:
    """Some events, and the seal on them."""
    for number in range(count):
        house.db.write(audit_recorded, fact(name, action=f"act{number}"))
    missing = (
        "SELECT count(*) FROM audit_event e WHERE resource = %(r)s AND NOT EXISTS "
        "(SELECT FROM audit_leaf l WHERE l.event_id = e.id)"
    )
    until = time.monotonic() + 30
    while house.one(missing, r=name):
        assert time.monotonic() < until, "the ledger was not sealed"
        time.sleep(0.1)


def findings(house: House, path: str = "/ledger/export", extent: str = ALL) -> list[Finding]:
    lines = get(house, path).content.splitlines()
    return verify(lines, keys(house), extent=extent).findings


@contextmanager
def intruder(house: House) -> Iterator[psycopg.Connection[Any]]:
    """Somebody with the rights of the database's superuser, and what they did undone."""
    trigger = "TRIGGER audit_event_append_only"
    with psycopg.connect(house.settings.database_url) as connection:
        connection.execute(f"ALTER TABLE audit_event DISABLE {trigger}")
        connection.execute("SET session_replication_role = replica")  # nothing of theirs is queued
        connection.commit()
        try:
            yield connection
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(f"ALTER TABLE audit_event ENABLE ALWAYS {trigger}")
            connection.commit()


def test_an_export_is_verified_from_the_file_alone(house: House, tmp_path: Path) -> None:
    sealed(house, 3, "s-whole")
    (tmp_path / "keys.json").write_bytes(get(house, "/.well-known/ledger-keys.json", None).content)
    (tmp_path / "head.json").write_bytes(get(house, "/ledger/head").content)
    (tmp_path / "ledger.jsonl").write_bytes(get(house, "/ledger/export").content)

    done = subprocess.run(
        [
            *(sys.executable, "-m", "identity.verify", str(tmp_path / "ledger.jsonl")),
            *("--keys", str(tmp_path / "keys.json"), "--head", str(tmp_path / "head.json")),
        ],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin"},
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK: as it was sealed" in done.stdout


@pytest.mark.parametrize(
    ("rewrite", "kind"),
    [
        ("UPDATE audit_event SET actor_id = gen_random_uuid() WHERE id = %(id)s", "changed"),
        ("UPDATE audit_event SET details = '{\"rows\": 1}' WHERE id = %(id)s", "changed"),
        ("UPDATE audit_event SET at = at + interval '1 microsecond' WHERE id = %(id)s", "changed"),
        ("DELETE FROM audit_event WHERE id = %(id)s", "removed"),
    ],
)
def test_a_rewritten_row_is_named(house: House, rewrite: str, kind: str) -> None:
    name = f"s-{uuid4()}"
    sealed(house, 3, name)
    find = "SELECT id, (SELECT sequence FROM audit_leaf WHERE event_id = id) FROM audit_event"
    with psycopg.connect(house.settings.database_url) as connection:
        where = " WHERE resource = %s AND action = 'act1'"
        row: Any = connection.execute(f"{find}{where}", [name]).fetchone()
    id, sequence = row

    with intruder(house) as connection:
        connection.execute(
            "CREATE TEMP TABLE kept AS SELECT * FROM audit_event WHERE id = %s", [id]
        )
        connection.execute(rewrite, {"id": id})
        connection.commit()
        said = findings(house)
        connection.execute("DELETE FROM audit_event WHERE id = %s", [id])
        connection.execute("INSERT INTO audit_event SELECT * FROM kept")

    assert [(one.kind, one.sequence) for one in said] == [(kind, sequence)]
    assert findings(house) == []


def test_a_row_written_past_the_seal_is_named(house: House) -> None:
    sealed(house, 1, "s-past")
    forged = uuid4()

    with intruder(house) as connection:
        connection.execute(
            "INSERT INTO audit_event (id, at, service, action, object, resource, "
            "changes, decision) "
            "VALUES (%s, now(), 'customers', 'read', 'Customer', 'x', '{}', 'allow')",
            [forged],
        )
        connection.commit()
        said = findings(house)
        connection.execute("DELETE FROM audit_event WHERE id = %s", [forged])

    assert [(one.kind, one.event) for one in said] == [("inserted", str(forged))]


def test_a_period_and_a_filter_are_verified_as_what_they_are(house: House) -> None:
    sealed(house, 4, "s-part")

    period = findings(house, "/ledger/export?since=2020-01-01T00:00:00Z", PERIOD)
    filtered = get(house, "/ledger/export?resource=s-part&action=act1,act2").content.splitlines()

    assert period == []
    events = [json.loads(line) for line in filtered]
    found = [one["event"]["action"] for one in events if one["type"] == "event"]
    assert found == ["act1", "act2"]
    assert verify(filtered, keys(house), extent=FILTER).findings == []
    assert {one.kind for one in verify(filtered, keys(house)).findings} == {"removed"}


def test_one_event_is_proved(house: House, tmp_path: Path) -> None:
    sealed(house, 2, "s-proof")
    id = house.one("SELECT id FROM audit_event WHERE resource = 's-proof' AND action = 'act1'")
    proof, known = tmp_path / "proof.json", tmp_path / "keys.json"
    known.write_bytes(get(house, "/.well-known/ledger-keys.json", None).content)

    proof.write_bytes(get(house, f"/ledger/proof/{id}").content)
    good = main([str(proof), "--keys", str(known), "--proof"])
    proof.write_bytes(proof.read_bytes().replace(b'"act1"', b'"act2"'))
    bad = main([str(proof), "--keys", str(known), "--proof"])

    assert (good, bad) == (0, 1)
    assert get(house, f"/ledger/proof/{uuid4()}").status_code == 404


def test_who_takes_the_ledger_away_is_in_it(house: House) -> None:
    sealed(house, 1, "s-taken")

    get(house, "/ledger/export?object=Customer")
    refused = get(house, "/ledger/export", "seller")

    count = (
        "SELECT count(*) FROM outbox, jsonb_array_elements(body->'events') e WHERE "
        "e->>'actor' = %(who)s AND e->>'action' = 'export' AND e->>'decision' = %(decision)s"
    )
    assert refused.status_code == 403
    assert house.one(count, who=house.user("auditor"), decision="allow") > 0
    assert house.one(count, who=house.user("seller"), decision="deny") == 1


@pytest.mark.parametrize("path", ["/ledger/export", "/ledger/head", f"/ledger/proof/{UUID(int=1)}"])
def test_it_is_for_auditors(house: House, path: str) -> None:
    assert get(house, path, None).status_code == 401
    assert get(house, path, "lead").status_code == 403


@pytest.mark.parametrize("wrong", ["since=yesterday", "colour=red", "actor=me", "since=2026-01-01"])
def test_refuses_a_wrong_filter(house: House, wrong: str) -> None:
    answer = get(house, f"/ledger/export?{wrong}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"


@pytest.mark.parametrize("table", ["audit_event", "audit_leaf", "audit_seal"])
def test_the_owner_of_the_tables_has_no_right_to_rewrite_them(house: House, table: str) -> None:
    sealed(house, 1, "s-owner")
    grants = (
        "SELECT string_agg(privilege_type, ' ' ORDER BY privilege_type) FROM pg_class, "
        "aclexplode(relacl) WHERE oid = %(t)s::regclass AND grantee IN (relowner, 0)"
    )

    held = house.one(grants, t=table)

    assert "INSERT" in held
    assert not {"UPDATE", "DELETE", "TRUNCATE"} & set(held.split())
    with psycopg.connect(house.settings.database_url) as connection:
        connection.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            connection.execute(f"DELETE FROM {table}")
