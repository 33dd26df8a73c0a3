"""Pagers are small state machines: a position says what to ask for, an answer gives the next one.

A position is JSON, so that a run can stop anywhere and go on in another process. A source that
leads us in circles is an error, never an endless run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from integrations.contract import Fatal
from integrations.specs.domain.expression import Expression
from integrations.specs.domain.functions import text

Position = dict[str, Any]
_NEXT_LINK = re.compile(r'<([^>]+)>\s*;[^,]*\brel="?next"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the pager adds to a request."""

    query: Mapping[str, Any]
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    url: str | None = None


class Pager:
    """The pager of one stream, from the spec's data."""

    def __init__(self, said: Mapping[str, Any], key: Expression) -> None:
        self._said = said
        self._kind: str = said["type"]
        self._key = key
        self._more = Expression(said["has_more_path"]) if "has_more_path" in said else None
        self._next = Expression(said["next_path"]) if "next_path" in said else None

    def first(self, since: Any) -> Position:
        """Where reading begins."""
        match self._kind:
            case "page":
                return {"at": self._said.get("start", 1)}
            case "offset":
                return {"at": self._said.get("start", 0)}
            case "last_id":
                return {"at": since if since is not None else self._said.get("first")}
            case _:
                return {"at": None}

    def ask(self, position: Position) -> Asked:
        """What to add to the request for this position."""
        said: dict[str, dict[str, Any]] = {"query": {}, "body": {}, "header": {}}
        at = position["at"]
        if self._kind == "link":
            if at is not None:
                return Asked({}, {}, {}, url=str(at))
        elif "param" in self._said and at is not None:
            said[self._said.get("in", "query")][self._said["param"]] = at
        if "size_param" in self._said and "size" in self._said:
            place = self._said.get("in", "query") if self._kind != "link" else "query"
            said[place][self._said["size_param"]] = self._said["size"]
        headers = {name: str(value) for name, value in said["header"].items()}
        return Asked(said["query"], said["body"], headers)

    def next(
        self,
        position: Position,
        body: Any,
        records: Sequence[Mapping[str, Any]],
        headers: Mapping[str, str],
    ) -> Position | None:
        """Where to go on, `None` at the end. Raises `Fatal` when we are led in circles."""
        at = self._following(position["at"], body, records, headers)
        if at is None:
            return None
        seen = _digest(records)
        if at == position["at"] or (records and seen == position.get("seen")):
            raise _circle(at)
        return {"at": at, "seen": seen}

    def _following(
        self,
        at: Any,
        body: Any,
        records: Sequence[Mapping[str, Any]],
        headers: Mapping[str, str],
    ) -> Any:
        match self._kind:
            case "page":
                return at + 1 if self._goes_on(body, records) else None
            case "offset":
                return at + len(records) if self._goes_on(body, records) else None
            case "last_id":
                return self._last_id(at, records) if self._goes_on(body, records) else None
            case "cursor":
                return self._cursor(body)
            case "link":
                found = _NEXT_LINK.search(headers.get("link", ""))
                return found[1] if found else None
            case _:
                return None

    def _goes_on(self, body: Any, records: Sequence[Mapping[str, Any]]) -> bool:
        if self._more is not None:
            # An empty page that promises more would be asked for again and again.
            return bool(self._more.find(body)) and bool(records)
        if self._said.get("stop") == "empty_page":
            return bool(records)
        return len(records) >= int(self._said["size"])

    def _cursor(self, body: Any) -> Any:
        if self._more is not None and not self._more.find(body):
            return None
        assert self._next is not None
        return self._next.find(body) or None

    def _last_id(self, at: Any, records: Sequence[Mapping[str, Any]]) -> Any:
        last = self._key.find(records[-1])
        if text(last) is None:
            raise Fatal(
                "NO_KEY",
                f"The last record of a page has nothing at its key `{self._key.text}`, so the "
                "next page cannot be asked for.",
                f"本页最后一条记录在主键 `{self._key.text}` 处没有值，无法请求下一页。",
                fix_en="Check `key` in the spec.",
                fix_zh="请检查规格中的 `key`。",
            )
        return last


def _digest(records: Sequence[Mapping[str, Any]]) -> str:
    return hashlib.sha256(orjson.dumps(records, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _circle(at: Any) -> Fatal:
    return Fatal(
        "LOOP",
        f"The source gives the same page again at {str(at)[:80]!r}; reading would never end.",
        f"来源在 {str(at)[:80]!r} 处重复返回同一页，读取将无法结束。",
        fix_en="Check the parameter name in `pager`: a source that ignores it repeats its first page.",
        fix_zh="请检查 `pager` 中的参数名：若来源忽略该参数，会一直返回第一页。",
    )
