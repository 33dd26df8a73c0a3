"""One trace a request: continued, recorded, exported, and without anything personal in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.serving.observability.tracing import TraceParent, read_traceparent
from tests.gateway.serving.conftest import House, Running, Start
from tests.support.serve import served

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
QUERY = "query Mine($p:ID!){product(upc:$p){name owner{name}}}"


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[Span]]]:
    spans: list[Span] = []

    async def receive(request: Request) -> Response:
        message = ExportTraceServiceRequest.FromString(await request.body())
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                spans.extend(scope.spans)
        return Response(b"", media_type="application/x-protobuf")

    with served(Starlette(routes=[Route("/v1/traces", receive, methods=["POST"])])) as url:
        yield url, spans


def test_a_request_is_one_trace_with_a_span_for_each_stage_and_fetch(
    start: Start, house: House, receiver: tuple[str, list[Span]]
) -> None:
    url, spans = receiver

    with start(otlp_endpoint=url) as gateway:
        answer = gateway.post({"query": QUERY, "variables": {"p": "p1"}}, traceparent=PARENT)
    by_name = _wait_for(spans, 7)

    root = by_name["query"]
    assert answer.json()["extensions"]["traceId"] == answer.headers["x-trace-id"] == TRACE
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    assert root.parent_span_id.hex() == "b7ad6b7169203331"
    assert set(by_name) == {
        "query",
        "graphql.parse",
        "graphql.validate",
        "graphql.plan",
        "graphql.execute",
        "fetch products",
        "fetch accounts",
    }
    execute = by_name["graphql.execute"]
    assert {by_name[f"fetch {name}"].parent_span_id for name in ("products", "accounts")} == {
        execute.span_id
    }
    heard = house.accounts.heard[0]["traceparent"]
    assert heard == f"00-{TRACE}-{by_name['fetch accounts'].span_id.hex()}-01"


def test_spans_hold_names_and_no_values(
    start: Start, house: House, receiver: tuple[str, list[Span]]
) -> None:
    url, spans = receiver

    with start(otlp_endpoint=url) as gateway:
        gateway.post(
            {"query": QUERY + "# 13800138000", "variables": {"p": "secret-upc"}},
            authorization="Bearer secret",
        )
    root = _wait_for(spans, 6)["query"]

    text = str(spans)
    assert all(word not in text for word in ("secret", "13800138000", "product(upc"))
    attributes = {item.key: item.value.string_value for item in root.attributes}
    assert attributes["graphql.operation.name"] == "Mine"
    assert attributes["graphql.document.hash"].startswith("sha256:")


def test_failures_mark_their_spans(
    start: Start, house: House, receiver: tuple[str, list[Span]]
) -> None:
    url, spans = receiver
    house.accounts.mood = "broken"

    with start(otlp_endpoint=url) as gateway:
        gateway.ask('{user(id:"u1"){name}}')
    by_name = _wait_for(spans, 6)

    assert by_name["fetch accounts"].status.message == "SUBGRAPH_BAD_RESPONSE"
    assert by_name["query"].status.message == "SUBGRAPH_BAD_RESPONSE"


def test_what_the_caller_does_not_sample_is_not_recorded_but_still_followed(
    start: Start, house: House, receiver: tuple[str, list[Span]]
) -> None:
    url, spans = receiver
    unsampled = PARENT[:-2] + "00"

    with start(otlp_endpoint=url) as gateway:
        answer = gateway.post(
            {"query": "{products{name}}"}, traceparent=unsampled, tracestate="a=b"
        )

    assert answer.json()["extensions"]["traceId"] == TRACE
    assert house.products.heard[0]["traceparent"] == unsampled
    assert house.products.heard[0]["tracestate"] == "a=b"
    assert not spans


def test_the_answer_links_to_its_trace(gateway: Running) -> None:
    extensions = gateway.post({"query": "{nothing}"}).json()["extensions"]

    assert extensions["traceUrl"] == f"http://traces.example/{extensions['traceId']}"


def test_a_receiver_that_is_down_harms_nobody(start: Start, house: House) -> None:
    with start(otlp_endpoint="http://127.0.0.1:1") as gateway:
        assert gateway.ask("{products(first:1){upc}}") == {"data": {"products": [{"upc": "p1"}]}}


@pytest.mark.parametrize(
    ("header", "caller"),
    [
        (PARENT, TraceParent(TRACE, "b7ad6b7169203331", True)),
        (PARENT[:-2] + "00", TraceParent(TRACE, "b7ad6b7169203331", False)),
        (
            f"01-{TRACE.upper()}-b7ad6b7169203331-0b-more",
            TraceParent(TRACE, "b7ad6b7169203331", True),
        ),
        ("", None),
        ("00-abc-def-01", None),
        (f"ff-{TRACE}-b7ad6b7169203331-01", None),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        (f"00-{'x' * 32}-b7ad6b7169203331-01", None),
    ],
)
def test_reads_the_header_as_the_w3c_writes_it(header: str, caller: Any) -> None:
    assert read_traceparent(header) == caller


def _wait_for(spans: list[Span], count: int) -> dict[str, Span]:
    until = time.monotonic() + 10
    while len(spans) < count and time.monotonic() < until:
        time.sleep(0.05)
    assert len(spans) == count, [span.name for span in spans]
    return {span.name: span for span in spans}
