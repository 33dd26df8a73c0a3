"""The errors of one response: collected once each, at the client's paths, in its language."""

from collections.abc import Iterable
from typing import Any

from gateway.errors import BadSubgraphAnswer, GatewayError, NullNotAllowed
from gateway.result import Fault

ClientPath = tuple[str | int, ...]

MOST_FAULTS = 500
DEFAULT_CODE = "SUBGRAPH_ERROR"
"""The code of subgraph errors without one."""
HIDDEN_EXTENSIONS = frozenset({"stacktrace", "exception", "debug"})


class Faults:
    """Collects faults and knows which places of the response they already explain."""

    def __init__(self, locale: str) -> None:
        self.locale = locale
        self.entries: list[Fault] = []
        self._at: set[ClientPath] = set()
        self._above: set[ClientPath] = set()

    def fail(self, error: GatewayError, path: ClientPath | None) -> None:
        """Report a failure of the gateway."""
        self._add(Fault(error.message(self.locale), path, error.code, extensions=dict(error.extra)))

    def relay(self, subgraph: str, error: object, path: ClientPath | None) -> None:
        """Report an error of a subgraph with its message, its code and the subgraph's name."""
        if not isinstance(error, dict):
            self.fail(bad_answer(subgraph), path)
            return
        sent = error.get("extensions")
        extensions: dict[str, Any] = {
            key: value
            for key, value in (sent.items() if isinstance(sent, dict) else ())
            if key not in HIDDEN_EXTENSIONS
        }
        code = extensions.pop("code", None)
        extensions["service"] = subgraph
        self._add(
            Fault(
                str(error.get("message", "")),
                path,
                code if isinstance(code, str) else DEFAULT_CODE,
                extensions=extensions,
            )
        )

    def missing(self, path: ClientPath, coordinate: str) -> None:
        """Report null for a non-null field, unless a fault already explains it."""
        if not self.explains(path):
            self.fail(_null(coordinate), path)

    def explains(self, path: ClientPath) -> bool:
        """Tell whether there is a fault at this path, above it or below it."""
        return path in self._above or any(path[:end] in self._at for end in range(len(path) + 1))

    def cover(self, paths: Iterable[ClientPath]) -> None:
        """Count these paths as explained, without a fault of their own."""
        for path in paths:
            self._at.add(path)
            self._above.update(path[:end] for end in range(len(path) + 1))

    def _add(self, fault: Fault) -> None:
        if fault.path is not None:
            self.cover((fault.path,))
        if len(self.entries) < MOST_FAULTS:
            self.entries.append(fault)


def bad_answer(subgraph: str) -> BadSubgraphAnswer:
    """Return the error for a response that does not fit the subgraph's schema."""
    return BadSubgraphAnswer(
        f'The subgraph "{subgraph}" sent an answer that does not fit its schema.',
        f"子图“{subgraph}”返回的内容与其 schema 不符。",
        service=subgraph,
    )


def bad_value(coordinate: str, kind: str) -> BadSubgraphAnswer:
    """Return the error for a value of the wrong type; it does not disclose the value."""
    return BadSubgraphAnswer(
        f"The value of {coordinate} is not a valid {kind}.", f"{coordinate} 的值不是有效的 {kind}。"
    )


def _null(coordinate: str) -> NullNotAllowed:
    return NullNotAllowed(
        f"Cannot return null for non-nullable field {coordinate}.",
        f"非空字段 {coordinate} 没有值。",
    )
