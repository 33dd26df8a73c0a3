"""Customers leave as a file: asked for, allowed by another,
redacted at the last moment, ended at will."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
import pytest
import requests
from openpyxl import load_workbook
from sqlalchemy import text

from chassis.actor import Actor
from chassis.db import SyncDatabase
from chassis.errors import BadInput, LimitExceeded, Throttled
from chassis.facts.stream import Received
from chassis.policy.rules import Member, Rule
from chassis.spreadsheet import reading as spreadsheet
from customers.exports.commands import decision as commands, file as files
from customers.exports.commands.request import ExportRequest, request
from customers.exports.store import customer_export as store, file as file_store, lease
from customers.facts import HANDLERS
from customers.pool.store.customer_search import Search
from tests.customers.exporting import (
    ALL,
    APPROVE,
    DOWNLOAD,
    REQUEST,
    REVOKE,
    SHOW,
    Workshop,
    address,
    asked,
    fetched,
    publish,
    ready,
    shown,
    stock,
)
from tests.customers.imports.api.test_import import run as import_run
from tests.customers.making import (
    AUDITOR,
    LEAD,
    MONDAY,
    OTHER_REP,
    READER,
    REP,
    STEWARD,
    a_code,
    a_guard,
    a_policy,
    count,
)
from tests.customers.serving import Pool, pool

__all__ = ["pool"]


def rows_of(content: bytes) -> list[dict[str, str]]:
    return [cells for _, cells in spreadsheet.read(content)]


def audited(db: SyncDatabase, id: str) -> list[str]:
    statement = text(
        "SELECT body ->> 'action' FROM outbox WHERE name = 'audit.event.recorded' "
        "AND subject IN (:id, 'export:' || :id) ORDER BY position"
    )
    return list(db.read(lambda s: s.execute(statement, {"id": id}).scalars()))


def test_an_export_goes_its_way_and_every_step_is_in_the_ledger(
    pool: Pool, db: SyncDatabase
) -> None:
    stock(db, 3)
    made = asked(pool, filter={"name": "客户"})
    assert (made["status"], made["sensitive"], made["rowsExpected"]) == (
        "AWAITING_APPROVAL",
        True,
        3,
    )

    assert pool.ask(LEAD, APPROVE, id=made["id"])["approveCustomerExport"]["errors"] == []
    Workshop(pool).finish()
    content = fetched(pool, made["id"])

    found = shown(pool, made["id"])
    assert (found["status"], found["rows"], found["downloads"]) == ("READY", 3, 1)
    assert found["size"] == len(content)
    assert found["decidedBy"]["id"] == str(LEAD)
    first = rows_of(content)[0]
    assert first["Unified social credit code"] == a_code(0)
    assert first["Note"] == "=1+1"
    assert "'=1+1" in content.decode("utf-8-sig")
    assert audited(db, made["id"]) == ["request", "approve", "make", "export"]
    left = text("SELECT body -> 'details' FROM outbox WHERE subject = 'export:' || :id")
    told = db.read(lambda s: s.execute(left, {"id": made["id"]}).scalar_one())
    assert told["rows"] == 3
    assert "Customer.unified_social_credit_code" in told["clear"]


def test_nobody_approves_their_own_and_a_stranger_sees_nothing(
    pool: Pool, db: SyncDatabase
) -> None:
    stock(db, 2)
    id = asked(pool, STEWARD)["id"]

    refused = pool.ask(STEWARD, APPROVE, id=id)["approveCustomerExport"]

    assert refused["errors"][0]["code"] == "FORBIDDEN"
    assert shown(pool, id, STEWARD)["status"] == "AWAITING_APPROVAL"
    # The lead approves for their own departments; the steward is in none of them.
    assert (
        pool.ask(LEAD, APPROVE, id=id)["approveCustomerExport"]["errors"][0]["code"] == "NOT_FOUND"
    )
    assert pool.ask(OTHER_REP, SHOW, id=id)["customerExport"] is None
    assert pool.code(REP, APPROVE, id=id) == "FORBIDDEN"
    assert (
        pool.code(READER, REQUEST, columns=["name"], format="CSV", reason="看看名单") == "FORBIDDEN"
    )
    assert pool.ask(AUDITOR, SHOW, id=id)["customerExport"]["status"] == "AWAITING_APPROVAL"


def test_a_rejection_says_why(pool: Pool, db: SyncDatabase) -> None:
    stock(db, 1)
    id = asked(pool)["id"]
    reject = """mutation($id: ID!, $note: String!) { rejectCustomerExport(id: $id, note: $note) {
      errors { code path } export { status note } } }"""

    unsaid = pool.ask(LEAD, reject, id=id, note=" ")["rejectCustomerExport"]
    said = pool.ask(LEAD, reject, id=id, note="范围太大")["rejectCustomerExport"]

    assert unsaid["errors"] == [{"code": "BAD_INPUT", "path": ["note"]}]
    assert said["export"] == {"status": "REJECTED", "note": "范围太大"}
    assert pool.ask(REP, DOWNLOAD, id=id)["downloadCustomerExport"]["errors"][0]["code"] == "GONE"
    assert Workshop(pool).take() == 0


def test_an_address_works_once_for_its_requester_and_only_as_it_was_given(
    pool: Pool, db: SyncDatabase
) -> None:
    stock(db, 2)
    id = ready(pool)
    others = pool.ask(STEWARD, DOWNLOAD, id=id)["downloadCustomerExport"]
    assert (others["url"], others["errors"][0]["code"]) == (None, "FORBIDDEN")
    first, url = address(pool, id), address(pool, id)

    assert requests.get(first, timeout=10).status_code == 410
    assert requests.head(url, timeout=10).status_code == 200
    assert requests.get(url[:-1] + ("0" if url[-1] != "0" else "1"), timeout=10).status_code == 404
    assert requests.get(url.split("?")[0], timeout=10).status_code == 404
    assert requests.get(url, timeout=10).status_code == 200
    again = requests.get(url, timeout=10)
    assert again.status_code == 410
    assert again.json()["errors"][0]["extensions"]["code"] == "GONE"
    assert shown(pool, id)["downloads"] == 1


def test_it_is_downloaded_three_times_and_no_more(pool: Pool, db: SyncDatabase) -> None:
    stock(db, 1)
    id = ready(pool)
    for _ in range(3):
        fetched(pool, id)

    assert pool.ask(REP, DOWNLOAD, id=id)["downloadCustomerExport"]["errors"][0]["code"] == "GONE"


@pytest.mark.parametrize("ender", [REP, LEAD])
def test_what_is_revoked_is_gone_at_once(pool: Pool, db: SyncDatabase, ender: UUID) -> None:
    stock(db, 2)
    id = ready(pool)
    url = address(pool, id)

    assert pool.ask(ender, REVOKE, id=id)["revokeCustomerExport"]["export"]["status"] == "REVOKED"

    assert requests.get(url, timeout=10).status_code == 410
    assert pool.ask(REP, DOWNLOAD, id=id)["downloadCustomerExport"]["errors"][0]["code"] == "GONE"
    assert db.read(count, "customer_export_chunk") == 0
    assert audited(db, id)[-1] == "revoke"


def test_a_download_stops_in_the_middle_when_it_is_revoked(
    pool: Pool, db: SyncDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(db, 40)
    monkeypatch.setattr(files, "PIECE", 500)
    id = ready(pool)
    row = db.read(store.by_id, UUID(id))
    assert row is not None
    assert row.file is not None
    assert db.read(file_store.chunk, row.id, row.file, 0) is not None

    pool.ask(LEAD, REVOKE, id=id)

    assert db.read(file_store.chunk, row.id, row.file, 1) is None


def test_a_policy_between_approval_and_download_binds(pool: Pool, db: SyncDatabase) -> None:
    stock(db, 2)
    id = ready(pool)
    before = a_policy(version=2)
    masked = [
        replace(rule, redaction="mask:first3last4")
        if (rule.subject, rule.object) == ("role:rep", "Contact.mobile")
        else rule
        for rule in before.rules
    ]
    publish(pool, replace(before, rules=tuple(masked)))

    refused = requests.get(address(pool, id), timeout=10)

    assert refused.status_code == 409
    assert shown(pool, id)["status"] == "QUEUED"
    Workshop(pool).finish()
    first = rows_of(fetched(pool, id))[0]
    assert "*" in first["Phone"]
    assert "*" in first["Contact mobile"]
    assert shown(pool, id)["downloads"] == 1


def test_a_policy_that_says_the_same_of_them_leaves_the_file(pool: Pool, db: SyncDatabase) -> None:
    stock(db, 1)
    id = ready(pool)
    before = a_policy(version=2)
    publish(pool, replace(before, rules=(*before.rules, Rule("role:other", "Tag", "update"))))

    assert fetched(pool, id)


def test_who_loses_the_right_to_export_gets_nothing(pool: Pool, db: SyncDatabase) -> None:
    stock(db, 1)
    id = ready(pool)
    url = address(pool, id)
    before = a_policy(version=2)
    publish(pool, replace(before, users={**before.users, REP: Member(None, (), active=False)}))

    assert requests.get(url, timeout=10).status_code == 403
    denied = text(
        "SELECT body ->> 'decision' FROM outbox "
        "WHERE subject = :subject AND name = 'audit.event.recorded'"
    )
    about = {"subject": f"export:{id}"}
    assert db.read(lambda s: s.execute(denied, about).scalars().all()) == ["deny"]
    assert pool.code(REP, DOWNLOAD, id=id) == "UNAUTHENTICATED"


def test_a_customer_that_was_given_away_leaves_the_file(pool: Pool, db: SyncDatabase) -> None:
    stock(db, 3)
    id = ready(pool)
    given = db.read(
        lambda s: s.execute(text("SELECT id FROM customer ORDER BY id")).scalars().all()
    )
    pool.assign(str(given[0]), OTHER_REP)

    assert requests.get(address(pool, id), timeout=10).status_code == 409

    Workshop(pool).finish()
    assert str(given[0]) not in fetched(pool, id).decode("utf-8-sig")
    assert shown(pool, id)["rows"] == 2


def test_only_rows_that_may_be_exported_leave_not_all_that_may_be_read(
    pool: Pool, db: SyncDatabase
) -> None:
    stock(db, 2)
    stock_of_the_pool = "UPDATE customer SET owner_id = NULL WHERE name LIKE '第1%'"
    db.write(lambda s: s.execute(text(stock_of_the_pool)))

    id = ready(pool, columns=["name"])

    assert [row["Customer name"] for row in rows_of(fetched(pool, id))] == ["第0客户有限公司"]


def test_what_left_comes_back_as_the_same(pool: Pool, db: SyncDatabase) -> None:
    """The watermark changes spellings, never values: importing the file again says nothing new."""
    stock(db, 30)
    before = db.read(
        lambda s: s.execute(
            text(
                "SELECT name, english_name, phone, email, website, address, note "
                "FROM customer ORDER BY name"
            )
        ).all()
    )
    for format in ("CSV", "XLSX"):
        content = fetched(pool, ready(pool, format=format))
        encoded = base64.b64encode(content).decode()
        create = """mutation($c: String!, $n: String!) {
          createImport(fileName: $n, contentBase64: $c) {
          errors { code } import { id preview { outcome errors { path } } } } }"""
        made = pool.ask(STEWARD, create, c=encoded, n=f"a.{format.lower()}")["createImport"][
            "import"
        ]

        done = import_run(pool, made["id"])

        assert (done["rejected"], done["ambiguous"], done["created"]) == (0, 0, 0), done
    after = db.read(
        lambda s: s.execute(
            text(
                "SELECT name, english_name, phone, email, website, address, note "
                "FROM customer ORDER BY name"
            )
        ).all()
    )
    assert after == before
    claims = db.read(
        lambda s: s.execute(
            text(
                "SELECT count(DISTINCT value) FROM claim c JOIN link l ON l.id = c.link_id "
                "WHERE field = 'phone'"
            )
        ).scalar_one()
    )
    assert claims == 30


def test_a_workbook_says_whose_copy_it_is(pool: Pool, db: SyncDatabase) -> None:
    stock(db, 2)
    id = ready(pool, format="XLSX")

    book = load_workbook(io.BytesIO(fetched(pool, id)))

    assert len(list(book.worksheets[0].rows)) == 3
    assert [book.worksheets[1]["B1"].value, book.worksheets[1]["B2"].value] == [id, str(REP)]
    assert book.properties.identifier == id


IDENTIFY = """mutation($c: String, $t: String) { identifyLeak(contentBase64: $c, text: $t) {
  errors { code path } finding { cells marks compared knownCustomers named { export { id }
    marks agreeing evidence falseAlarm } nearest { evidence }
    heldBy { customers export { id } } } } }"""


def finding(pool: Pool, **given: Any) -> dict[str, Any]:
    answer = pool.ask(AUDITOR, IDENTIFY, **given)["identifyLeak"]
    assert answer["errors"] == []
    return dict(answer["finding"])


def test_a_leaked_fragment_names_its_export_and_a_typed_copy_nobody(
    pool: Pool, db: SyncDatabase
) -> None:
    stock(db, 60)
    other, mine = ready(pool), ready(pool, format="XLSX")
    book = load_workbook(io.BytesIO(fetched(pool, mine)))
    lines = [[cell.value or "" for cell in row] for row in book.worksheets[0].rows]
    fragment = "\n".join(str(line[9]) + "\t" + str(line[1]) for line in sorted(lines[20:40]))
    typed = "\n".join(f"第{n}客户有限公司\t010-6{n:07d}" for n in range(60))

    leaked, copied = finding(pool, t=fragment), finding(pool, t=typed)

    assert [one["export"]["id"] for one in leaked["named"]] == [mine]
    assert leaked["named"][0]["falseAlarm"] < 1e-9
    assert copied["named"] == []
    assert copied["knownCustomers"] == 60
    assert {(one["export"]["id"], one["customers"]) for one in copied["heldBy"]} == {
        (mine, 60),
        (other, 60),
    }
    assert pool.code(REP, IDENTIFY, t=typed) == "FORBIDDEN"


def test_somebody_who_left_has_no_exports(pool: Pool, db: SyncDatabase) -> None:
    stock(db, 2)
    id, waiting = ready(pool), asked(pool)["id"]
    url = address(pool, id)
    plan = {"otherwise": ["pool", None], "departments": {}, "heads": {}}
    body = {
        "off_boarding": str(UUID(int=8)),
        "user": str(REP),
        "by": str(STEWARD),
        "plan": plan,
        "policy_version": 1,
    }
    fact = Received(UUID(int=9), "identity.user.off_boarded", str(REP), body, "identity", MONDAY)

    for _ in range(2):
        db.write(HANDLERS[fact.name], fact)

    assert requests.get(url, timeout=10).status_code == 410
    assert [shown(pool, one)["status"] for one in (id, waiting)] == ["REVOKED", "REVOKED"]
    assert audited(db, id).count("revoke") == 1


def test_a_person_has_only_so_many_exports_and_rows(pool: Pool, db: SyncDatabase) -> None:
    stock(db, 3)
    tight = msgspec.structs.replace(pool.settings, export_quota=2, export_quota_rows=5)
    guard = a_guard_for(pool)

    def ask(settings: Any = tight, **search: Any) -> UUID:
        wanted = ExportRequest(Search(**search), ["name"], "CSV", "季度回访", "SERVICE")
        return db.write(request, *guard, wanted, settings)

    first = ask()
    with pytest.raises(Throttled, match="only 2 are left"):
        ask()
    ask(text="第1")
    with pytest.raises(Throttled, match="2 exports"):
        ask(text="第1")
    db.write(commands.cancel, guard[1], first, 1)
    ask(text="第1")  # what was given up counts no more
    with pytest.raises(LimitExceeded):
        ask(msgspec.structs.replace(pool.settings, export_max_rows=2))
    with pytest.raises(BadInput):
        ask(text="没有这样的客户")


def a_guard_for(pool: Pool) -> tuple[Any, Any]:
    actor = Actor(REP)
    return a_guard().permissions(actor), actor


def test_a_small_file_without_sensitive_columns_may_go_without_approval(
    pool: Pool, db: SyncDatabase
) -> None:
    stock(db, 2)
    settings = msgspec.structs.replace(pool.settings, export_unapproved_rows=2)
    guard = a_guard_for(pool)

    plain, guarded = (
        db.write(
            request,
            *guard,
            ExportRequest(Search(), columns, "CSV", "季度回访", "SERVICE"),
            settings,
        )
        for columns in (["name", "region"], ["name", "phone"])
    )

    assert shown(pool, str(plain))["status"] == "QUEUED"
    assert shown(pool, str(guarded))["status"] == "AWAITING_APPROVAL"


def test_time_ends_what_nobody_ended(pool: Pool, db: SyncDatabase) -> None:
    stock(db, 1)
    id, waiting = ready(pool), asked(pool)["id"]
    url = address(pool, id)
    db.write(lambda s: s.execute(text("UPDATE customer_export SET expires_at = now()")))

    assert requests.get(url, timeout=10).status_code == 410
    assert db.write(commands.expire) == 2
    assert db.write(commands.expire) == 0
    assert [shown(pool, one)["status"] for one in (id, waiting)] == ["EXPIRED", "EXPIRED"]
    assert db.read(count, "customer_export_chunk") == 0


def test_a_message_that_comes_twice_or_late_makes_one_file(pool: Pool, db: SyncDatabase) -> None:
    stock(db, 2)
    id = asked(pool)["id"]
    pool.ask(LEAD, APPROVE, id=id)
    dead, alive = Workshop(pool), Workshop(pool)
    dead.take()
    first = dead.bell[0]
    db.write(
        lambda s: s.execute(text("UPDATE customer_export SET lease_until = now() - interval '1 s'"))
    )

    alive.finish()
    dead.bell = [first, first]
    dead.finish()

    assert shown(pool, id)["status"] == "READY"
    assert audited(db, id).count("make") == 1


def test_one_that_is_revoked_while_it_is_made_has_no_file(
    pool: Pool, db: SyncDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(db, 3)
    id = asked(pool)["id"]
    pool.ask(LEAD, APPROVE, id=id)
    monkeypatch.setattr(files, "BATCH", 1)
    true_advance = lease.advance

    def revoked_meanwhile(*arguments: Any) -> bool:
        pool.ask(LEAD, REVOKE, id=id)
        return true_advance(*arguments)

    monkeypatch.setattr(lease, "advance", revoked_meanwhile)
    Workshop(pool).finish()

    assert shown(pool, id)["status"] == "REVOKED"
    assert db.read(count, "customer_export_chunk") == 0
    assert db.read(count, "customer_export_row") == 0


def test_a_making_that_fails_is_tried_again_and_then_given_up(
    pool: Pool, db: SyncDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(db, 1)
    id = asked(pool)["id"]
    pool.ask(LEAD, APPROVE, id=id)

    def broken(*_a: Any, **_k: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(file_store, "put_rows", broken)
    for _ in range(5):
        db.write(lambda s: s.execute(text("UPDATE customer_export SET lease_until = now()")))
        Workshop(pool).finish()

    found = shown(pool, id)
    assert (found["status"], found["problem"]) == ("FAILED", {"code": "INTERNAL"})
    assert db.read(count, "customer_export_chunk") == 0


def test_an_estimate_writes_nothing(pool: Pool, db: SyncDatabase) -> None:
    stock(db, 4)
    query = """query($c: [String!]!) { customerExportEstimate(columns: $c) {
      rows needsApproval exportsLeft rowsLeft columns { name sensitive } } }"""

    found = pool.ask(REP, query, c=["phone"])["customerExportEstimate"]

    assert found["rows"] == 4
    assert found["needsApproval"] is True
    assert found["columns"] == [
        {"name": "name", "sensitive": False},
        {"name": "phone", "sensitive": True},
    ]
    assert db.read(count, "customer_export") == 0
    assert pool.code(REP, query, c=["password"]) == "BAD_INPUT"


def test_lists_show_ones_own_and_those_one_looks_after(pool: Pool, db: SyncDatabase) -> None:
    stock(db, 1)
    mine, theirs = asked(pool)["id"], asked(pool, STEWARD)["id"]
    query = (
        """query($c: ID) { customerExports(customerId: $c, first: 5) { edges { node { id } } } }"""
    )

    def seen(user: UUID, **given: Any) -> list[str]:
        edges = pool.ask(user, query, **given)["customerExports"]["edges"]
        return [edge["node"]["id"] for edge in edges]

    assert seen(REP) == [mine]
    assert seen(LEAD) == [mine]
    assert seen(AUDITOR) == [theirs, mine]
    assert seen(OTHER_REP) == []
    customer = str(db.read(lambda s: s.execute(text("SELECT id FROM customer")).scalar_one()))
    assert seen(AUDITOR, c=customer) == []
    pool.ask(LEAD, APPROVE, id=mine)
    Workshop(pool).finish()
    assert seen(AUDITOR, c=customer) == [mine]


def test_a_repeated_request_is_one(pool: Pool, db: SyncDatabase) -> None:
    stock(db, 1)

    assert asked(pool, key="k", columns=ALL)["id"] == asked(pool, key="k", columns=ALL)["id"]
    assert db.read(count, "customer_export") == 1
