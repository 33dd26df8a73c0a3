"""Beat enqueues a polling task only where its table has something to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chassis.settings import Settings
from chassis.worker import SHORTEST_SLEEP, DueScheduler, celery, schedule, task


def broken() -> bool:
    raise OSError("the database is away")


@pytest.mark.parametrize(
    ("due", "enqueued"),
    [(None, 1), (lambda: True, 1), (lambda: False, 0), (broken, 1)],
    ids=["unchecked", "due", "nothing due", "unknown"],
)
def test_a_tick_enqueues_what_is_due(
    redis_url: str, due: Callable[[], bool] | None, enqueued: int
) -> None:
    app = celery("beat-test", Settings(database_url="", redis_url=redis_url, issuer_url=""))
    task(app, "beat-test.poll")(lambda: None)
    schedule(app, "beat-test.poll", 0.0, due=due)
    sent: list[str] = []
    scheduler = DueScheduler(app=app)
    scheduler.apply_async = lambda entry, **_: sent.append(entry.name)

    scheduler.tick()

    assert sent == ["beat-test.poll"] * enqueued


def test_a_message_that_nobody_took_is_dropped(redis_url: str) -> None:
    app = celery("beat-test", Settings(database_url="", redis_url=redis_url, issuer_url=""))

    schedule(app, "beat-test.poll", 1.0)
    schedule(app, "beat-test.tidy", 3600.0, expires=None)

    options = {name: entry["options"] for name, entry in app.conf.beat_schedule.items()}
    assert options == {"beat-test.poll": {"expires": 10.0}, "beat-test.tidy": {}}


def test_beat_does_not_turn_round_until_an_entry_is_due(redis_url: str) -> None:
    app = celery("beat-test", Settings(database_url="", redis_url=redis_url, issuer_url=""))
    task(app, "beat-test.poll")(lambda: None)
    schedule(app, "beat-test.poll", 0.05, due=lambda: False)
    scheduler = DueScheduler(app=app)

    pauses = [scheduler.tick() for _ in range(20)]

    assert min(pauses) >= SHORTEST_SLEEP
