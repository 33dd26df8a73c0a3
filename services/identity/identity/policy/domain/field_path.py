"""Names of fields in a longer input, as errors carry them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chassis.errors import HuichiError


@contextmanager
def within(path: str) -> Iterator[None]:
    """Prefix the field of an error that is raised inside with the path to it."""
    try:
        yield
    except HuichiError as problem:
        field = f"{path}.{problem.field}" if problem.field else path
        raise type(problem)(problem.en, problem.zh, field=field, **problem.extra) from problem
