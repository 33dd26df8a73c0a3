"""The processes of a one-machine run: what each executes, and how its readiness is checked."""

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

from onebox.house import SERVICES, House
from onebox.processes.process import fork
from onebox.processes.supervisor import Part

FIRST_QUERY = (files("onebox") / "first_query.graphql").read_text()
_SIGN_IN = """mutation SignIn($username: String!, $password: String!) {
  signIn(username: $username, password: $password) { accessToken errors { code message } }
}"""
_ANSWER_AT = "signIn.accessToken"
ROOT = Path(__file__).resolve().parents[3]

# A dropped Popen object would make `subprocess` wait for its process instead of the supervisor.
_servers: list[subprocess.Popen[bytes]] = []


def servers(house: House) -> list[Part]:
    """Return PostgreSQL and Valkey, except where the user names an external server."""
    external = {"postgres": house.external_postgres, "valkey": house.external_redis}
    database, valkey = house.postgres, house.valkey
    parts = [
        _server("postgres", database.start, database.ready, signal.SIGINT),
        _server("valkey", valkey.start, valkey.ready, signal.SIGTERM),
    ]
    return [part for part in parts if not external[part.name]]


def traces(house: House) -> Part:
    """Return the receiver of traces with its pages."""

    def run() -> None:
        from onebox.traces.app import create

        serve(create(house.database_url("traces")), house.port_of("traces"))

    # The other processes send their last spans while they stop, so this one stops later.
    return _web(house, "traces", run, stop_wave=1)


def service(house: House, name: str) -> Part:
    """Return one of the four services, as its composition root creates it."""

    def run() -> None:
        os.environ.update(house.environment())
        importlib.import_module(f"{name}.app").main()

    return _web(house, name, run)


def gateway(house: House) -> Part:
    """Return the gateway over the supergraph that is checked in."""

    def run() -> None:
        from gateway.app import create
        from gateway.protection import HeaderRule, Pin, Protection, Signature
        from gateway.serving.observability.json_logs import start_logs
        from gateway.settings import Settings, SignIn

        # A trace should be on its page when a user follows the link in the answer.
        os.environ.setdefault("OTEL_BSP_SCHEDULE_DELAY", "500")
        start_logs()
        environment = house.environment()
        os.environ["HUICHI_ACTOR_SECRET"] = environment["HUICHI_ACTOR_SECRET"]
        settings = Settings(
            supergraph=ROOT / "gateway" / "supergraph.graphql",
            subgraph_urls={name: house.url_of(name) + "/graphql" for name in SERVICES},
            title="Huichi 汇池",
            otlp_endpoint=environment["HUICHI_OTLP_ENDPOINT"],
            trace_url=environment["HUICHI_TRACE_URL"],
            production=environment.get("HUICHI_ENVIRONMENT") == "production",
            sign_in=SignIn(document=_SIGN_IN, token=_ANSWER_AT, errors="signIn.errors"),
            default_query=FIRST_QUERY,
            protection=Protection(
                signature=Signature(variable="HUICHI_ACTOR_SECRET"),
                pin=Pin(
                    redis_url=environment["HUICHI_REDIS_URL"],
                    key="policy:version",
                    channel="policy",
                    header="x-policy-version",
                ),
                # The session list shows the device, so that users can tell sessions apart.
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
    """Return a Celery worker for all four services, with the scheduler in one of its threads."""
    ready = house.var / "worker.ready"

    def start(output: int) -> int:
        ready.unlink(missing_ok=True)
        return fork(lambda: _work(house, ready), output)

    return Part("worker", start, ready.exists)


def preload_base() -> None:
    """Import what preparing the databases needs; it runs in parallel to the other imports."""
    _import(
        "uvicorn",
        "uvloop",
        "httptools",
        "chassis.migrate",
        "chassis.web",
        "identity.bootstrap.services",
    )


def preload() -> None:
    """Import what all children need, once, before the first of them is forked."""
    _import("chassis.worker", "onebox.worker", "onebox.traces.app")
    for name in SERVICES:
        _import(f"{name}.app", f"{name}.worker")
    _import("gateway.app")
    # The collector never visits frozen objects again, so their memory pages stay shared.
    gc.collect()
    gc.freeze()


def _import(*names: str) -> None:
    for name in names:
        importlib.import_module(name)


def serve(app: object, port: int) -> None:
    """Serve an application until a signal stops the process."""
    from chassis.server import run_server

    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    run_server(app, host="127.0.0.1", port=port, lifespan="on", timeout_graceful_shutdown=1)


def _work(house: House, ready: Path) -> None:
    from onebox.worker import work

    os.environ.update(house.environment())
    work(ready, beat=True)


def _web(house: House, name: str, run: Callable[[], None], stop_wave: int = 0) -> Part:
    port = house.port_of(name)
    start = partial(fork, run)
    return Part(name, start, lambda: is_ready(port), stop_wave=stop_wave)


def is_ready(port: int) -> bool:
    """Return whether the process at a port is ready for requests."""
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

    return Part(name, launch, ready, stop_with, stop_timeout=1.5, stop_wave=2)
