"""HTTP routes of the ledger as files: export, proof of an event, head, public keys.

They are made to be kept elsewhere and verified without this service: `python -m identity.verify`.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import orjson
from opentelemetry.trace import SpanKind
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from chassis import telemetry
from chassis.actor import Actor
from chassis.api.endpoint import circumstances_of
from chassis.audit import events as audit
from chassis.errors import BadInput, Denied, NotFound, Unauthenticated
from chassis.policy.scope import Scope
from chassis.web import Runtime
from identity.core.api.ids import maybe_uuid
from identity.core.domain.ids import UserId
from identity.core.domain.text import optional
from identity.ledger.domain import merkle
from identity.ledger.domain.audit_event import Filter, filter_details
from identity.ledger.domain.ledger import canonical_json, event_content
from identity.ledger.domain.verification import FORMAT
from identity.ledger.store import ledger as store
from identity.ledger.store.ledger import SealedBatch
from identity.sign_in.store import signing_key as keys

MAX_GROUP_EVENTS, MAX_GROUP_BATCHES = 1_000, 50
_SAFE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


async def export(request: Request) -> Response:
    """Stream the ledger as JSON lines, or a period or filter of it.

    It is never in memory as a whole.
    """
    runtime: Runtime = request.app.state.runtime
    event_filter = parse_filter(request)
    with _request_context(request):
        scope = await _require_right(request, "export")
        first, last = await runtime.db.read(
            store.batch_range, event_filter.since, event_filter.until
        )
        details = {"filter": filter_details(event_filter), "batches": [first, last]}
        event = audit.event(audit.Entry(scope.actor, "export", "AuditEvent", "", details=details))
        await runtime.audit_writer.write([event])
    name = f"ledger-{first}-{last}.jsonl"
    headers = _SAFE | {"content-disposition": f'attachment; filename="{name}"'}
    lines = _export_lines(runtime, event_filter, first, last)
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)


async def _export_lines(
    runtime: Runtime, event_filter: Filter, first: int, last: int
) -> AsyncIterator[bytes]:
    batches = events = 0
    yield _line(
        "ledger",
        version=FORMAT,
        exported_at=datetime.now(UTC).isoformat(),
        filter=filter_details(event_filter),
    )
    # Every batch of a period is exported whole, so that a missing event is told from one left out.
    without_period = replace(event_filter, since=None, until=None)
    batch_filter = without_period if without_period == Filter() else event_filter
    after = first - 1
    while after < last:
        next_batches = await runtime.db.read(store.list_batches, after, last, MAX_GROUP_BATCHES)
        if not next_batches:
            break
        for group in _batch_groups(next_batches):
            lines, count = await runtime.db.read(batch_lines, group, batch_filter)
            batches, events = batches + len(group), events + count
            yield lines
        after = next_batches[-1].header.batch
    if event_filter == Filter():
        lines, count = await runtime.db.read(_unnumbered_lines)
        events += count
        yield lines
    yield _line("end", batches=batches, events=events)


def _batch_groups(batches: list[SealedBatch]) -> list[list[SealedBatch]]:
    """Group batches so that the events of a group are few enough to be read together."""
    groups: list[list[SealedBatch]] = [[]]
    size = 0
    for batch in batches:
        if groups[-1] and size + batch.header.size > MAX_GROUP_EVENTS:
            groups.append([])
            size = 0
        groups[-1].append(batch)
        size += batch.header.size
    return groups


def batch_lines(
    session: Session, batches: list[SealedBatch], event_filter: Filter
) -> tuple[bytes, int]:
    """Return some batches as lines, and how many events they hold."""
    first, last = batches[0].header, batches[-1].header
    rows = dict(store.numbered_events(session, first.first, last.last, event_filter))
    lines, count = [], 0
    for batch in batches:
        lines.append(
            _line(
                "seal",
                header=asdict(batch.header),
                signed=batch.signed,
                leaves=[leaf.hex() for leaf in batch.leaves],
            )
        )
        for sequence in range(batch.header.first, batch.header.last + 1):
            if sequence in rows:
                lines.append(_line("event", sequence=sequence, event=event_content(rows[sequence])))
                count += 1
    return b"".join(lines), count


def _unnumbered_lines(session: Session) -> tuple[bytes, int]:
    lines = [
        _line("event", sequence=None, event=event_content(event))
        for event in store.unnumbered_events(session)
    ]
    return b"".join(lines), len(lines)


def _line(type: str, **content: Any) -> bytes:
    return canonical_json({"type": type, **content}) + b"\n"


async def proof(request: Request) -> Response:
    """Return the proof that one event is in the ledger: event, audit path and signed head."""
    runtime: Runtime = request.app.state.runtime
    id = maybe_uuid(request.path_params["id"], "id")
    with _request_context(request):
        scope = await _require_right(request, "export")

        def query(session: Session) -> dict[str, Any] | None:
            number = store.number_and_batch(session, id) if id else None
            sealed = store.by_number(session, number[1]) if number else None
            if number is None or sealed is None:
                return None
            event = dict(store.numbered_events(session, number[0], number[0])).get(number[0])
            if event is None:
                return None
            steps = merkle.audit_path(sealed.leaves, number[0] - sealed.header.first)
            return {
                "event": event_content(event),
                "sequence": number[0],
                "path": [step.hex() for step in steps],
                "header": asdict(sealed.header),
                "signed": sealed.signed,
            }

        document = await runtime.db.read(query)
        if document is None:
            raise NotFound(
                f"No sealed event with id {id} exists; a new event is sealed after about a second.",
                f"未找到 id 为 {id} 的已封存审计记录；新记录约一秒后封存。",
            )
        event = audit.event(audit.Entry(scope.actor, "export", "AuditEvent", str(id)))
        await runtime.audit_writer.write([event])
    return _json(document)


async def head(request: Request) -> Response:
    """Return the signed head of the last batch; kept elsewhere, it proves later tampering."""
    runtime: Runtime = request.app.state.runtime
    with _request_context(request):
        await _require_right(request, "read")
        latest = await runtime.db.read(store.latest)
    if latest is None:
        raise NotFound(
            "No event has been sealed yet; try again in a second.", "尚无已封存的记录，请稍后再试。"
        )
    document = {
        "header": asdict(latest.header),
        "hash": latest.header.hash,
        "signed": latest.signed,
    }
    return _json(document)


async def public_keys(request: Request) -> Response:
    """Return the public keys of every key that ever signed, as a JWK set."""
    runtime: Runtime = request.app.state.runtime
    return _json({"keys": await runtime.db.read(keys.all_public_keys)})


def parse_filter(request: Request) -> Filter:
    """Return the filter of the query string. Raises `BadInput`."""
    parameters = dict(request.query_params)

    def take_parameter(name: str) -> str | None:
        return optional(parameters.pop(name, None), field=name, longest=200) or None

    actor = maybe_uuid(take_parameter("actor"), "actor")
    action = take_parameter("action")
    event_filter = Filter(
        actor=UserId(actor) if actor else None,
        service=take_parameter("service"),
        actions=tuple(action.split(",")) if action else (),
        object=take_parameter("object"),
        resource=take_parameter("resource"),
        coordinate=take_parameter("coordinate"),
        purpose=take_parameter("purpose"),
        decision=take_parameter("decision"),
        trace_id=take_parameter("trace"),
        since=_parse_time(take_parameter("since"), "since"),
        until=_parse_time(take_parameter("until"), "until"),
    )
    for name in parameters:
        raise BadInput(
            f"{name[:60]!r} is not a filter; use actor, service, action, object, resource, "
            "coordinate, purpose, decision, trace, since or until.",
            f"{name[:60]!r} 不是有效的筛选条件，可用 actor、service、action、object、resource、"
            "coordinate、purpose、decision、trace、since 和 until。",
            field=name[:60],
        )
    return event_filter


def _parse_time(text: str | None, field: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError as problem:
        raise BadInput(
            f"{field} is not a time; write it as 2026-01-31T08:00:00Z or …+08:00.",
            f"{field} 不是有效时间，请写成 2026-01-31T08:00:00Z 或 …+08:00。",
            field=field,
        ) from problem


async def _require_right(request: Request, action: str) -> Scope:
    """Return the scope of an action on the ledger; a refusal is recorded too."""
    runtime: Runtime = request.app.state.runtime
    actor: Actor | None = await runtime.actor_of(request)
    if actor is None:
        raise Unauthenticated(
            "Send the access token as `Authorization: Bearer …`.",
            "请在请求头 Authorization 中携带访问令牌。",
        )
    permissions = runtime.guard.permissions(actor)
    audit.set_policy(permissions.version)
    try:
        return permissions.allow(actor, "AuditEvent", action)
    except Denied:
        await runtime.audit_writer.write(
            [audit.event(audit.Entry(actor, action, "AuditEvent", "", decision="deny"))]
        )
        raise


@contextlib.contextmanager
def _request_context(request: Request) -> Iterator[None]:
    """Open the span and the audit circumstances of a request."""
    parent = request.headers.get("traceparent")
    with (
        telemetry.span("identity ledger", kind=SpanKind.SERVER, parent=parent),
        audit.in_circumstances(circumstances_of(request)),
    ):
        yield


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json", headers=_SAFE)


_FILES: dict[str, Callable[[Request], Any]] = {
    "/ledger/export": export,
    "/ledger/head": head,
    "/ledger/proof/{id}": proof,
    "/.well-known/ledger-keys.json": public_keys,
}
ROUTES: list[BaseRoute] = [Route(path, door, methods=["GET"]) for path, door in _FILES.items()]
