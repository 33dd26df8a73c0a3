"""Notifications that leave the house, over real HTTP: what arrives,
what is tried again, and what stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from activities.facts import HANDLERS
from activities.notifications.tasks import SEND, define, kinds_of, send_due
from activities.settings import ActivitiesSettings
from chassis.db import SyncDatabase
from chassis.facts.stream import Received
from chassis.settings import BadSettings
from chassis.worker import celery
from tests.activities.people import LIN, SALES, WANG
from tests.support.serve import served

ALERT = UUID(int=0xE1)


class Robot:
    """A group robot: it takes what it is sent, after it was busy so often."""

    def __init__(self) -> None:
        self.busy = 0
        self.sent: list[dict[str, Any]] = []
        self.app = Starlette(routes=[Route("/send", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> JSONResponse:
        if self.busy:
            self.busy -= 1
            return JSONResponse({"errcode": 130101, "errmsg": "send too fast"})
        self.sent.append(json.loads(await request.body()))
        return JSONResponse({"errcode": 0, "errmsg": "ok"})


@pytest.fixture
def robot() -> Iterator[tuple[Robot, str]]:
    robot = Robot()
    with served(robot.app) as url:
        yield robot, f"{url}/send"


def settings(url: str | None, **more: Any) -> ActivitiesSettings:
    here = {"database_url": "", "redis_url": "redis://127.0.0.1:1", "issuer_url": ""}
    return ActivitiesSettings(**(here | {"notify_url": url, "notify_format": "dingtalk"} | more))


def told(
    db: SyncDatabase, name: str, *, hours_ago: int = 0, about: UUID = ALERT, **body: Any
) -> None:
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    db.write(HANDLERS[name], Received(uuid4(), name, str(about), body, "identity", at))


def an_alert(db: SyncDatabase, **more: Any) -> None:
    body: dict[str, Any] = {
        "user": str(LIN),
        "department": str(SALES),
        "kind": "EXPORT_BURST",
        "measure": 7,
    }
    told(db, "identity.access_alert.raised", **(body | more))


def wait_over(db: SyncDatabase) -> None:
    """The pause before the next try is over."""
    db.write(lambda s: s.execute(text("UPDATE notification SET send_after = now()")))


def test_an_alert_reaches_the_group_once(db: SyncDatabase, robot: tuple[Robot, str]) -> None:
    an_alert(db)

    counts = [send_due(db, settings(robot[1])) for _ in range(2)]

    assert counts == [1, 0]
    assert robot[0].sent == [
        {"msgtype": "text", "text": {"content": "异常访问：短时间内多次导出（7）。"}}
    ]


def test_what_was_not_taken_is_sent_again_later(db: SyncDatabase, robot: tuple[Robot, str]) -> None:
    robot[0].busy = 2
    an_alert(db)

    at_once = [send_due(db, settings(robot[1])) for _ in range(2)]
    wait_over(db)
    later = send_due(db, settings(robot[1]))
    wait_over(db)

    assert (at_once, later, robot[0].busy) == ([0, 0], 0, 0)
    assert send_due(db, settings(robot[1])) == 1
    assert len(robot[0].sent) == 1


def test_nothing_is_lost_while_nobody_listens(db: SyncDatabase, robot: tuple[Robot, str]) -> None:
    an_alert(db)

    assert send_due(db, settings("http://127.0.0.1:1/send")) == 0
    wait_over(db)

    assert send_due(db, settings(robot[1])) == 1


def test_what_was_seen_to_or_is_old_stays(db: SyncDatabase, robot: tuple[Robot, str]) -> None:
    an_alert(db)
    told(db, "identity.access_alert.resolved")
    an_alert(db, hours_ago=25, about=UUID(int=0xE9))

    assert send_due(db, settings(robot[1])) == 0


def test_only_the_chosen_kinds_leave_and_none_that_is_for_one_person(
    db: SyncDatabase, robot: tuple[Robot, str]
) -> None:
    an_alert(db)
    told(db, "identity.delegation.granted", giver=str(LIN), taker=str(WANG))
    told(db, "identity.access_end.announced", about=LIN, user=str(LIN), days=7)

    chosen = settings(robot[1], notify_kinds="ACCESS_ENDING", notify_language="en")

    assert send_due(db, chosen) == 1
    assert [one["text"]["content"] for one in robot[0].sent] == [
        "The access of this user ends within 7 days."
    ]


def test_the_log_holds_no_token(db: SyncDatabase, caplog: pytest.LogCaptureFixture) -> None:
    an_alert(db)

    send_due(db, settings("http://127.0.0.1:1/send?access_token=topsecret"))

    assert "was not sent" in caplog.text
    assert "topsecret" not in caplog.text


def test_nothing_is_scheduled_without_an_address() -> None:
    silent, loud = (celery("test", settings(None)) for _ in range(2))

    define(silent, settings(None))
    define(loud, settings("https://robot.test/send"))

    assert SEND not in silent.conf.beat_schedule
    assert SEND in loud.conf.beat_schedule


def test_an_unknown_kind_stops_the_start() -> None:
    with pytest.raises(BadSettings, match="NOTIFY_KINDS: ALERTS is none of ACCESS_ALERT"):
        kinds_of(settings("https://robot.test/", notify_kinds="ALERTS"))
