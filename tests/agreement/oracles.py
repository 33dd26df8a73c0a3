"""Other ways to the same verdict: Casbin with our model, and row-level security of PostgreSQL.

They share no code with `chassis.policy.guard`; what a row scope or a mask means is said here anew.
"""

from __future__ import annotations

import base64
import hmac
import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import casbin
import psycopg
from casbin.persist.adapters.string_adapter import StringAdapter
from psycopg import sql

from chassis import policy
from chassis.policy.rules import REDACTIONS, Snapshot, casbin_lines
from tests.agreement.worlds import AFTER, NO, YES, Asked, Thing, works

logging.getLogger("casbin").setLevel(logging.WARNING)
MODEL = Path(policy.__file__).with_name("model.conf")
OPEN = [one for one in REDACTIONS if one != "hidden"]
NOT_OF_ITSELF = ("Contact", "Tag")
"""They are read through their customer."""


def masked(redaction: str, text: str, coordinate: str, secret: str) -> str | None:
    """The text as this redaction leaves it."""
    if redaction == "clear":
        return text
    if redaction == "hidden":
        return None
    if redaction == "mask:first3last4" and len(text) > 8:
        return text[:3] + "*" * len(text[3:-4]) + text[-4:]
    if redaction == "mask:hash":
        key = hmac.new(secret.encode(), f"mask:hash:{coordinate}".encode(), "sha256").digest()
        said = hmac.new(key, text.encode(), "sha256").digest()
        return "#" + base64.b32encode(said[:10]).decode().lower()
    if redaction == "mask:domain" and "@" in text:
        return "***@" + text.split("@")[-1]
    if redaction == "mask:first1" and len(text) > 1:
        return text[:1].ljust(len(text), "*")
    return "***"


class Casbin:
    """Asks `enforce` of our model: first as it is, then with the row and the redaction as further
    terms of its matcher."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        active = {f"user:{id}" for id, member in snapshot.users.items() if works(member)}
        # Rules about an inactive person alone do not count; of their roles Casbin hears nothing.
        lines = [
            line
            for line in casbin_lines(snapshot)
            if not line[1].startswith("user:") or line[1] in active
        ]
        text = "\n".join(", ".join(line) for line in lines)
        model = MODEL.read_text()
        self.plain = casbin.Enforcer(_model(model), StringAdapter(text), enable_log=False)
        wider = model.replace("r = sub, obj, act", "r = sub, obj, act, scopes, least").replace(
            "r.act == p.act)",
            "r.act == p.act) && reaches(p.eft, p.rows, r.scopes, p.redaction, r.least)",
        )
        self.wider = casbin.Enforcer(_model(wider), StringAdapter(text), enable_log=False)
        self.wider.add_function("reaches", _reaches)
        self.may = lru_cache(None)(self._may)

    def _may(self, user: UUID, object: str, action: str, scopes: str, least: str) -> bool:
        if not self.plain.enforce(f"user:{user}", object, action):
            return False
        return bool(self.wider.enforce(f"user:{user}", object, action, scopes, least))

    def verdict(self, asked: Asked) -> str:
        """`yes` or `no`; for a field its redaction."""
        object, field, action = asked.kind
        scopes = self._scopes(asked.user, asked.thing)
        whole = [(object, action)]
        if object in NOT_OF_ITSELF and action == "read":
            whole.append(("Customer", "read"))
        if not all(self.may(asked.user, *one, scopes, "hidden") for one in whole):
            return NO
        if field is None:
            return YES
        found = (one for one in OPEN if self.may(asked.user, field, "read", scopes, one))
        return next(found, NO)

    def _scopes(self, user: UUID, thing: Thing) -> str:
        """The row scopes that hold for this person and this row."""
        member = self.snapshot.users.get(user)
        home = member.department if member else None
        above: list[UUID] = []
        here = thing.department
        while here is not None:
            above.append(here)
            here = self.snapshot.departments[here]
        found = {
            "all": True,
            "own": thing.owner == user,
            "pool": thing.owner is None,
            "collaborating": user in thing.collaborators,
            "department": home is not None and thing.department == home,
            "subtree": home in above,
            "project": member is not None
            and any(one in thing.projects and end >= AFTER for one, end in member.projects),
            "emergency": any(
                (one.user, one.row) == (user, thing.id) and one.until >= AFTER
                for one in self.snapshot.emergencies
            ),
        }
        return "+".join(name for name, holds in found.items() if holds)


def _reaches(effect: str, rows: str, scopes: str, redaction: str, least: str) -> bool:
    """A rule that denies is about every row; another one about some, and so open at least."""
    if effect == "deny":
        return True
    opened = REDACTIONS.index(redaction) <= REDACTIONS.index(least)
    return opened and not set(rows.split("+")).isdisjoint(scopes.split("+"))


def _model(text: str) -> Any:
    model = casbin.Model()
    model.load_model_from_text(text)
    return model


SCHEMA = """
CREATE SCHEMA oracle;
CREATE TABLE oracle.rule (
    subject text, object text, action text, rows text[], openness int, deny bool);
CREATE TABLE oracle.inherits (role text, parent text);
CREATE TABLE oracle.has (person uuid, role text);
CREATE TABLE oracle.member (person uuid PRIMARY KEY, department uuid);
CREATE TABLE oracle.department (id uuid, parent uuid);
CREATE TABLE oracle.applies (
    person uuid, object text, action text, rows text[], openness int, deny bool);
CREATE INDEX ON oracle.applies (person);
CREATE TABLE oracle.below (person uuid, department uuid);
CREATE INDEX ON oracle.below (person, department);
CREATE TABLE oracle.works (person uuid, project uuid);
CREATE TABLE oracle.emergency (person uuid, customer_id uuid);
CREATE TABLE oracle.place (
    customer_id uuid PRIMARY KEY, owner uuid, department uuid, helpers uuid[], projects uuid[]);
CREATE TABLE oracle.question (
    id int, person uuid, customer_id uuid, object text, field text, action text, level int);

CREATE FUNCTION oracle.me() RETURNS uuid LANGUAGE sql STABLE AS
    $$ SELECT nullif(current_setting('oracle.me', true), '')::uuid $$;
CREATE FUNCTION oracle.may(
    object text, action text, owner uuid, department uuid, helpers uuid[], level int,
    projects uuid[], customer uuid
) RETURNS bool LANGUAGE sql STABLE AS $$
    SELECT coalesce(bool_or(a.openness <= $6 AND NOT a.deny AND (
             'all' = ANY(a.rows)
             OR 'own' = ANY(a.rows) AND $3 = oracle.me()
             OR 'pool' = ANY(a.rows) AND $3 IS NULL
             OR 'collaborating' = ANY(a.rows) AND oracle.me() = ANY($5)
             OR 'project' = ANY(a.rows) AND EXISTS (
                SELECT FROM oracle.works w WHERE w.person = oracle.me() AND w.project = ANY($7))
             OR 'emergency' = ANY(a.rows) AND EXISTS (
                SELECT FROM oracle.emergency e WHERE e.person = oracle.me() AND e.customer_id = $8)
             OR 'department' = ANY(a.rows)
                AND $4 = (SELECT m.department FROM oracle.member m WHERE m.person = oracle.me())
             OR 'subtree' = ANY(a.rows) AND EXISTS (
                SELECT FROM oracle.below b
                WHERE b.person = oracle.me() AND b.department = $4))), false)
           AND NOT coalesce(bool_or(a.deny), false)
    FROM oracle.applies a
    WHERE a.person = oracle.me() AND a.object IN ($1, '*') AND a.action IN ($2, '*')
$$;

ALTER TABLE customer ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY seen ON customer FOR SELECT TO {reader}
    USING (oracle.may('Customer', 'read', owner_id, department_id, collaborators, 5, projects, id));
ALTER TABLE contact ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY seen ON contact FOR SELECT TO {reader} USING (EXISTS (
    SELECT FROM customer c WHERE c.id = customer_id
    AND oracle.may('Contact', 'read', c.owner_id, c.department_id, c.collaborators, 5, c.projects,
        c.id)));
ALTER TABLE oracle.question ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY allowed ON oracle.question FOR SELECT TO {reader} USING (
    person = oracle.me() AND EXISTS (
        SELECT FROM oracle.place p WHERE p.customer_id = question.customer_id
        AND oracle.may(question.object, question.action, p.owner, p.department, p.helpers, 5,
            p.projects, p.customer_id)
        AND (question.object NOT IN ('Contact', 'Tag') OR question.action <> 'read'
             OR EXISTS (SELECT FROM customer c WHERE c.id = p.customer_id))
        AND (question.field IS NULL
             OR oracle.may(question.field, 'read', p.owner, p.department, p.helpers, question.level,
                p.projects, p.customer_id))));
GRANT USAGE ON SCHEMA oracle TO {reader};
GRANT SELECT ON ALL TABLES IN SCHEMA oracle TO {reader};
GRANT SELECT ON customer, contact TO {reader};
"""
LEARN = """
WITH RECURSIVE reached(person, name) AS (
    SELECT h.person, 'role:' || h.role FROM oracle.has h JOIN oracle.member USING (person)
    UNION
    SELECT r.person, 'role:' || i.parent
    FROM reached r JOIN oracle.inherits i ON 'role:' || i.role = r.name
), called AS (
    SELECT person, name FROM reached UNION SELECT person, 'user:' || person FROM oracle.member
)
INSERT INTO oracle.applies
SELECT c.person, r.object, r.action, r.rows, r.openness, r.deny
FROM called c JOIN oracle.rule r ON r.subject = c.name;
WITH RECURSIVE under(person, department) AS (
    SELECT m.person, m.department FROM oracle.member m WHERE m.department IS NOT NULL
    UNION
    SELECT u.person, d.id FROM under u JOIN oracle.department d ON d.parent = u.department
)
INSERT INTO oracle.below SELECT person, department FROM under;
"""


class RowSecurity:
    """PostgreSQL decides, as a user that owns nothing and inherits nothing."""

    def __init__(self, url: str, things: Sequence[Thing]) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.reader = sql.Identifier("oracle_" + str(self.connection.info.dbname))
        self._run("CREATE ROLE {reader} NOLOGIN NOINHERIT NOBYPASSRLS")
        self._run(SCHEMA)
        with self.connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO oracle.place VALUES (%s, %s, %s, %s, %s)",
                [
                    (one.id, one.owner, one.department, list(one.collaborators), list(one.projects))
                    for one in things
                ],
            )

    def close(self) -> None:
        self._run("DROP OWNED BY {reader}; DROP ROLE {reader}")
        self.connection.close()

    def learn(self, snapshot: Snapshot) -> None:
        """The policy as plain tables; who is what is worked out by recursive queries."""
        active = {id: member for id, member in snapshot.users.items() if works(member)}
        tables: dict[str, list[tuple[Any, ...]]] = {
            "rule": [
                (
                    r.subject,
                    r.object,
                    r.action,
                    r.rows.split("+"),
                    REDACTIONS.index(r.redaction),
                    r.effect == "deny",
                )
                for r in snapshot.rules
            ],
            "inherits": [(role, one) for role, up in snapshot.roles.items() for one in up],
            "has": [(id, role) for id, member in active.items() for role in member.roles],
            "member": [(id, member.department) for id, member in active.items()],
            "department": list(snapshot.departments.items()),
            "works": [
                (id, one) for id, m in active.items() for one, end in m.projects if end >= AFTER
            ],
            "emergency": [
                (one.user, one.row) for one in snapshot.emergencies if one.until >= AFTER
            ],
        }
        with self.connection.transaction(), self.connection.cursor() as cursor:
            cursor.execute("TRUNCATE oracle.applies, oracle.below")
            for name, rows in tables.items():
                cursor.execute(f"TRUNCATE oracle.{name}")
                blanks = ", ".join(["%s"] * len(rows[0])) if rows else ""
                cursor.executemany(f"INSERT INTO oracle.{name} VALUES ({blanks})", rows)
            cursor.execute(LEARN)

    def seen(self, user: UUID) -> tuple[set[UUID], set[UUID]]:
        """The customers and the contacts that a plain SELECT of this person finds."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            self._become(cursor, user)
            customers = {row[0] for row in cursor.execute("SELECT id FROM customer")}
            return customers, {row[0] for row in cursor.execute("SELECT id FROM contact")}

    def verdicts(self, asked: Sequence[Asked]) -> list[str]:
        """What the policies of the tables let through: one row a question and redaction."""
        rows = [
            (n, one.user, one.thing.id, one.kind[0], one.kind[1], one.kind[2], level)
            for n, one in enumerate(asked)
            for level in (range(len(OPEN)) if one.kind[1] else (len(OPEN),))
        ]
        found: dict[int, int] = {}
        with self.connection.transaction(), self.connection.cursor() as cursor:
            cursor.execute("TRUNCATE oracle.question")
            with cursor.copy("COPY oracle.question FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            for user in {one.user for one in asked}:
                self._become(cursor, user)
                cursor.execute("SELECT id, min(level) FROM oracle.question GROUP BY id")
                found.update(cursor.fetchall())
                cursor.execute("RESET ROLE")
        return [
            NO if n not in found else OPEN[found[n]] if one.kind[1] else YES
            for n, one in enumerate(asked)
        ]

    def _become(self, cursor: psycopg.Cursor[Any], user: UUID) -> None:
        cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(self.reader))
        cursor.execute("SELECT set_config('oracle.me', %s, true)", [str(user)])

    def _run(self, text: str) -> None:
        self.connection.execute(sql.SQL(text).format(reader=self.reader))
