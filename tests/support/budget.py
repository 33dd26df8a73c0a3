"""How many cases random tests draw: always the same few in `make test`,
others in each round of a soak.

A green suite stays green, because nothing in it is drawn anew; `make soak` looks
for what it misses.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

ROUND = "HUICHI_SOAK_ROUND"
WORLDS = "HUICHI_DIFFERENTIAL_WORLDS"
QUESTIONS = "HUICHI_AGREEMENT"
QUESTIONS_SEED = "HUICHI_AGREEMENT_SEED"
MORE = 10
"""How many times more cases a round of a soak draws."""


def soak_round() -> int | None:
    """Return the number of this round of a soak; None outside of one."""
    value = os.environ.get(ROUND)
    return int(value) if value else None


def examples(count: int) -> int:
    """Return how many examples Hypothesis draws where `make test` draws `count`."""
    return count if soak_round() is None else count * MORE


def seeds(count: int) -> range:
    """Return the seeds of this run where `make test` has `count`; no two rounds share one."""
    number = soak_round()
    if number is None:
        return range(count)
    return range(number * count * MORE, (number + 1) * count * MORE)


def worlds(count: int) -> range:
    """Return the seeds of random worlds; an environment variable asks for more of them."""
    return range(int(asked)) if (asked := os.environ.get(WORLDS)) else seeds(count)


def use_profile() -> None:
    """Let Hypothesis judge answers, never seconds,
    and draw the same cases in every run of `make test`."""
    number = soak_round()
    settings.register_profile(
        "huichi",
        deadline=None,
        derandomize=number is None,
        database=None,
        print_blob=True,
        max_examples=examples(100),
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("huichi")
