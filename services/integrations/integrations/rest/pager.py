"""Pagers are state machines: a position gives the request, the answer gives the next position.

A position is JSON, so that a run can stop anywhere and continue in another process. A source that
repeats a page is an error, never an endless run.
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
class PageRequest:
    """The part of a request that a pager adds, or the whole `url` of the page."""

    query: Mapping[str, Any]
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    url: str | None = None


class Pager:
    """The pager of one stream, by its spec."""

    def __init__(self, document: Mapping[str, Any], key: Expression) -> None:
        self._document = document
        self._kind: str = document["type"]
        self._key = key
        self._more = Expression(document["has_more_path"]) if "has_more_path" in document else None
        self._next = Expression(document["next_path"]) if "next_path" in document else None

    def first(self, since: Any) -> Position:
        """Return the first position; `since` is the last id of an append-only stream."""
        match self._kind:
            case "page":
                return {"at": self._document.get("start", 1)}
            case "offset":
                return {"at": self._document.get("start", 0)}
            case "last_id":
                return {"at": since if since is not None else self._document.get("first")}
            case _:
                return {"at": None}

    def request(self, position: Position) -> PageRequest:
        """Return what the request for a position needs."""
        parts: dict[str, dict[str, Any]] = {"query": {}, "body": {}, "header": {}}
        at = position["at"]
        if self._kind == "link":
            if at is not None:
                return PageRequest({}, {}, {}, url=str(at))
        elif "param" in self._document and at is not None:
            parts[self._document.get("in", "query")][self._document["param"]] = at
        if "size_param" in self._document and "size" in self._document:
            location = self._document.get("in", "query") if self._kind != "link" else "query"
            parts[location][self._document["size_param"]] = self._document["size"]
        headers = {name: str(value) for name, value in parts["header"].items()}
        return PageRequest(parts["query"], parts["body"], headers)

    def next(
        self,
        position: Position,
        body: Any,
        records: Sequence[Mapping[str, Any]],
        headers: Mapping[str, str],
    ) -> Position | None:
        """Return the next position, `None` at the end. Raises `Fatal` for a repeated page."""
        at = self._following(position["at"], body, records, headers)
        if at is None:
            return None
        digest = _digest(records)
        if at == position["at"] or (records and digest == position.get("seen")):
            raise _repeated_page(at)
        return {"at": at, "seen": digest}

    def _following(
        self,
        at: Any,
        body: Any,
        records: Sequence[Mapping[str, Any]],
        headers: Mapping[str, str],
    ) -> Any:
        match self._kind:
            case "page":
                return at + 1 if self._has_more(body, records) else None
            case "offset":
                return at + len(records) if self._has_more(body, records) else None
            case "last_id":
                return self._last_id(at, records) if self._has_more(body, records) else None
            case "cursor":
                return self._cursor(body)
            case "link":
                match = _NEXT_LINK.search(headers.get("link", ""))
                return match[1] if match else None
            case _:
                return None

    def _has_more(self, body: Any, records: Sequence[Mapping[str, Any]]) -> bool:
        if self._more is not None:
            # An empty page that announces more would be requested again and again.
            return bool(self._more.find(body)) and bool(records)
        if self._document.get("stop") == "empty_page":
            return bool(records)
        return len(records) >= int(self._document["size"])

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
                f"The last record of a page has no value at its key `{self._key.text}`, so the "
                "next page cannot be requested.",
                f"本页最后一条记录在主键 `{self._key.text}` 处没有值，无法请求下一页。",
                fix_en="Check `key` in the spec.",
                fix_zh="请检查规格中的 `key`。",
            )
        return last


def _digest(records: Sequence[Mapping[str, Any]]) -> str:
    return hashlib.sha256(orjson.dumps(records, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _repeated_page(at: Any) -> Fatal:
    return Fatal(
        "LOOP",
        f"The source returned the same page again at {str(at)[:80]!r}; reading would never end.",
        f"来源在 {str(at)[:80]!r} 处重复返回同一页，读取将无法结束。",
        fix_en="Check the parameter name in `pager`: a source that ignores it repeats its first "
        "page.",
        fix_zh="请检查 `pager` 中的参数名：若来源忽略该参数，会一直返回第一页。",
    )
