"""Receive telemetry of all processes over OTLP/HTTP and show it: a bounded store and two pages.

It sends no telemetry itself, which would cause an endless loop. Spans hold no personal data, and it
answers only on the loopback address, to requests with a loopback host name.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import AsyncIterator

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from onebox.traces import otlp, pages
from onebox.traces.series import Series
from onebox.traces.store import Store, TraceFilter
from onebox.traces.words import Words

log = logging.getLogger("huichi.traces")

PAGE_SIZE = 50
MAX_SPANS = 2_000
_PROTOBUF = "application/x-protobuf"
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


def create(database_url: str) -> Starlette:
    """Create the application; connections are opened in its lifespan."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.store, app.state.series = Store(database_url), Series()
        await app.state.store.prepare()
        try:
            yield
        finally:
            await app.state.store.close()

    return Starlette(
        routes=[
            Route("/", _list),
            Route("/traces/{trace_id}", _trace),
            Route("/metrics", _metrics),
            Route("/livez", _alive),
            Route("/readyz", _ready),
            Route("/v1/traces", _receive_traces, methods=["POST"]),
            Route("/v1/metrics", _receive_metrics, methods=["POST"]),
            Route("/v1/logs", _receive_logs, methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        exception_handlers={otlp.Unreadable: _unreadable, SQLAlchemyError: _unavailable},
        lifespan=lifespan,
    )


async def _receive_traces(request: Request) -> Response:
    spans = otlp.spans(await _body(request))
    if spans:
        await _store(request).add(spans)
    return Response(ExportTraceServiceResponse().SerializeToString(), media_type=_PROTOBUF)


async def _receive_metrics(request: Request) -> Response:
    series: Series = request.app.state.series
    series.add(otlp.readings(await _body(request)))
    return Response(ExportMetricsServiceResponse().SerializeToString(), media_type=_PROTOBUF)


async def _receive_logs(request: Request) -> Response:
    """Accept and discard logs, which are written to files on this machine."""
    await _body(request)
    return Response(b"", media_type=_PROTOBUF)


async def _list(request: Request) -> Response:
    query = request.query_params
    if trace_id := query.get("trace", "").strip():
        return RedirectResponse(f"/traces/{re.sub('[^0-9a-zA-Z]', '', trace_id)}", 303)
    trace_filter = TraceFilter(
        service=query.get("service", "")[:100],
        name=query.get("name", "").strip()[:100],
        errors=query.get("errors") == "1",
        min_ms=_number(query.get("min_ms", "")),
        before=_before(query.get("before", "")),
    )
    store = _store(request)
    rows = await store.traces(trace_filter, PAGE_SIZE + 1)
    more = len(rows) > PAGE_SIZE
    page = pages.trace_list(
        _words(request), trace_filter, rows[:PAGE_SIZE], await store.services(), more
    )
    return HTMLResponse(page, headers=_HEADERS)


async def _trace(request: Request) -> Response:
    words = _words(request)
    text = request.path_params["trace_id"].lower()
    if not re.fullmatch("[0-9a-f]{32}", text):
        page = pages.problem(words, words.bad_id, words.bad_id_more)
        return HTMLResponse(page, 404, headers=_HEADERS)
    store, trace_id = _store(request), bytes.fromhex(text)
    spans = await store.spans(trace_id, MAX_SPANS + 1)
    if not spans:
        # A link that is followed at once is faster than the spans: reload, but only three times.
        tries = int(_number(request.query_params.get("again", "")))
        reload_url = f"/traces/{text}?again={tries + 1}" if tries < 3 else None
        page = pages.problem(words, words.missing, words.missing_more, reload_url)
        return HTMLResponse(page, 404, headers=_HEADERS)
    view = pages.TraceView(
        text,
        spans[:MAX_SPANS],
        await store.linking(trace_id),
        len(spans) > MAX_SPANS,
        await store.services(),
    )
    return HTMLResponse(pages.waterfall(words, view), headers=_HEADERS)


async def _metrics(request: Request) -> Response:
    series: Series = request.app.state.series
    return Response(series.text(), media_type="text/plain; version=0.0.4")


async def _alive(_: Request) -> Response:
    return Response("ok", media_type="text/plain")


async def _ready(request: Request) -> Response:
    ready = await _store(request).ping()
    return Response("ready" if ready else "not ready", 200 if ready else 503)


async def _unreadable(_: Request, problem: Exception) -> Response:
    return Response(str(problem), 400, media_type="text/plain")


async def _unavailable(_: Request, problem: Exception) -> Response:
    log.warning("the trace store is unavailable: %s", type(problem).__name__)
    # 503 makes an exporter keep its batch and send it again (OTLP specification, retries).
    return Response("the store is unavailable", 503, headers={"retry-after": "2"})


async def _body(request: Request) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip() != _PROTOBUF:
        raise otlp.Unreadable(f"content-type must be {_PROTOBUF}; OTLP as JSON is not supported")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > otlp.MAX_BYTES:
            raise otlp.Unreadable(f"the body is larger than {otlp.MAX_BYTES} bytes")
    return otlp.decompress(bytes(body), request.headers.get("content-encoding", "").lower())


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _words(request: Request) -> Words:
    return Words(request.headers.get("accept-language", "").lower().startswith("zh"))


def _number(text: str) -> float:
    return min(float(text), 1e9) if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text) else 0.0


def _before(text: str) -> tuple[int, bytes] | None:
    match = re.fullmatch(r"(\d{1,19})\.([0-9a-f]{32})", text)
    return (int(match[1]), bytes.fromhex(match[2])) if match else None
