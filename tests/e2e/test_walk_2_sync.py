"""Walk 2: a scheduled run of 10,000 customers, killed in the middle, loses and doubles nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.e2e.conftest import Running, wait_for
from tests.support.serve import served

COUNT = 10_000
ENGINEER = "liang.yu"
SPEC: dict[str, Any] = {
    "id": "walk-two-erp",
    "version": 1,
    "title": {"en": "An ERP with many customers", "zh": "客户众多的 ERP"},
    "protocol": "http",
    "auth": {"scheme": "bearer", "token": "{credentials.token}"},
    "limits": [{"rate": 100, "per_seconds": 1}],
    "envelope": {
        "success_when": "status == `200` && body.errcode == `0`",
        "code_path": "errcode",
        "message_path": "errmsg",
    },
    "streams": [
        {
            "name": "customers",
            "request": {"method": "GET", "path": "/customers"},
            "records_path": "data.rows",
            "count_path": "data.count",
            "key": "id",
            "pager": {"type": "page", "param": "page", "size_param": "size", "size": 500},
            "cursor": {"mode": "full_scan_hash"},
            "mapping": {
                "kind": {"const": "ORGANIZATION"},
                "observed_at": {"from": "updated_at", "via": ["iso_time"]},
                "fields": {
                    "name": {"from": "name", "via": ["squeeze"], "required": True},
                    "industry": "industry",
                },
            },
        }
    ],
}
INSTALL = """
mutation ($input: InstallConnectorInput!) {
  installConnector(input: $input) { installation { id system } errors { code message path } }
}
"""
START = """
mutation ($id: ID!) { startSync(installationId: $id) { run { id } errors { code message } } }
"""
LATEST = """
query ($id: ID!) {
  installation(id: $id) {
    latestRun { id status traceId reason { message } counters {
      pages fetched created updated unchanged matched ambiguous rejected deadLettered } }
  }
}
"""


class Erp:
    """A source that answers pages of invented companies and counts what it was asked."""

    def __init__(self) -> None:
        self.industry = "制造业"
        self.calls = 0
        self.app = Starlette(routes=[Route("/customers", self.customers)])

    async def customers(self, request: Request) -> JSONResponse:
        self.calls += 1
        number, size = (int(request.query_params[name]) for name in ("page", "size"))
        first = (number - 1) * size
        rows = [
            {
                "id": f"c{i}",
                "name": f"漫步二号测试企业{i:05d}有限公司",
                "industry": self.industry if i == 77 else "制造业",
                "updated_at": "2026-01-01T00:00:00Z",
            }
            for i in range(first, min(first + size, COUNT))
        ]
        return JSONResponse({"errcode": 0, "data": {"count": COUNT, "rows": rows}})


@pytest.fixture
def erp() -> Iterator[tuple[Erp, str]]:
    source = Erp()
    with served(source.app) as url:
        yield source, url


def run_ended(house: Running, installation: str, previous: str | None) -> Any:
    """The latest run, if it is another than `previous` and has ended."""
    run = house.data(LATEST, {"id": installation}, who=ENGINEER)["installation"]["latestRun"]
    ended = run and run["id"] != previous and run["status"] not in ("QUEUED", "RUNNING")
    return run if ended else None


def counted(house: Running, system: str) -> tuple[int, int, int]:
    """Customers, links and present name claims of a source, in the pool's own tables."""
    return (
        house.rows(
            "customers",
            "SELECT count(DISTINCT customer_id) FROM link WHERE system = %s",
            system,
        )[0][0],
        house.rows("customers", "SELECT count(*) FROM link WHERE system = %s", system)[0][0],
        house.rows(
            "customers",
            "SELECT count(*) FROM claim c JOIN link l ON l.id = c.link_id"
            " WHERE l.system = %s AND c.field = 'name' AND c.ended_at IS NULL",
            system,
        )[0][0],
    )


def test_a_killed_scheduled_run_loses_and_doubles_nothing(
    house: Running, erp: tuple[Erp, str]
) -> None:
    source, url = erp
    installed = house.data(
        INSTALL,
        {
            "input": {
                "connectorId": "rest",
                "name": "Walk two",
                "configuration": {"spec": SPEC | {"base_url": url}},
                "credentials": {"token": "a-token"},
                "intervalSeconds": 60,
            }
        },
        who=ENGINEER,
    )["installConnector"]
    assert not installed["errors"], installed
    installation, system = (installed["installation"][k] for k in ("id", "system"))

    # Nobody starts it: the schedule does. Then the worker dies in the middle, without a word.
    wait_for(lambda: counted(house, system)[1] >= 1000, 60)
    assert counted(house, system)[1] < COUNT
    killed = house.pid("worker")
    os.kill(killed, signal.SIGKILL)
    first = wait_for(lambda: run_ended(house, installation, None), 180, every=0.2)

    assert first["status"] == "SUCCEEDED", first
    assert house.pid("worker") != killed
    assert counted(house, system) == (COUNT, COUNT, COUNT)
    counters = first["counters"]
    assert counters["fetched"] == COUNT
    assert counters["created"] + counters["ambiguous"] + counters["unchanged"] == COUNT

    # The next run finds one changed field in one record, and writes nothing else.
    claims = house.rows("customers", "SELECT count(*) FROM claim")[0][0]
    source.industry = "软件业"
    assert not house.data(START, {"id": installation}, who=ENGINEER)["startSync"]["errors"]
    second = wait_for(lambda: run_ended(house, installation, first["id"]), 180, every=0.2)

    assert second["counters"] | {"pages": 0} == {
        "pages": 0,
        "fetched": COUNT,
        "created": 0,
        "updated": 1,
        "unchanged": COUNT - 1,
        "matched": 0,
        "ambiguous": 0,
        "rejected": 0,
        "deadLettered": 0,
    }
    assert house.rows("customers", "SELECT count(*) FROM claim")[0][0] == claims + 1
    pause = "mutation ($id: ID!) { pauseInstallation(id: $id) { errors { message } } }"
    assert not house.data(pause, {"id": installation}, who=ENGINEER)["pauseInstallation"]["errors"]


def test_a_run_is_one_trace_through_worker_and_customers(
    house: Running, erp: tuple[Erp, str]
) -> None:
    _, url = erp
    spec = SPEC | {"id": "walk-two-small", "base_url": url}
    installed = house.data(
        INSTALL,
        {
            "input": {
                "connectorId": "rest",
                "name": "Walk two, traced",
                "configuration": {"spec": spec},
                "credentials": {"token": "a-token"},
            }
        },
        who=ENGINEER,
    )["installConnector"]["installation"]["id"]
    start = (
        "mutation ($id: ID!) { startSync(installationId: $id) { run { id } errors { message } } }"
    )
    assert not house.data(start, {"id": installed}, who=ENGINEER)["startSync"]["errors"]
    run = wait_for(lambda: run_ended(house, installed, None), 180, every=0.2)

    def services() -> set[str]:
        return {
            row[0]
            for row in house.rows(
                "traces",
                "SELECT DISTINCT service FROM span WHERE trace_id = %s",
                bytes.fromhex(run["traceId"]),
            )
        }

    wanted = {"customers", "worker"}
    wait_for(lambda: wanted <= services(), 20, every=0.5)
