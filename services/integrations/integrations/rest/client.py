"""Reads a stream the way its spec says: ask, judge the envelope, find the records, turn the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

from integrations.contract import (
    Access,
    Cursor,
    CursorMode,
    Expired,
    Fatal,
    Page,
    Spec,
    Stream,
)
from integrations.rest.auth import Auth, never_accepted
from integrations.rest.egress import Answer, Egress
from integrations.rest.envelope import Envelope, envelope
from integrations.rest.pager import Asked, Pager
from integrations.rest.retry_policy import patiently
from integrations.rest.template import fill
from integrations.specs.domain.expression import Expression


def pages(spec: Spec, access: Access, stream: Stream, since: Cursor) -> Iterator[Page]:
    """The pages of a stream from the cursor on."""
    egress = Egress(
        spec.said["base_url"],
        allow_private_hosts=access.allow_private_hosts,
        timeout=access.timeout,
    )
    try:
        yield from _Reading(spec, access, stream, egress).pages(since)
    finally:
        egress.close()


class _Reading:
    def __init__(self, spec: Spec, access: Access, stream: Stream, egress: Egress) -> None:
        self._access = access
        self._stream = stream
        self._egress = egress
        self._envelope: Envelope = envelope(spec.said["envelope"])
        self._auth = Auth(spec.said["auth"], access, egress)
        self._request: Mapping[str, Any] = fill(stream.said["request"], access.credentials)
        self._pager = Pager(stream.said["pager"], stream.key)
        self._records = Expression(stream.said["records_path"])
        count = stream.said.get("count_path")
        self._count = Expression(count) if count else None

    def pages(self, since: Cursor) -> Iterator[Page]:
        append_only = self._stream.cursor.mode is CursorMode.APPEND_ONLY_ID
        position = since.position or self._pager.first(since.since if append_only else None)
        while True:
            asked = self._pager.ask(position)
            answer = patiently(self._access, partial(self._ask, asked, since.since))
            body, headers, time = answer
            records = self._found(body)
            following = self._pager.next(position, body, records, headers) if body else None
            yield Page(
                records=records,
                next=following,
                watermark=self._watermark(records, time, since.since),
                total=self._total(body),
                source_time=time,
            )
            if following is None:
                return
            position = following

    def _ask(self, asked: Asked, since: Any) -> tuple[Any, Mapping[str, str], datetime | None]:
        """One page; a token that ran out is renewed once."""
        try:
            answer = self._send(asked, since)
            return self._envelope.open(answer), answer.headers, answer.time
        except Expired as problem:
            if not self._auth.renewable:
                raise never_accepted(problem) from problem
            self._auth.forget()
        answer = self._send(asked, since)
        try:
            return self._envelope.open(answer), answer.headers, answer.time
        except Expired as problem:
            raise never_accepted(problem) from problem

    def _send(self, asked: Asked, since: Any) -> Answer:
        headers = self._auth.headers()
        self._access.budget.spend()
        self._access.calls += 1
        request = self._request
        if asked.url is not None:
            return self._egress.send("GET", asked.url, headers=request.get("headers", {}) | headers)
        query, body, extra = self._changed_since(since)
        sent_body = {**request.get("body", {}), **body, **asked.body}
        return self._egress.send(
            request.get("method", "GET"),
            request["path"],
            query={**request.get("query", {}), **query, **asked.query},
            headers={**request.get("headers", {}), **headers, **extra, **asked.headers},
            body=sent_body if sent_body or request.get("method") == "POST" else None,
        )

    def _changed_since(self, since: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
        """The parameter that asks for changes only; nothing on a full read."""
        rule = self._stream.cursor
        if rule.mode is not CursorMode.UPDATED_SINCE or since is None or rule.param is None:
            return {}, {}, {}
        # Rows at the boundary get lost in every source, so a little is read twice.
        moment = datetime.fromisoformat(str(since)) - timedelta(seconds=rule.overlap_seconds)
        said = written(moment, rule.format, rule.utc_offset_hours)
        match rule.place:
            case "body":
                return {}, {rule.param: said}, {}
            case "header":
                return {}, {}, {rule.param: str(said)}
            case _:
                return {rule.param: said}, {}, {}

    def _found(self, body: Any) -> tuple[dict[str, Any], ...]:
        if body is None:
            return ()
        found = self._records.find(body)
        if not isinstance(found, list):
            raise Fatal(
                "NO_RECORDS_PATH",
                f"The answer has no list at `{self._records.text}`; it was not taken for an empty "
                f"page, since that would end the run too early. It has: {_shape(body)}.",
                f"返回内容在 `{self._records.text}` 处没有列表；为避免提前结束，未将其视为空页。"
                f"现有内容：{_shape(body)}。",
                fix_en="Correct `records_path`, or `success_when` if this answer was an error.",
                fix_zh="请修正 `records_path`；若该返回表示错误，请修正 `success_when`。",
            )
        if not all(isinstance(item, dict) for item in found):
            raise Fatal(
                "NOT_OBJECTS",
                f"The list at `{self._records.text}` holds things that are not objects.",
                f"`{self._records.text}` 处的列表中存在非对象内容。",
                fix_en="Let `records_path` make objects of them, for example rows[].{id: [0]}.",
                fix_zh="请用 `records_path` 将其转换为对象，例如 rows[].{id: [0]}。",
            )
        return tuple(found)

    def _total(self, body: Any) -> int | None:
        found = self._count.find(body) if self._count and body is not None else None
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def _watermark(
        self, records: tuple[dict[str, Any], ...], time: datetime | None, since: Any
    ) -> Any:
        match self._stream.cursor.mode:
            case CursorMode.UPDATED_SINCE:
                # The source's clock, not ours: the two need not agree.
                return (time or datetime.now(UTC)).isoformat()
            case CursorMode.APPEND_ONLY_ID:
                return self._stream.key.find(records[-1]) if records else since
            case CursorMode.FULL_SCAN_HASH:
                return None


def written(moment: datetime, form: str, utc_offset_hours: float) -> Any:
    """A moment as the source wants to read it."""
    match form:
        case "epoch_s":
            return int(moment.timestamp())
        case "epoch_ms":
            return int(moment.timestamp() * 1000)
        case "local":
            zone = timezone(timedelta(hours=utc_offset_hours))
            return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
        case _:
            return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _shape(body: Any) -> str:
    """The names in an answer, without its values."""
    if isinstance(body, dict):
        return "{" + ", ".join(list(map(str, body))[:12]) + "}"
    return type(body).__name__
