"""A table comes in: through the gateway or by upload, in chunks, whatever dies;
wrong rows go out again."""

from __future__ import annotations

import base64
import io
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest
import requests
from openpyxl import Workbook, load_workbook
from redis import Redis
from sqlalchemy import text

from chassis.db import SyncDatabase
from chassis.policy import feed
from chassis.policy.rules import Member, Snapshot
from chassis.spreadsheet import reading as spreadsheet
from chassis.worker import Work
from customers.imports import store, tasks
from tests.customers.making import OTHER_REP, READER, REP, STEWARD, a_code, a_policy, count
from tests.customers.serving import Pool, pool

__all__ = ["pool"]

FIELDS = """{ id status rowsTotal rowsDone created updated unchanged matched ambiguous rejected
  uploadUrl errorsUrl problem { code message } mapping { header fields }
  preview { rowNumber outcome errors { path message } }
  errors { edges { node { rowNumber column field code message } } } }"""
CREATE = (
    """mutation($name: String!, $content: String, $mapping: [ColumnMappingInput!], $key: String) {
  createImport(fileName: $name, contentBase64: $content, mapping: $mapping, idempotencyKey: $key) {
    errors { code path message } import """
    + FIELDS
    + "} }"
)
RUN = "mutation($id: ID!) { runImport(id: $id) { errors { code } import { status } } }"
SHOW = "query($id: ID!) { import(id: $id) " + FIELDS + "}"

ROWS = [
    ("客户名称", "统一社会信用代码", "电话", "邮箱", "联系人"),
    ("华宁科技有限公司", a_code(1), "010-88886666", "info@huaning.example", "张三"),
    ("恒通物流", a_code(2)[:-1] + ("A" if a_code(2)[-1] != "A" else "B"), "123", "", ""),
    ("=HYPERLINK(1)", "", "", "nonsense", ""),
    ("远景贸易", a_code(3), "138 0000 0003", "", "李四"),
]


def csv_of(rows: Sequence[tuple[str, ...]], encoding: str = "utf-8") -> bytes:
    return "\n".join(",".join(row) for row in rows).encode(encoding)


def xlsx_of(rows: Sequence[tuple[str, ...]]) -> bytes:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
        for cell in book.worksheets[0][book.worksheets[0].max_row]:
            cell.data_type = "s"
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def created(
    pool: Pool, content: bytes, name: str = "客户.csv", user: UUID = STEWARD
) -> dict[str, Any]:
    encoded = base64.b64encode(content).decode()
    made = pool.ask(user, CREATE, name=name, content=encoded)["createImport"]
    assert made["errors"] == [], made
    return dict(made["import"])


class Workshop:
    """A worker without a broker: what would be rung for is kept in a list."""

    def __init__(self, pool: Pool) -> None:
        self.settings = pool.settings
        self.work = Work.of(pool.settings, "test")
        self.bell: list[tuple[UUID, int, int]] = []

    def take(self) -> int:
        return tasks.take(self.work, self.settings, self.ring)

    def ring(self, id: UUID, fence: int, chunk: int) -> None:
        self.bell.append((id, fence, chunk))

    def answer(self) -> None:
        id, fence, chunk = self.bell.pop(0)
        tasks.run(self.work, self.settings, id, fence, chunk, self.ring)

    def finish(self) -> None:
        self.take()
        while self.bell:
            self.answer()


def run(pool: Pool, id: str, user: UUID = STEWARD) -> dict[str, Any]:
    assert pool.ask(user, RUN, id=id)["runImport"]["errors"] == []
    Workshop(pool).finish()
    return dict(pool.ask(user, SHOW, id=id)["import"])


@pytest.mark.parametrize(
    ("content", "name"),
    [(csv_of(ROWS), "a.csv"), (csv_of(ROWS, "gbk"), "gbk.csv"), (xlsx_of(ROWS), "a.xlsx")],
)
def test_the_right_rows_enter_and_the_wrong_ones_are_explained(
    pool: Pool, content: bytes, name: str
) -> None:
    made = created(pool, content, name)
    assert [row["outcome"] for row in made["preview"]] == [
        "CREATED",
        "REJECTED",
        "REJECTED",
        "CREATED",
    ]
    assert made["mapping"][1] == {
        "header": "统一社会信用代码",
        "fields": ["unifiedSocialCreditCode"],
    }

    done = run(pool, made["id"])

    assert (done["status"], done["created"], done["rejected"]) == ("DONE", 2, 2)
    problems = [edge["node"] for edge in done["errors"]["edges"]]
    assert [(p["rowNumber"], p["column"]) for p in problems] == [
        (3, "统一社会信用代码"),
        (3, "电话"),
        (4, "邮箱"),
    ]
    assert a_code(2)[-1] in problems[0]["message"]


def test_the_same_file_again_changes_nothing(pool: Pool, db: SyncDatabase) -> None:
    run(pool, created(pool, csv_of(ROWS))["id"])
    before = db.read(count, "claim"), db.read(count, "customer")

    again = run(pool, created(pool, csv_of(ROWS))["id"])

    assert (again["unchanged"], again["created"], again["updated"]) == (2, 0, 0)
    assert (db.read(count, "claim"), db.read(count, "customer")) == before


@pytest.mark.parametrize("format", ["CSV", "XLSX"])
def test_wrong_rows_are_downloaded_mended_and_sent_again(pool: Pool, format: str) -> None:
    done = run(pool, created(pool, csv_of(ROWS))["id"])
    query = "query($id: ID!, $f: SheetFormat!) { import(id: $id) { errorsUrl(format: $f) } }"
    url = pool.ask(STEWARD, query, id=done["id"], f=format)["import"]["errorsUrl"]

    file = requests.get(local(pool, url), timeout=10)

    assert file.headers["cache-control"] == "no-store"
    found = spreadsheet.read(file.content, url)
    rows = [cells for _, cells in found]
    assert found.headers == (*ROWS[0], "错误 Error")
    assert [row["客户名称"] for row in rows] == ["恒通物流", "=HYPERLINK(1)"]
    if format == "CSV":
        assert "'=HYPERLINK(1)" in file.content.decode("utf-8-sig")
    else:
        assert load_workbook(io.BytesIO(file.content)).worksheets[0]["A3"].value == "'=HYPERLINK(1)"
    mended = [tuple(found.headers)] + [
        tuple(
            {"统一社会信用代码": "", "电话": "", "邮箱": ""}.get(
                header, row.get(header, "")
            ).replace(",", ";")
            for header in found.headers
        )
        for row in rows
    ]
    again = run(pool, created(pool, csv_of(mended))["id"])
    assert (again["created"], again["rejected"]) == (2, 0)


def local(pool: Pool, url: str) -> str:
    """The link under the port this test's server listens on."""
    return pool.url + "/imports/" + url.split("/imports/")[1]


def test_a_large_file_is_put_to_its_address(pool: Pool) -> None:
    made = pool.ask(STEWARD, CREATE, name="a.csv")["createImport"]["import"]
    assert made["status"] == "AWAITING_FILE"

    answer = requests.put(local(pool, made["uploadUrl"]), data=csv_of(ROWS), timeout=10)

    assert answer.json()["rows"] == 4
    assert pool.ask(STEWARD, SHOW, id=made["id"])["import"]["status"] == "READY"


def test_a_wrong_key_opens_nothing(pool: Pool, db: SyncDatabase) -> None:
    made = pool.ask(STEWARD, CREATE, name="a.csv")["createImport"]["import"]
    good = local(pool, made["uploadUrl"])
    expires, _, signed = good.split("token=")[1].partition(".")

    for bad in (
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        good.split("?")[0],
        good.replace(expires, "1"),
        good.replace(made["id"], str(UUID(int=1))),
        good.replace("/file", "/errors.csv"),
        good.replace(signed, "é"),
    ):
        verb = requests.get if "errors" in bad else requests.put
        answer = verb(bad, data=csv_of(ROWS), timeout=10)
        assert answer.status_code == 404, bad
        assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert db.read(count, "import_chunk") == 0


def test_a_file_that_cannot_be_read_is_refused_and_nothing_is_kept(
    pool: Pool, db: SyncDatabase
) -> None:
    content = base64.b64encode(b"PK\x03\x04 broken").decode()

    refused = pool.ask(STEWARD, CREATE, name="a.xlsx", content=content)["createImport"]

    assert refused["errors"][0]["code"] == "BAD_INPUT"
    assert db.read(count, "import_chunk") == 0


def big(rows: int) -> bytes:
    lines = [("客户名称", "电话", "标签")]
    lines += [(f"批量客户第{n}家", f"138{n:08d}", "批量") for n in range(rows)]
    return csv_of(lines)


def test_chunks_are_done_once_whoever_comes_twice_or_late(pool: Pool, db: SyncDatabase) -> None:
    id = created(pool, big(1200))["id"]
    pool.ask(STEWARD, RUN, id=id)
    dead, alive = Workshop(pool), Workshop(pool)
    dead.take()
    first = dead.bell[0]
    dead.answer()  # one chunk is in; then this worker dies before the next
    expire(db)

    assert alive.take() == 1
    alive.answer()
    dead.bell.append(first)  # the broker delivers the old message again
    dead.answer()
    dead.answer()  # and the dead worker wakes up with its stale token
    assert dead.bell == []
    while alive.bell:
        alive.answer()

    done = pool.ask(STEWARD, SHOW, id=id)["import"]
    assert (done["status"], done["rowsDone"], done["created"]) == ("DONE", 1200, 1200)
    assert db.read(count, "customer") == 1200


def test_two_workers_at_once_on_one_chunk_do_it_once(pool: Pool, db: SyncDatabase) -> None:
    id = created(pool, big(600))["id"]
    pool.ask(STEWARD, RUN, id=id)
    one, two = Workshop(pool), Workshop(pool)
    one.take()
    two.bell = list(one.bell)

    threads = [threading.Thread(target=worker.answer) for worker in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(one.bell + two.bell) == 1
    assert db.read(count, "customer") == 500


DYING = """
import os, signal, sys
from uuid import UUID
import msgspec
from chassis.worker import Work
from customers.settings import CustomersSettings
from customers.imports import store, tasks

def die(*_a, **_k):
    os.kill(os.getpid(), signal.SIGKILL)

store.advance = die  # the rows of the chunk are written, its checkpoint is not
settings = msgspec.json.decode(sys.argv[1], type=CustomersSettings)
id, fence, chunk = UUID(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
tasks.run(Work.of(settings, "test"), settings, id, fence, chunk, lambda *_: None)
"""


def test_a_worker_killed_between_rows_and_checkpoint_loses_and_doubles_nothing(
    pool: Pool, db: SyncDatabase
) -> None:
    id = created(pool, big(700))["id"]
    pool.ask(STEWARD, RUN, id=id)
    shop = Workshop(pool)
    shop.take()
    shop.answer()
    _, fence, chunk = shop.bell.pop()
    settings = msgspec.json.encode(pool.settings).decode()

    killed = subprocess.run([sys.executable, "-c", DYING, settings, id, str(fence), str(chunk)])

    assert killed.returncode == -signal.SIGKILL
    assert db.read(count, "customer") == 500
    expire(db)
    shop.finish()
    done = pool.ask(STEWARD, SHOW, id=id)["import"]
    assert (done["status"], done["rowsDone"], done["created"]) == ("DONE", 700, 700)
    assert db.read(count, "customer") == 700


def test_a_failing_chunk_writes_nothing_is_tried_again_and_then_given_up(
    pool: Pool, db: SyncDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = created(pool, big(10))["id"]
    pool.ask(STEWARD, RUN, id=id)

    def broken(*_a: Any, **_k: Any) -> None:
        raise RuntimeError("after the rows were written")

    monkeypatch.setattr(store, "advance", broken)
    for _ in range(5):
        expire(db)
        Workshop(pool).finish()

    failed = pool.ask(STEWARD, SHOW, id=id)["import"]
    assert failed["status"] == "FAILED"
    assert failed["problem"]["code"] == "INTERNAL"
    assert db.read(count, "customer") == 0
    monkeypatch.undo()
    assert run(pool, id)["created"] == 10


def expire(db: SyncDatabase) -> None:
    """As if the lease had run out."""
    statement = text(
        "UPDATE import_job SET lease_until = now() - interval '1 second' "
        "WHERE lease_until IS NOT NULL"
    )
    db.write(lambda s: s.execute(statement))


def test_who_loses_the_right_meanwhile_imports_no_further(pool: Pool, db: SyncDatabase) -> None:
    id = created(pool, big(10), user=REP)["id"]
    pool.ask(REP, RUN, id=id)
    policy = a_policy(version=2)
    without = Snapshot(
        2, policy.rules, policy.roles, {**policy.users, REP: Member(None, ())}, policy.departments
    )
    with Redis.from_url(pool.settings.redis_url) as client:
        client.set(feed.SNAPSHOT, without.to_json())
        client.set(feed.VERSION, 2)

    Workshop(pool).finish()

    row = db.read(store.by_id, UUID(id))
    assert row is not None
    assert (row.status, (row.problem or {})["code"]) == ("FAILED", "FORBIDDEN")
    assert db.read(count, "customer") == 0


def test_a_rep_imports_their_own_and_not_into_somebody_elses(pool: Pool, db: SyncDatabase) -> None:
    [first] = run(pool, created(pool, csv_of([("名称", "电话"), ("华宁", "13800000001")]))["id"])[
        "errors"
    ]["edges"] or [None]
    assert first is None
    [[theirs]] = db.read(lambda s: s.execute(text("SELECT id FROM customer")).all())
    pool.assign(str(theirs), OTHER_REP)

    rows = [("名称", "电话"), ("华宁", "13800000001"), ("新的", "13800000002")]
    done = run(pool, created(pool, csv_of(rows), user=REP)["id"], REP)

    assert (done["created"], done["rejected"]) == (1, 1)
    owners = db.read(
        lambda s: [r.owner_id for r in s.execute(text("SELECT owner_id FROM customer ORDER BY id"))]
    )
    assert owners == [OTHER_REP, REP]
    assert pool.ask(OTHER_REP, SHOW, id=done["id"])["import"] is None
    assert pool.code(READER, SHOW, id=done["id"]) == "FORBIDDEN"


def test_a_preview_is_no_way_around_the_limit_on_duplicate_checks(pool: Pool) -> None:
    rows = [("名称", "电话"), *((f"客户{n}", f"138000000{n:02d}") for n in range(25))]
    run(pool, created(pool, csv_of(rows))["id"])
    pool.give_all_to(OTHER_REP)

    made = pool.ask(
        REP,
        "mutation($c: String!) { "
        'createImport(fileName: "a.csv", contentBase64: $c) { import { id } } }',
        c=base64.b64encode(csv_of(rows)).decode(),
    )
    query = "query($id: ID!) { import(id: $id) { preview { outcome } } }"

    assert pool.code(REP, query, id=made["createImport"]["import"]["id"]) == "RATE_LIMITED"
