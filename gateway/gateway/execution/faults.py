"""The errors of one answer: collected once each, at the client's paths, in the client's language."""

from collections.abc import Iterable
from typing import Any

from gateway.errors import BadSubgraphAnswer, GatewayError, NullNotAllowed
from gateway.result import Fault

ClientPath = tuple[str | int, ...]

MOST_FAULTS = 500
DEFAULT_CODE = "SUBGRAPH_ERROR"
"""Of an error that a subgraph gave none."""
HIDDEN_EXTENSIONS = frozenset({"stacktrace", "exception", "debug"})


class Faults:
    """Collects faults and knows which places of the answer they already explain."""

    def __init__(self, locale: str) -> None:
        self.locale = locale
        self.found: list[Fault] = []
        self._at: set[ClientPath] = set()
        self._above: set[ClientPath] = set()

    def fail(self, error: GatewayError, path: ClientPath | None) -> None:
        """Report a failure of ours."""
        self._add(Fault(error.message(self.locale), path, error.code, extensions=dict(error.extra)))

    def relay(self, subgraph: str, error: object, path: ClientPath | None) -> None:
        """Report what a subgraph reported: its sentence, its code, and which subgraph it was."""
        if not isinstance(error, dict):
            self.fail(nonsense(subgraph), path)
            return
        given = error.get("extensions")
        extensions: dict[str, Any] = {
            key: value
            for key, value in (given.items() if isinstance(given, dict) else ())
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
        """Report null where the schema allows none, unless a fault already says why."""
        if not self.explains(path):
            self.fail(_null(coordinate), path)

    def explains(self, path: ClientPath) -> bool:
        """Whether a fault stands at this place, above it or below it."""
        return path in self._above or any(path[:end] in self._at for end in range(len(path) + 1))

    def cover(self, paths: Iterable[ClientPath]) -> None:
        """Take these places as explained, without a fault of their own."""
        for path in paths:
            self._at.add(path)
            self._above.update(path[:end] for end in range(len(path) + 1))

    def _add(self, fault: Fault) -> None:
        if fault.path is not None:
            self.cover((fault.path,))
        if len(self.found) < MOST_FAULTS:
            self.found.append(fault)


def nonsense(subgraph: str) -> BadSubgraphAnswer:
    """An answer that is a GraphQL response in form only."""
    return BadSubgraphAnswer(
        f'The subgraph "{subgraph}" sent an answer that does not fit its schema.',
        f"子图“{subgraph}”返回的内容与其 schema 不符。",
        service=subgraph,
    )


def unfit(coordinate: str, kind: str) -> BadSubgraphAnswer:
    """A value of the wrong type; the value itself is nobody's business."""
    return BadSubgraphAnswer(
        f"The value of {coordinate} is not a valid {kind}.", f"{coordinate} 的值不是有效的 {kind}。"
    )


def _null(coordinate: str) -> NullNotAllowed:
    return NullNotAllowed(
        f"Cannot return null for non-nullable field {coordinate}.",
        f"非空字段 {coordinate} 没有值。",
    )
