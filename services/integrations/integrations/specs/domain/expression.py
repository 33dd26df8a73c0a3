"""JMESPath, the only language of a spec: it always terminates and has no side effects.

Paths (`records_path`, `from`) and conditions (`success_when`, `when`) are the same language; a
condition holds only when its result is exactly `true`. There is no second expression language.
Specification: https://jmespath.org/specification.html
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

MAX_LENGTH = 1000


class BadExpression(ValueError):
    """The text is not JMESPath; the message holds the position."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A valid JMESPath expression."""

    text: str

    def __post_init__(self) -> None:
        _compiled(self.text)

    def find(self, document: Any) -> Any:
        """Return the result, `None` where the path does not exist or the types do not fit."""
        try:
            return _compiled(self.text).search(document)
        except JMESPathError:
            return None

    def holds(self, document: Any) -> bool:
        """Return whether the result is exactly `true`."""
        return self.find(document) is True


@lru_cache(maxsize=4096)
def _compiled(text: str) -> ParsedResult:
    if not text.strip():
        raise BadExpression("the expression is empty")
    if len(text) > MAX_LENGTH:
        raise BadExpression(f"the expression is longer than {MAX_LENGTH} characters")
    try:
        return jmespath.compile(text)
    except JMESPathError as problem:
        raise BadExpression(str(problem).replace("\n", " ").strip()) from problem
