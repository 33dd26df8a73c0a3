"""Read a stream as its spec describes: request a page, check the envelope, find the records."""

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
from integrations.rest.auth import Auth, as_fatal
from integrations.rest.egress import Answer, Egress
from integrations.rest.envelope import Envelope, parse_envelope
from integrations.rest.pager import Pager, PageRequest
from integrations.rest.retry_policy import call_with_retries
from integrations.rest.template import fill
from integrations.specs.domain.expression import Expression


def pages(spec: Spec, access: Access, stream: Stream, since: Cursor) -> Iterator[Page]:
    """Yield the pages of a stream from the cursor on. Raises `Failure`."""
    egress = Egress(
        spec.document["base_url"],
        allow_private_hosts=access.allow_private_hosts,
        timeout=access.timeout,
    )
    try:
        yield from _StreamReader(spec, access, stream, egress).pages(since)
    finally:
        egress.close()


class _StreamReader:
    def __init__(self, spec: Spec, access: Access, stream: Stream, egress: Egress) -> None:
        self._access = access
        self._stream = stream
        self._egress = egress
        self._envelope: Envelope = parse_envelope(spec.document["envelope"])
        self._auth = Auth(spec.document["auth"], access, egress)
        self._request: Mapping[str, Any] = fill(stream.document["request"], access.credentials)
        self._pager = Pager(stream.document["pager"], stream.key)
        self._records = Expression(stream.document["records_path"])
        count = stream.document.get("count_path")
        self._count = Expression(count) if count else None

    def pages(self, since: Cursor) -> Iterator[Page]:
        append_only = self._stream.cursor.mode is CursorMode.APPEND_ONLY_ID
        position = since.position or self._pager.first(since.since if append_only else None)
        while True:
            request = self._pager.request(position)
            body, headers, time = call_with_retries(
                self._access, partial(self._fetch, request, since.since)
            )
            records = self._records_of(body)
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

    def _fetch(
        self, request: PageRequest, since: Any
    ) -> tuple[Any, Mapping[str, str], datetime | None]:
        """Return body, headers and time of one page; an expired token is renewed once."""
        try:
            answer = self._send(request, since)
            return self._envelope.open(answer), answer.headers, answer.time
        except Expired as problem:
            if not self._auth.renewable:
                raise as_fatal(problem) from problem
            self._auth.forget()
        answer = self._send(request, since)
        try:
            return self._envelope.open(answer), answer.headers, answer.time
        except Expired as problem:
            raise as_fatal(problem) from problem

    def _send(self, page: PageRequest, since: Any) -> Answer:
        headers = self._auth.headers()
        self._access.budget.spend()
        self._access.calls += 1
        request = self._request
        if page.url is not None:
            return self._egress.send("GET", page.url, headers=request.get("headers", {}) | headers)
        query, body, extra_headers = self._changed_since(since)
        sent_body = {**request.get("body", {}), **body, **page.body}
        return self._egress.send(
            request.get("method", "GET"),
            request["path"],
            query={**request.get("query", {}), **query, **page.query},
            headers={**request.get("headers", {}), **headers, **extra_headers, **page.headers},
            body=sent_body if sent_body or request.get("method") == "POST" else None,
        )

    def _changed_since(self, since: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
        """Return the parameter for changed records only: query, body and headers."""
        rule = self._stream.cursor
        if rule.mode is not CursorMode.UPDATED_SINCE or since is None or rule.param is None:
            return {}, {}, {}
        # Rows at the boundary get lost in every source, so an overlap is read twice.
        moment = datetime.fromisoformat(str(since)) - timedelta(seconds=rule.overlap_seconds)
        value = format_time(moment, rule.format, rule.utc_offset_hours)
        match rule.location:
            case "body":
                return {}, {rule.param: value}, {}
            case "header":
                return {}, {}, {rule.param: str(value)}
            case _:
                return {rule.param: value}, {}, {}

    def _records_of(self, body: Any) -> tuple[dict[str, Any], ...]:
        if body is None:
            return ()
        records = self._records.find(body)
        if not isinstance(records, list):
            raise Fatal(
                "NO_RECORDS_PATH",
                f"The answer has no list at `{self._records.text}`; taking it for an empty page "
                f"could end the run too early. The answer has: {_shape(body)}.",
                f"返回内容在 `{self._records.text}` 处没有列表；为避免提前结束，未将其视为空页。"
                f"现有内容：{_shape(body)}。",
                fix_en="Correct `records_path`, or `success_when` if this answer was an error.",
                fix_zh="请修正 `records_path`；若该返回表示错误，请修正 `success_when`。",
            )
        if not all(isinstance(item, dict) for item in records):
            raise Fatal(
                "NOT_OBJECTS",
                f"The list at `{self._records.text}` holds items that are not objects.",
                f"`{self._records.text}` 处的列表中存在非对象内容。",
                fix_en="Let `records_path` turn them into objects, for example rows[].{id: [0]}.",
                fix_zh="请用 `records_path` 将其转换为对象，例如 rows[].{id: [0]}。",
            )
        return tuple(records)

    def _total(self, body: Any) -> int | None:
        total = self._count.find(body) if self._count and body is not None else None
        return total if isinstance(total, int) and not isinstance(total, bool) else None

    def _watermark(
        self, records: tuple[dict[str, Any], ...], time: datetime | None, since: Any
    ) -> Any:
        match self._stream.cursor.mode:
            case CursorMode.UPDATED_SINCE:
                # By the source's clock, which may differ from the one of this machine.
                return (time or datetime.now(UTC)).isoformat()
            case CursorMode.APPEND_ONLY_ID:
                return self._stream.key.find(records[-1]) if records else since
            case CursorMode.FULL_SCAN_HASH:
                return None


def format_time(moment: datetime, format: str, utc_offset_hours: float) -> Any:
    """Return a time in the format of the source: epoch_s, epoch_ms, local or iso."""
    match format:
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
    """Return the names in an answer, without its values."""
    if isinstance(body, dict):
        return "{" + ", ".join(list(map(str, body))[:12]) + "}"
    return type(body).__name__
