"""What each process of the house runs, and how to see that it is ready."""

from __future__ import annotations

import contextlib
import gc
import http.client
import importlib
import logging
import os
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path

from onebox import processes
from onebox.house import SERVICES, House
from onebox.supervisor import Part

FIRST_QUERY = (files("onebox") / "first_query.graphql").read_text()
_SIGN_IN = """mutation SignIn($username: String!, $password: String!) {
  signIn(username: $username, password: $password) { accessToken errors { code message } }
}"""
_ANSWER_AT = "signIn.accessToken"
ROOT = Path(__file__).resolve().parents[3]

# Dropping one would make `subprocess` wait for its process behind the supervisor's back.
_servers: list[subprocess.Popen[bytes]] = []


def servers(house: House) -> list[Part]:
    """PostgreSQL and Valkey, unless the user brought their own."""
    brought = {"postgres": house.external_postgres, "valkey": house.external_redis}
    database, valkey = house.postgres, house.valkey
    ours = [
        _server("postgres", database.start, database.ready, signal.SIGINT),
        _server("valkey", valkey.start, valkey.ready, signal.SIGTERM),
    ]
    return [part for part in ours if not brought[part.name]]


def traces(house: House) -> Part:
    """The receiver and the pages of traces."""

    def run() -> None:
        from onebox.traces.app import create

        serve(create(house.database_url("traces")), house.port_of("traces"))

    # The others send their last spans while they end.
    return _web(house, "traces", run, leans=1)


def service(house: House, name: str) -> Part:
    """One of the four services, as its own composition root makes it."""

    def run() -> None:
        os.environ.update(house.environment())
        importlib.import_module(f"{name}.app").main()

    return _web(house, name, run)


def gateway(house: House) -> Part:
    """The gateway over the supergraph that is checked in."""

    def run() -> None:
        from gateway.app import create
        from gateway.protection import HeaderRule, Pin, Protection, Signature
        from gateway.serving.observability.json_logs import start_logs
        from gateway.settings import Settings, SignIn

        # A trace should be on its page when somebody has followed the link in the answer.
        os.environ.setdefault("OTEL_BSP_SCHEDULE_DELAY", "500")
        start_logs()
        said = house.environment()
        os.environ["HUICHI_ACTOR_SECRET"] = said["HUICHI_ACTOR_SECRET"]
        settings = Settings(
            supergraph=ROOT / "gateway" / "supergraph.graphql",
            subgraph_urls={name: house.url_of(name) + "/graphql" for name in SERVICES},
            title="Huichi 汇池",
            otlp_endpoint=said["HUICHI_OTLP_ENDPOINT"],
            trace_url=said["HUICHI_TRACE_URL"],
            production=said.get("HUICHI_ENVIRONMENT") == "production",
            sign_in=SignIn(document=_SIGN_IN, token=_ANSWER_AT, errors="signIn.errors"),
            default_query=FIRST_QUERY,
            protection=Protection(
                signature=Signature(variable="HUICHI_ACTOR_SECRET"),
                pin=Pin(
                    redis_url=said["HUICHI_REDIS_URL"],
                    key="policy:version",
                    channel="policy",
                    header="x-policy-version",
                ),
                # By what people tell their sessions from one another.
                header_rules=(
                    HeaderRule(
                        action="propagate", name="user-agent", value="x-device", subgraph="identity"
                    ),
                ),
            ),
        )
        serve(create(settings), house.port_of("gateway"))

    return _web(house, "gateway", run)


def worker(house: House) -> Part:
    """One Celery worker for all four services, with the scheduler in a thread of it."""
    ready = house.var / "worker.ready"

    def start(output: int) -> int:
        ready.unlink(missing_ok=True)
        return processes.fork(lambda: _work(house, ready), output)

    return Part("worker", start, ready.exists)


def preload_base() -> None:
    """Import what preparing the databases needs; that goes on beside the rest of the imports."""
    _import("uvicorn", "uvloop", "httptools", "chassis.migrate", "chassis.web", "identity.found")


def preload() -> None:
    """Import once what every child needs, before the first of them is forked."""
    _import("chassis.worker", "onebox.worker", "onebox.traces.app")
    for name in SERVICES:
        _import(f"{name}.app", f"{name}.worker")
    _import("gateway.app")
    # What is frozen is never visited by the collector again, so its pages stay shared.
    gc.collect()
    gc.freeze()


def _import(*names: str) -> None:
    for name in names:
        importlib.import_module(name)


def serve(app: object, port: int) -> None:
    """Serve an application until told to stop."""
    import uvicorn

    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    uvicorn.run(
        app,  # type: ignore[arg-type]  # an ASGI application
        host="127.0.0.1",
        port=port,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


def _work(house: House, ready: Path) -> None:
    from onebox.worker import work

    os.environ.update(house.environment())
    work(ready, beat=True)


def _web(house: House, name: str, run: Callable[[], None], leans: int = 0) -> Part:
    port = house.port_of(name)
    start = partial(processes.fork, run)
    return Part(name, start, lambda: is_ready(port), leans=leans)


def is_ready(port: int) -> bool:
    """Ask a process whether it can answer requests now."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False


def _server(
    name: str,
    start: Callable[[int], subprocess.Popen[bytes]],
    ready: Callable[[], bool],
    stop_with: signal.Signals,
) -> Part:
    def launch(output: int) -> int:
        process = start(output)
        _servers.append(process)
        return process.pid

    return Part(name, launch, ready, stop_with, patience=1.5, leans=2)
