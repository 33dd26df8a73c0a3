"""The engine against a source with bad days: nothing lost, nothing twice, everything said."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from integrations.installations import store as installation
from integrations.sync.commands import sync_run as runs
from integrations.sync.domain import SyncMode
from tests.integrations.house import TRACE, House, scope
from tests.integrations.pool import FakePool
from tests.integrations.source import (
    FakeSource,
    a_row,
    a_spec,
    expired,
    failing,
    refusing,
    throttled,
    truncated,
    without_rows,
)


@pytest.fixture
def installed(house: House, source_url: str) -> UUID:
    return house.install("rest", {"spec": a_spec(source_url)}, {"token": "t0"})


def test_brings_every_record_over_once(
    house: House, installed: UUID, source: FakeSource, pool: FakePool
) -> None:
    source.fill(1234)

    run = house.sync(installed)

    assert (run.status, run.fetched, run.created, run.pages) == ("SUCCEEDED", 1234, 1234, 13)
    assert len(pool.created) == len(set(pool.created)) == 1234
    assert max(pool.batches) <= 500
    assert house.one("SELECT count(*) FROM source_record WHERE customer_id IS NOT NULL") == 1234


def test_a_second_run_delivers_nothing(
    house: House, installed: UUID, source: FakeSource, pool: FakePool
) -> None:
    source.fill(250)
    house.sync(installed)
    pool.batches.clear()

    run = house.sync(installed, SyncMode.FULL)

    assert (run.fetched, run.unchanged, run.updated) == (250, 250, 0)
    assert pool.batches == []


def test_asks_only_for_what_changed_since_and_a_little_before(
    house: House, installed: UUID, source: FakeSource, pool: FakePool
) -> None:
    source.fill(150)
    house.sync(installed)
    source.rows[7] = a_row(8, name="新名称有限公司", updated_at="2099-01-01T00:00:00Z")
    source.journal.clear()

    run = house.sync(installed)

    assert (run.fetched, run.updated) == (1, 1)
    assert pool.updated == ["customers/8"]
    mark = house.db.read(installation.watermarks, installed)["customers"]
    assert source.journal[0]["updated_since"] < mark


@pytest.mark.parametrize(
    "fault", [throttled(), failing(500), failing(503), refusing(45009), truncated()]
)
def test_a_bad_moment_in_the_middle_costs_a_retry_and_no_record(
    house: House, installed: UUID, source: FakeSource, pool: FakePool, fault: Any
) -> None:
    source.fill(500)
    source.faults[3] = fault

    run = house.sync(installed)

    assert (run.status, run.fetched, run.retries) == ("SUCCEEDED", 500, 1)
    assert len(pool.created) == 500


@pytest.mark.parametrize(
    ("fault", "code"), [(refusing(7), "SOURCE_REFUSED"), (without_rows(), "NO_RECORDS_PATH")]
)
def test_an_error_with_status_200_is_never_the_last_page(
    house: House, installed: UUID, source: FakeSource, fault: Any, code: str
) -> None:
    source.fill(500)
    source.faults[3] = fault

    run = house.sync(installed)

    assert (run.status, run.error_code, run.fetched) == ("FAILED", code, 200)
    assert house.db.read(installation.watermarks, installed) == {}


def test_a_long_wait_is_not_sat_out_and_the_run_goes_on_where_it_was(
    house: House, installed: UUID, source: FakeSource, pool: FakePool
) -> None:
    source.fill(500)
    source.faults[3] = throttled("300")

    waiting = house.sync(installed)
    house.runtime.redis.flushdb()
    house.wake(waiting.id)
    source.journal.clear()
    done = house.finish(waiting.id)

    assert (waiting.status, waiting.error_code, waiting.fetched) == ("RUNNING", "THROTTLED", 200)
    assert waiting.not_before is not None
    assert (done.status, done.fetched, done.error_code) == ("SUCCEEDED", 500, None)
    assert source.journal[0]["page"] == "3"
    assert len(pool.created) == 500


def test_the_wait_a_source_asks_for_holds_for_every_worker(
    house: House, installed: UUID, source: FakeSource
) -> None:
    source.fill(10)
    source.faults[1] = throttled("300")
    waiting = house.sync(installed)
    house.wake(waiting.id)

    house.finish(waiting.id)

    assert len(source.journal) == 1


def test_a_source_that_leads_in_circles_is_an_error(
    house: House, installed: UUID, source: FakeSource
) -> None:
    source.fill(500)
    source.loop = True

    run = house.sync(installed)

    assert (run.status, run.error_code) == ("FAILED", "LOOP")


def test_a_source_that_gives_less_than_it_promised_leaves_the_run_partial(
    house: House, installed: UUID, source: FakeSource
) -> None:
    source.fill(150)
    source.count = 400

    run = house.sync(installed)

    assert (run.status, run.error_code, run.fetched) == ("PARTIAL", "INCOMPLETE", 150)
    assert house.db.read(installation.watermarks, installed) == {}


def test_a_poison_record_becomes_a_dead_letter_and_stops_nobody(
    house: House, installed: UUID, source: FakeSource, pool: FakePool
) -> None:
    source.fill(300)
    source.rows[10] = a_row(11, name=None)
    source.rows[20] = a_row(21, name="poison")

    run = house.sync(installed)

    assert (run.status, run.dead_lettered, run.rejected) == ("PARTIAL", 2, 1)
    assert len(pool.created) == 298
    letters = house.all("SELECT external_id, stage, code FROM dead_letter ORDER BY external_id")
    assert [tuple(row) for row in letters] == [
        ("11", "MAP", "MISSING_FIELD"),
        ("21", "DELIVER", "BAD_INPUT"),
    ]


def test_a_record_that_breaks_the_pool_is_found_by_halving(
    house: House, installed: UUID, source: FakeSource, pool: FakePool
) -> None:
    source.fill(100)
    pool.broken = lambda record: record["externalId"] == "customers/42"

    run = house.sync(installed)

    assert (run.status, run.created, run.dead_lettered) == ("PARTIAL", 99, 1)
    assert house.one("SELECT external_id FROM dead_letter") == "42"


def test_a_pool_that_fails_on_everything_is_waited_for(
    house: House, installed: UUID, source: FakeSource, pool: FakePool
) -> None:
    source.fill(100)
    pool.broken = lambda _: True
    waiting = house.sync(installed)

    pool.broken = lambda _: False
    house.wake(waiting.id)
    done = house.finish(waiting.id)

    assert (waiting.error_code, waiting.dead_lettered) == ("POOL_FAILS", 0)
    assert (done.status, done.created) == ("SUCCEEDED", 100)


def test_a_pool_that_is_away_loses_no_run(
    house: House, installed: UUID, source: FakeSource, pool: FakePool
) -> None:
    source.fill(100)
    pool.down = 1

    waiting = house.sync(installed)
    house.wake(waiting.id)
    done = house.finish(waiting.id)

    assert (waiting.status, waiting.error_code) == ("RUNNING", "POOL_AWAY")
    assert (done.status, done.created) == ("SUCCEEDED", 100)


def test_a_service_user_without_the_right_password_fails_the_run_with_a_fix(
    house: House, installed: UUID, source: FakeSource, pool: FakePool
) -> None:
    source.fill(1)
    pool.password = "another"

    run = house.sync(installed)

    assert (run.status, run.error_code) == ("FAILED", "SERVICE_USER_REFUSED")
    assert "SERVICE_PASSWORD" in (run.fix_en or "")


def test_dead_letters_are_tried_again_from_what_was_stored(
    house: House, installed: UUID, source: FakeSource, pool: FakePool
) -> None:
    source.fill(5)
    source.rows[2] = a_row(3, name="poison")
    pool_rejects = house.sync(installed)
    source.journal.clear()
    letter = house.one("SELECT id FROM dead_letter")
    real = pool._take
    pool._take = lambda record, dry_run: real(record | {"fields": {"name": "cured"}}, dry_run)  # type: ignore[method-assign]

    (run,) = house.db.write(runs.replay, scope("DeadLetter", "retry"), [letter], TRACE)
    done = house.finish(run)

    assert pool_rejects.dead_lettered == 1
    assert (done.mode, done.status, done.fetched, done.created) == ("REPLAY", "SUCCEEDED", 1, 1)
    assert source.journal == []
    assert house.one("SELECT state FROM dead_letter") == "RESOLVED"
    assert house.one("SELECT outcome FROM source_record WHERE external_id = '3'") == "CREATED"


def test_a_dead_letter_that_fails_again_stays_and_counts(
    house: House, installed: UUID, source: FakeSource
) -> None:
    source.rows = [a_row(1, name="poison")]
    house.sync(installed)
    letter = house.one("SELECT id FROM dead_letter")

    (run,) = house.db.write(runs.replay, scope("DeadLetter", "retry"), [letter], TRACE)
    done = house.finish(run)

    assert done.status == "PARTIAL"
    assert house.all("SELECT id, attempts, state FROM dead_letter") == [(letter, 2, "OPEN")]


def test_a_record_that_comes_well_settles_its_dead_letter(
    house: House, installed: UUID, source: FakeSource
) -> None:
    source.rows = [a_row(1, name="poison")]
    house.sync(installed)
    source.rows = [a_row(1, name="well", updated_at="2099-01-01T00:00:00Z")]

    house.sync(installed)

    assert house.one("SELECT state FROM dead_letter") == "RESOLVED"


def test_a_record_that_is_gone_is_told_as_deleted(
    house: House, installed: UUID, source: FakeSource, pool: FakePool
) -> None:
    source.fill(3)
    house.sync(installed)
    source.rows[1] = a_row(2, gone=True, updated_at="2099-01-01T00:00:00Z")
    source.rows.append(a_row(9, gone=True, updated_at="2099-01-01T00:00:00Z"))

    run = house.sync(installed)

    assert run.deleted == 1
    assert pool.customers["customers/2"]["deleted"] is True
    assert "customers/9" not in pool.customers


def test_a_cancelled_run_stops_before_its_next_page_and_keeps_what_it_has(
    house: House, installed: UUID, source: FakeSource, pool: FakePool
) -> None:
    source.fill(300)
    source.faults[2] = throttled("300")
    waiting = house.sync(installed)

    house.db.write(
        runs.request_cancel, scope("SyncRun", "start"), waiting.id, house.run(waiting.id)
    )
    done = house.finish(waiting.id)

    assert (done.status, len(pool.created)) == ("CANCELLED", 100)
    assert house.db.read(installation.watermarks, installed) == {}


def test_one_run_of_a_source_goes_on_at_a_time(house: House, installed: UUID) -> None:
    from chassis.errors import Conflict

    house.start(installed)

    with pytest.raises(Conflict) as refused:
        house.start(installed)

    assert "has an active run" in refused.value.en
    assert house.one("SELECT count(*) FROM sync_run") == 1


def test_every_record_carries_the_trace_of_its_run(
    house: House, installed: UUID, source: FakeSource, pool: FakePool
) -> None:
    source.fill(2)

    run = house.sync(installed)

    assert run.trace_id == TRACE.split("-")[1]
    assert house.one("SELECT DISTINCT trace_id FROM source_record") == run.trace_id


def test_a_token_that_ends_in_the_middle_is_renewed_once(
    house: House, source: FakeSource, source_url: str, pool: FakePool
) -> None:
    source.fill(500)
    source.tokens.clear()
    source.faults[3] = expired(source)
    auth = {
        "scheme": "session",
        "login": {
            "method": "POST",
            "path": "/login",
            "body": {"password": "{credentials.password}"},
        },
        "token_path": "token",
        "name": "Authorization",
        "value": "Bearer {token}",
    }
    id = house.install("rest", {"spec": a_spec(source_url, auth=auth)}, {"password": "right"})

    run = house.sync(id)

    assert (run.status, run.fetched, source.logins) == ("SUCCEEDED", 500, 2)


def test_raw_records_are_not_readable_in_the_database(
    house: House, installed: UUID, source: FakeSource
) -> None:
    source.rows = [a_row(1, name="poison secret-name"), a_row(2, name="secret-name")]

    house.sync(installed)

    stored = house.all(
        "SELECT payload FROM source_record UNION ALL SELECT payload FROM dead_letter"
    )
    assert len(stored) == 3
    assert all(b"secret-name" not in bytes(row[0]) for row in stored)


def test_a_mistake_of_ours_is_told_and_tried_again(
    house: House, installed: UUID, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.fill(10)

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("integrations.sync.services.engine.process_page", broken)
    waiting = house.sync(installed)
    monkeypatch.undo()
    house.wake(waiting.id)

    assert (waiting.status, waiting.error_code) == ("RUNNING", "INTERNAL")
    assert house.finish(waiting.id).status == "SUCCEEDED"
