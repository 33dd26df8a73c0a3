"""The ledger as files: the export with its seals, the proof of one event, the head, the public keys.

They are made to be kept elsewhere and verified without us: `python -m identity.verify`.
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
from identity.ledger.domain.audit_event import Filter, asked
from identity.ledger.domain.ledger import canonical, content
from identity.ledger.domain.verification import FORMAT
from identity.ledger.store import ledger as store
from identity.ledger.store.ledger import Sealed
from identity.sign_in.store import signing_key as keys

EVENTS_AT_ONCE, BATCHES_AT_ONCE = 1_000, 50
_SAFE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


async def export(request: Request) -> Response:
    """The ledger as JSON lines, or a period or a filter of it; as long as it takes, never in memory."""
    runtime: Runtime = request.app.state.runtime
    wanted = filter_of(request)
    with _visit(request):
        scope = await _allowed(request, "export")
        first, last = await runtime.db.read(store.batches_between, wanted.since, wanted.until)
        told = {"filter": asked(wanted), "batches": [first, last]}
        event = audit.event(audit.Entry(scope.actor, "export", "AuditEvent", "", details=told))
        await runtime.audit_writer.write([event])
    name = f"ledger-{first}-{last}.jsonl"
    headers = _SAFE | {"content-disposition": f'attachment; filename="{name}"'}
    lines = _lines(runtime, wanted, first, last)
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)


async def _lines(runtime: Runtime, wanted: Filter, first: int, last: int) -> AsyncIterator[bytes]:
    batches = events = 0
    yield _line(
        "ledger", version=FORMAT, exported_at=datetime.now(UTC).isoformat(), filter=asked(wanted)
    )
    # Of a period every batch is given whole, so that a missing event can be told from one left out.
    rest = replace(wanted, since=None, until=None)
    inner = rest if rest == Filter() else wanted
    after = first - 1
    while after < last:
        some = await runtime.db.read(store.batches, after, last, BATCHES_AT_ONCE)
        if not some:
            break
        for group in _groups(some):
            lines, found = await runtime.db.read(of_batches, group, inner)
            batches, events = batches + len(group), events + found
            yield lines
        after = some[-1].header.batch
    if wanted == Filter():
        lines, found = await runtime.db.read(_numberless)
        events += found
        yield lines
    yield _line("end", batches=batches, events=events)


def _groups(batches: list[Sealed]) -> list[list[Sealed]]:
    """Batches whose events are few enough to be read together."""
    found: list[list[Sealed]] = [[]]
    size = 0
    for one in batches:
        if found[-1] and size + one.header.size > EVENTS_AT_ONCE:
            found.append([])
            size = 0
        found[-1].append(one)
        size += one.header.size
    return found


def of_batches(session: Session, batches: list[Sealed], wanted: Filter) -> tuple[bytes, int]:
    """Some batches as lines, and how many events are among them."""
    first, last = batches[0].header, batches[-1].header
    rows = dict(store.numbered(session, first.first, last.last, wanted))
    lines, count = [], 0
    for one in batches:
        lines.append(
            _line(
                "seal",
                header=asdict(one.header),
                signed=one.signed,
                leaves=[leaf.hex() for leaf in one.leaves],
            )
        )
        for sequence in range(one.header.first, one.header.last + 1):
            if sequence in rows:
                lines.append(_line("event", sequence=sequence, event=content(rows[sequence])))
                count += 1
    return b"".join(lines), count


def _numberless(session: Session) -> tuple[bytes, int]:
    lines = [
        _line("event", sequence=None, event=content(event)) for event in store.numberless(session)
    ]
    return b"".join(lines), len(lines)


def _line(type: str, **said: Any) -> bytes:
    return canonical({"type": type, **said}) + b"\n"


async def proof(request: Request) -> Response:
    """That one event is in the ledger: the event, its path to the root, and the signed head."""
    runtime: Runtime = request.app.state.runtime
    id = maybe_uuid(request.path_params["id"], "id")
    with _visit(request):
        scope = await _allowed(request, "export")

        def query(session: Session) -> dict[str, Any] | None:
            number = store.number_of(session, id) if id else None
            sealed = store.of_batch(session, number[1]) if number else None
            if number is None or sealed is None:
                return None
            event = dict(store.numbered(session, number[0], number[0])).get(number[0])
            if event is None:
                return None
            steps = merkle.path(sealed.leaves, number[0] - sealed.header.first)
            return {
                "event": content(event),
                "sequence": number[0],
                "path": [step.hex() for step in steps],
                "header": asdict(sealed.header),
                "signed": sealed.signed,
            }

        found = await runtime.db.read(query)
        if found is None:
            raise NotFound(
                "There is no such event, or it is not sealed yet; that takes about a second.",
                "没有该审计记录，或尚未封存（约需一秒）。",
            )
        event = audit.event(audit.Entry(scope.actor, "export", "AuditEvent", str(id)))
        await runtime.audit_writer.write([event])
    return _json(found)


async def head(request: Request) -> Response:
    """The signed head of the last batch; kept elsewhere, it proves later tampering."""
    runtime: Runtime = request.app.state.runtime
    with _visit(request):
        await _allowed(request, "read")
        latest = await runtime.db.read(store.latest)
    if latest is None:
        raise NotFound("Nothing is sealed yet.", "尚无已封存的记录。")
    said = {"header": asdict(latest.header), "hash": latest.header.hash, "signed": latest.signed}
    return _json(said)


async def public_keys(request: Request) -> Response:
    """The public halves of every key that ever signed, as a JWK set."""
    runtime: Runtime = request.app.state.runtime
    return _json({"keys": await runtime.db.read(keys.all_public_keys)})


def filter_of(request: Request) -> Filter:
    """The filter of the query string. Raises `BadInput`."""
    said = dict(request.query_params)

    def taken(name: str) -> str | None:
        return optional(said.pop(name, None), field=name, longest=200) or None

    actor = maybe_uuid(taken("actor"), "actor")
    action = taken("action")
    found = Filter(
        actor=UserId(actor) if actor else None,
        service=taken("service"),
        actions=tuple(action.split(",")) if action else (),
        object=taken("object"),
        resource=taken("resource"),
        coordinate=taken("coordinate"),
        purpose=taken("purpose"),
        decision=taken("decision"),
        trace_id=taken("trace"),
        since=_moment(taken("since"), "since"),
        until=_moment(taken("until"), "until"),
    )
    for name in said:
        raise BadInput(
            f"There is no filter {name[:60]!r}; there are actor, service, action, object, "
            "resource, coordinate, purpose, decision, trace, since and until.",
            f"没有名为 {name[:60]!r} 的筛选条件。",
            field=name[:60],
        )
    return found


def _moment(text: str | None, field: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError as problem:
        raise BadInput(
            f"{field} is not a time; write 2026-01-31T08:00:00Z or …+08:00.",
            f"{field} 不是有效时间，请写成 2026-01-31T08:00:00Z 或 …+08:00。",
            field=field,
        ) from problem


async def _allowed(request: Request, action: str) -> Scope:
    """The right to it; a refusal is in the ledger too."""
    runtime: Runtime = request.app.state.runtime
    actor: Actor | None = await runtime.actor_of(request)
    if actor is None:
        raise Unauthenticated(
            "Send the access token as `Authorization: Bearer …`.",
            "请在请求头 Authorization 中携带访问令牌。",
        )
    permissions = runtime.guard.permissions(actor)
    audit.decided_by(permissions.version)
    try:
        return permissions.allow(actor, "AuditEvent", action)
    except Denied:
        await runtime.audit_writer.write(
            [audit.event(audit.Entry(actor, action, "AuditEvent", "", decision="deny"))]
        )
        raise


@contextlib.contextmanager
def _visit(request: Request) -> Iterator[None]:
    """One span and one set of circumstances around a request for a file."""
    parent = request.headers.get("traceparent")
    with (
        telemetry.span("identity ledger", kind=SpanKind.SERVER, parent=parent),
        audit.under(circumstances_of(request)),
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
