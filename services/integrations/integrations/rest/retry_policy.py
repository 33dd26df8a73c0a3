"""Retry one call within its deadline; for a longer wait the engine suspends the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from opentelemetry.trace import get_current_span
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random

from integrations.contract import Access, Expired, Retry

T = TypeVar("T")

ATTEMPTS = 5
SHORTEST_WAIT = 0.2
LONGEST_WAIT = 8.0
_jitter = wait_random(0, 0.1)


def call_with_retries(access: Access, call: Callable[[], T]) -> T:
    """Return the result of a call, retried with exponential backoff or as the source asks.

    Raises the last failure after `ATTEMPTS`, or when the next try would exceed the deadline.
    """
    retrying = Retrying(
        retry=retry_if_exception(_is_retryable),
        stop=lambda state: stop_after_attempt(ATTEMPTS)(state) or _too_late(state, access.deadline),
        wait=lambda state: wait_seconds(state) + _jitter(state),
        after=lambda state: _hold_budget(state, access),
        before_sleep=lambda state: _count_retry(state, access),
        reraise=True,
    )
    return retrying(call)


def wait_seconds(state: RetryCallState) -> float:
    """Return the wait the source asked for, or one that doubles with each attempt."""
    failure = state.outcome.exception() if state.outcome else None
    if isinstance(failure, Retry) and failure.after is not None:
        return failure.after
    return float(min(SHORTEST_WAIT * 2 ** (state.attempt_number - 1), LONGEST_WAIT))


def _is_retryable(problem: BaseException) -> bool:
    # An expired token is not waited for: the caller that holds it signs in again, once.
    return isinstance(problem, Retry) and not isinstance(problem, Expired)


def _too_late(state: RetryCallState, deadline: float) -> bool:
    """Return whether the next try would start after the deadline."""
    return (state.seconds_since_start or 0.0) + wait_seconds(state) > deadline


def _hold_budget(state: RetryCallState, access: Access) -> None:
    """Block all workers when the source throttles one, also when this call gives up."""
    failure = state.outcome.exception() if state.outcome else None
    if isinstance(failure, Retry) and failure.code in ("THROTTLED", "QUOTA_SPENT"):
        access.budget.hold(wait_seconds(state))


def _count_retry(state: RetryCallState, access: Access) -> None:
    access.retries += 1
    failure = state.outcome.exception() if state.outcome else None
    code = failure.code if isinstance(failure, Retry) else type(failure).__name__
    get_current_span().add_event("retry", {"reason": code, "wait": wait_seconds(state)})
