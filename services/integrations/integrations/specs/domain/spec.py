"""A connector spec: what is read from a source, how and how fast, as validated data.

`spec.schema.json` is its JSON Schema; `check` adds what a schema cannot express (expressions that
compile, functions that exist, names that are unique). An invalid spec is refused with all problems.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from integrations.core.domain.validation import Problem, find_problems, raise_for_problems
from integrations.specs.domain.expression import BadExpression, Expression
from integrations.specs.domain.functions import find_function
from integrations.specs.domain.mapping import Mapping as Rules, parse_mapping


class CursorMode(StrEnum):
    """How a stream finds changed records."""

    UPDATED_SINCE = "updated_since"
    APPEND_ONLY_ID = "append_only_id"
    FULL_SCAN_HASH = "full_scan_hash"


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate limit: calls per period in seconds, shared by all workers."""

    rate: int
    per_seconds: float


@dataclass(frozen=True, slots=True)
class CursorRule:
    """The cursor of a stream, as the spec describes it."""

    mode: CursorMode
    param: str | None = None
    location: str = "query"
    format: str = "iso"
    overlap_seconds: int = 300
    utc_offset_hours: float = 0.0
    absent_means_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Stream:
    """One list of records of a source."""

    name: str
    key: Expression
    cursor: CursorRule
    mapping: Rules
    document: Mapping[str, Any]
    """The stream's part of the spec, for the settings that only one transport reads."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A valid spec."""

    id: str
    version: int
    title_en: str
    title_zh: str
    streams: tuple[Stream, ...]
    limits: tuple[Limit, ...]
    document: Mapping[str, Any]
    """The spec as JSON."""

    def stream(self, name: str) -> Stream:
        """Return the stream of a name. Raises `StopIteration` where there is none."""
        return next(stream for stream in self.streams if stream.name == name)


def read(document: Any, *, field: str = "spec") -> Spec:
    """Return the spec of a JSON document. Raises `BadInput` with every problem."""
    raise_for_problems(check(document), field)
    return Spec(
        id=document["id"],
        version=document["version"],
        title_en=document["title"]["en"],
        title_zh=document["title"]["zh"],
        streams=tuple(_stream(stream) for stream in document["streams"]),
        limits=tuple(
            Limit(limit["rate"], float(limit["per_seconds"]))
            for limit in document.get("limits", ())
        ),
        document=document,
    )


def check(document: Any) -> list[Problem]:
    """Return every problem of a spec."""
    schema_problems = find_problems(schema(), document)
    return schema_problems or [*_bad_expressions(document, ""), *_bad_names(document)]


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema 2020-12 of a spec."""
    text = resources.files("integrations").joinpath("spec.schema.json").read_text("utf-8")
    return dict(json.loads(text))


def _stream(document: Mapping[str, Any]) -> Stream:
    cursor = document["cursor"]
    return Stream(
        name=document["name"],
        key=Expression(document["key"]),
        cursor=CursorRule(
            mode=CursorMode(cursor["mode"]),
            param=cursor.get("param"),
            location=cursor.get("in", "query"),
            format=cursor.get("format", "iso"),
            overlap_seconds=cursor.get("overlap_seconds", 300),
            utc_offset_hours=cursor.get("utc_offset_hours", 0.0),
            absent_means_deleted=cursor.get("absent") == "delete",
        ),
        mapping=parse_mapping(document["key"], document["mapping"]),
        document=document,
    )


_EXPRESSIONS = frozenset(
    [
        "success_when",
        "empty_when",
        "code_path",
        "message_path",
        "when",
        "records_path",
        "count_path",
        "key",
        "next_path",
        "has_more_path",
        "token_path",
        "from",
        "each",
        "deleted_when",
    ]
)
# Below these the keys are names of the source, not words of the spec.
_FREE_KEYS = frozenset(("query", "headers", "body"))
_RULES = frozenset(["fields", "contacts", "kind", "tags", "observed_at"])


def _bad_expressions(node: Any, path: str) -> Iterator[Problem]:
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _bad_expressions(item, f"{path}.{index}" if path else str(index))
    if not isinstance(node, dict):
        return
    for name, value in node.items():
        here = f"{path}.{name}" if path else name
        if name in _FREE_KEYS:
            continue
        if name == "via":
            yield from _bad_functions(value, here)
        elif isinstance(value, str) and (name in _EXPRESSIONS or _is_rule(path, name)):
            yield from _bad_expression(value, here)
        else:
            yield from _bad_expressions(value, here)


def _is_rule(path: str, name: str) -> bool:
    """Return whether a text is the short form of a rule: inside a mapping it is a path."""
    parts = path.split(".")
    if "mapping" not in parts:
        return False
    inside = parts[parts.index("mapping") + 1 :]
    return (not inside and name in _RULES) or inside in (["fields"], ["contacts"])


def _bad_expression(text: str, path: str) -> Iterator[Problem]:
    try:
        Expression(text)
    except BadExpression as problem:
        yield Problem(
            path,
            f"{text!r} is not JMESPath ({problem}); see https://jmespath.org.",
            f"{text!r} 不是合法的 JMESPath 表达式（{problem}）。",
        )


def _bad_functions(steps: list[Any], path: str) -> Iterator[Problem]:
    for index, step in enumerate(steps):
        try:
            find_function(step)
        except ValueError as problem:
            yield Problem(f"{path}.{index}", f"{problem}.", f"函数不可用：{problem}。")


def _bad_names(document: Mapping[str, Any]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, stream in enumerate(document["streams"]):
        here = f"streams.{index}"
        if stream["name"] in seen:
            yield Problem(
                f"{here}.name",
                f"{stream['name']!r} is used twice; give every stream its own name.",
                f"数据流名称 {stream['name']!r} 重复，每个数据流需要不同的名称。",
            )
        seen.add(stream["name"])
        yield from _bad_cursor(stream, here, document["protocol"] == "http")


def _bad_cursor(stream: Mapping[str, Any], path: str, http: bool) -> Iterator[Problem]:
    mode = stream["cursor"]["mode"]
    if http and mode == "updated_since" and "param" not in stream["cursor"]:
        yield Problem(
            f"{path}.cursor.param",
            "param is missing; updated_since needs the name of the parameter that takes the time.",
            "updated_since 模式需要填写接收时间的参数名。",
        )
    if http and mode == "append_only_id" and stream["pager"]["type"] != "last_id":
        yield Problem(
            f"{path}.pager.type",
            "append_only_id continues after the last id, so the type of the pager must be last_id.",
            "append_only_id 模式从上次的编号继续读取，分页方式应为 last_id。",
        )
