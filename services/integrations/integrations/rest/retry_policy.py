"""Repeats one call within its deadline; a longer wait is handed to the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from opentelemetry.trace import get_current_span
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random

from integrations.contract import Access, Expired, Retry

T = TypeVar("T")

ATTEMPTS = 5
FIRST_WAIT = 0.2
LONGEST_WAIT = 8.0
_jitter = wait_random(0, 0.1)


def patiently(access: Access, call: Callable[[], T]) -> T:
    """The call's result, after as many tries as the deadline and the source's own words allow."""
    retrying = Retrying(
        retry=retry_if_exception(_worth_repeating),
        stop=lambda state: stop_after_attempt(ATTEMPTS)(state) or _too_late(state, access.deadline),
        wait=lambda state: wait_for(state) + _jitter(state),
        after=lambda state: _hold(state, access),
        before_sleep=lambda state: _count(state, access),
        reraise=True,
    )
    return retrying(call)


def wait_for(state: RetryCallState) -> float:
    """What the source asked for, or twice as long each time."""
    failed = state.outcome.exception() if state.outcome else None
    if isinstance(failed, Retry) and failed.after is not None:
        return failed.after
    return float(min(FIRST_WAIT * 2 ** (state.attempt_number - 1), LONGEST_WAIT))


def _worth_repeating(problem: BaseException) -> bool:
    # An expired token is not waited for: whoever holds it signs in again, once.
    return isinstance(problem, Retry) and not isinstance(problem, Expired)


def _too_late(state: RetryCallState, deadline: float) -> bool:
    """The next try would begin after the deadline."""
    return (state.seconds_since_start or 0.0) + wait_for(state) > deadline


def _hold(state: RetryCallState, access: Access) -> None:
    """What the source asks of one caller it asks of all, also when this one gives up waiting."""
    failed = state.outcome.exception() if state.outcome else None
    if isinstance(failed, Retry) and failed.code in ("THROTTLED", "QUOTA_SPENT"):
        access.budget.hold(wait_for(state))


def _count(state: RetryCallState, access: Access) -> None:
    access.retries += 1
    failed = state.outcome.exception() if state.outcome else None
    code = failed.code if isinstance(failed, Retry) else type(failed).__name__
    get_current_span().add_event("retry", {"reason": code, "wait": wait_for(state)})
