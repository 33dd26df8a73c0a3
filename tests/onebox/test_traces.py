"""The receiver of traces: takes what OpenTelemetry's own exporter sends,
keeps it bounded, shows it."""

from __future__ import annotations

import gzip
import re
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests
import uvicorn
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, StatusCode, Tracer, format_trace_id

from onebox.traces import app, store
from onebox.traces.tree import walk
from tests.support.servers import free_port

PROTOBUF = {"content-type": "application/x-protobuf"}


@pytest.fixture
def url(database: Callable[..., str]) -> Iterator[str]:
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app.create(database()), port=port, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def tracer(url: str, service: str = "customers") -> Tracer:
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
    return provider.get_tracer("test")


def names(page: str) -> list[str]:
    return re.findall(r'<a href="/traces/[0-9a-f]{32}">([^<]*)</a>', page)


def test_shows_the_spans_of_two_services_under_each_other(url: str) -> None:
    gateway, customers = tracer(url, "gateway"), tracer(url, "customers")
    with (
        gateway.start_as_current_span(
            "query", attributes={"graphql.operation.name": "One"}
        ) as root,
        customers.start_as_current_span("fetch <b>"),
    ):
        pass
    trace_id = format_trace_id(root.get_span_context().trace_id)

    page = requests.get(f"{url}/traces/{trace_id}", timeout=5).text

    assert [
        *re.findall(r'padding-left:(\d+)px"><i class="dot c\d"></i>([^<]*)<small>(\w+)', page)
    ] == [
        ("10", "query", "gateway"),
        ("26", "fetch &lt;b&gt;", "customers"),
    ]
    assert "<td>graphql.operation.name</td><td class=mono>One</td>" in page
    assert names(requests.get(url, timeout=5).text) == ["query One"]
    assert "http" not in page.replace("http-equiv", "")


def test_links_both_ways_between_a_cause_and_what_follows(url: str) -> None:
    trace = tracer(url)
    with trace.start_as_current_span("cause") as cause:
        pass
    with trace.start_as_current_span("follows", links=[Link(cause.get_span_context())]) as follows:
        pass
    first, second = (format_trace_id(span.get_span_context().trace_id) for span in (cause, follows))

    page_of_cause = requests.get(f"{url}/traces/{first}", timeout=5).text
    page_of_follows = requests.get(f"{url}/traces/{second}", timeout=5).text

    assert f'Continues in <a href="/traces/{second}">follows</a>' in page_of_cause
    assert f'href="/traces/{first}"' in page_of_follows


def test_finds_traces_by_service_error_name_and_duration(url: str) -> None:
    with tracer(url, "identity").start_as_current_span("signIn") as failed:
        failed.set_status(StatusCode.ERROR, "FORBIDDEN")
    with tracer(url, "customers").start_as_current_span("100%_slow"):
        time.sleep(0.05)

    def found(**query: str) -> list[str]:
        return names(requests.get(url, params=query, timeout=5).text)

    assert found() == ["100%_slow", "signIn"]
    assert found(service="identity") == ["signIn"]
    assert found(errors="1") == ["signIn"]
    assert found(min_ms="40") == ["100%_slow"]
    assert found(name="0%_S") == ["100%_slow"]
    assert found(name="nothing") == []


def test_pages_to_older_traces_without_a_gap(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "PAGE_SIZE", 3)
    trace = tracer(url)
    for number in range(8):
        with trace.start_as_current_span(f"s{number}"):
            pass

    seen, where = [], "/"
    while where:
        page = requests.get(url + where, timeout=5).text
        seen += names(page)
        following = re.search(r'rel="next" href="([^"]*)"', page)
        where = following[1].replace("&amp;", "&") if following else ""

    assert seen == [f"s{number}" for number in reversed(range(8))]


def test_forgets_the_oldest_segment_whole(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SEGMENT_ROWS", 2)
    monkeypatch.setattr(store, "SEGMENTS", 2)
    trace = tracer(url)

    for number in range(9):
        with trace.start_as_current_span(f"s{number}"):
            pass

    assert names(requests.get(url, timeout=5).text) == ["s8", "s7", "s6"]


def test_shows_a_batch_that_was_sent_twice_once(url: str) -> None:
    provider = TracerProvider()
    memory = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    with provider.get_tracer("test").start_as_current_span("once"):
        pass
    body = encode_spans(memory.get_finished_spans()).SerializeToString()

    for _ in range(2):
        packed = {**PROTOBUF, "content-encoding": "gzip"}
        answer = requests.post(f"{url}/v1/traces", gzip.compress(body), headers=packed, timeout=5)
        assert answer.status_code == 200

    page = requests.get(url, timeout=5).text
    assert names(page) == ["once"]
    assert '<td class="number">1</td>' in page


@pytest.mark.parametrize(
    ("body", "headers", "says"),
    [
        (b"{}", {"content-type": "application/json"}, "content-type must be"),
        (b"\xff\xff nonsense", PROTOBUF, "not an OTLP protobuf message"),
        (b"not gzip", {**PROTOBUF, "content-encoding": "gzip"}, "the body is not gzip"),
        (b"", {**PROTOBUF, "content-encoding": "br"}, "br is not supported"),
        (
            gzip.compress(b"\0" * 50_000_000),
            {**PROTOBUF, "content-encoding": "gzip"},
            "decompresses to more than",
        ),
    ],
)
def test_refuses_what_it_cannot_read(
    url: str, body: bytes, headers: dict[str, str], says: str
) -> None:
    answer = requests.post(f"{url}/v1/traces", body, headers=headers, timeout=5)

    assert answer.status_code == 400
    assert says in answer.text
    assert "No traces yet" in requests.get(url, timeout=5).text


def test_refuses_a_page_asked_for_under_a_foreign_name(url: str) -> None:
    answer = requests.get(url, headers={"host": "evil.example"}, timeout=5)

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("language", "path", "status", "says"),
    [
        ("zh-CN,zh;q=0.9", "/", 200, "还没有链路"),
        ("en", "/?service=nobody", 200, "No trace matches"),
        ("zh", "/traces/" + "0" * 32, 404, "此链路不存在"),
        ("fr", "/traces/xyz", 404, "32 hexadecimal digits"),
        ("en", "/?before=nonsense&min_ms=-1", 200, "No traces yet"),
    ],
)
def test_says_what_is_missing_in_the_readers_language(
    url: str, language: str, path: str, status: int, says: str
) -> None:
    answer = requests.get(url + path, headers={"accept-language": language}, timeout=5)

    assert (answer.status_code, says in answer.text) == (status, True)


def test_shows_the_latest_metrics_as_prometheus_reads_them(url: str) -> None:
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{url}/v1/metrics"))
    provider = MeterProvider([reader], resource=Resource.create({"service.name": "gateway"}))
    meter = provider.get_meter("test")
    meter.create_counter("facts.sent").add(3, {"stream": "customers"})
    meter.create_histogram("seconds", explicit_bucket_boundaries_advisory=[1, 5]).record(2)
    provider.force_flush()

    text = requests.get(f"{url}/metrics", timeout=5).text
    provider.shutdown()

    values = re.sub(r'instance="[^"]*",', "", text)
    assert 'facts_sent_total{service="gateway",stream="customers"} 3.0' in values
    assert 'seconds_bucket{service="gateway",le="5.0"} 1' in values
    assert 'seconds_count{service="gateway"} 1' in values


def test_walks_orphans_and_circles_once() -> None:
    def span(key: bytes, parent: bytes | None) -> dict[str, bytes | None]:
        return {"span_id": key, "parent_id": parent}

    spans = [
        span(b"o", b"gone"),
        span(b"r", None),
        span(b"c", b"r"),
        span(b"x", b"y"),
        span(b"y", b"x"),
    ]

    walked = [(node.span["span_id"], node.depth, node.orphan) for node in walk(spans)]

    assert walked == [
        (b"o", 0, True),
        (b"r", 0, False),
        (b"c", 1, False),
        (b"x", 0, True),
        (b"y", 1, False),
    ]
