"""The gateway's composition root and its command line: `gateway compose`, `gateway plan`, `gateway serve`."""

import argparse
import gc
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from gateway.arguments import Command, Unusable, event_source, pair, parser, protection
from gateway.composition import compose
from gateway.configuration import read_configuration
from gateway.errors import GatewayError
from gateway.execution.sdl import ask_for_sdl
from gateway.operation import choose, parse_document
from gateway.plan import print_plan
from gateway.planning import plan
from gateway.protection import Protection
from gateway.serving.application import Gateway, application
from gateway.serving.documents.refusal import Refused
from gateway.serving.documents.validation import check_valid
from gateway.serving.http.fast_path import fast_path_protocol
from gateway.serving.observability.json_logs import start_logs
from gateway.serving.published_supergraph import PublishedSupergraph, is_published
from gateway.serving.state import State, read_supergraph
from gateway.settings import Settings, SignIn
from gateway.supergraph import Subgraph, Supergraph, load


def create(settings: Settings) -> Gateway:
    """The gateway as an ASGI application.

    Making it starts no thread, loop or connection: that begins with the application's lifespan, so
    it may be made before a fork and served after it.
    """
    return application(settings)


def run(settings: Settings, listener: socket.socket | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way."""
    app = create(settings)
    _settle_memory()
    configuration = uvicorn.Config(
        app,
        http=fast_path_protocol(app.graphql),
        host=settings.host,
        port=settings.port,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.drain_seconds,
        ws_max_size=settings.limits.body_bytes,
        ws_per_message_deflate=False,  # 64 kB of memory a connection, for messages that are short
    )
    _Server(configuration, app.state.gateway).run(sockets=[listener] if listener else None)


def _settle_memory() -> None:
    """Look for garbage less often, and never again among what is there before the first request.

    A request's objects form no circles, so they go when it goes; but reading a large answer makes
    enough of them at once to start Python's collector a hundred times, for nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


class _Server(uvicorn.Server):
    """uvicorn tells WebSockets that it leaves (1012), but would wait for event streams to end."""

    def __init__(self, configuration: uvicorn.Config, state: State) -> None:
        super().__init__(configuration)
        self.state = state

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End event streams, then what every server does."""
        self.state.subscriptions.end_streams()
        await super().shutdown(sockets)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit 0 when done, 1 when it failed, 2 when it was called wrongly."""
    commands = {"compose": _compose, "plan": _plan, "serve": _serve}
    given = parser(commands).parse_args(arguments)
    command: Command = given.command
    try:
        sys.exit(command(given))
    except (GatewayError, Unusable) as error:
        _say(f"gateway: {error}")
        sys.exit(1)


# ------------------------------------------------------------------------------------- commands


def _compose(given: argparse.Namespace) -> int:
    addresses = dict(pair(text, "--url") for text in given.url)
    subgraphs = [_subgraph(*pair(text, "--subgraph"), addresses) for text in given.subgraph]
    names = [subgraph.name for subgraph in subgraphs]
    for name in [*addresses, *names]:
        if names.count(name) != 1:
            raise Unusable(f'"{name}" must be given with --subgraph exactly once.')
    result = compose(subgraphs)
    if isinstance(result, Supergraph):
        _write(result.sdl, given.output)
        return 0
    for problem in result:
        _say(str(problem))
    place = (
        PublishedSupergraph(given.output).display if is_published(given.output) else given.output
    )
    what = f"{place} is unchanged" if place else "nothing was written"
    _say(f"gateway: {len(result)} problem(s) found, {what}.")
    return 1


def _plan(given: argparse.Namespace) -> int:
    supergraph = load(read_supergraph(given.supergraph))
    text = sys.stdin.read() if given.query == "-" else _text(Path(given.query))
    document = parse_document(text)
    try:
        check_valid(document, supergraph.schema, production=False)
    except Refused as refused:
        for fault in refused.faults("en"):
            line, column = next(iter(fault.locations), (0, 0))
            _say(f"{given.query}:{line}:{column}: {fault.message}")
        return 1
    operation = choose(document, given.operation)
    if operation.kind != "subscription":
        every = frozenset(operation.variables)  # what may be deferred is shown as deferred
        operation = choose(document, given.operation, deferring=every)
    print(print_plan(plan(supergraph, operation)), end="")  # noqa: T201  its answer
    return 0


def _serve(given: argparse.Namespace) -> int:
    configured = read_configuration(given.config) if given.config else {}
    configured["protection"] = protection(configured.get("protection", Protection()), given)
    settings = Settings(
        **configured,
        supergraph=given.supergraph,
        subgraph_urls=dict(pair(text, "--subgraph-url") for text in given.subgraph_url),
        event_sources=dict(event_source(text) for text in given.subscriptions),
        labels=tuple(given.label),
        host=given.host,
        port=given.port,
        title=given.title,
        production=given.production,
        headers=(*Settings(supergraph="").headers, *(name.lower() for name in given.header)),
        otlp_endpoint=given.otlp_endpoint,
        trace_url=given.trace_url,
        sign_in=given.sign_in
        and SignIn(document=given.sign_in, token=given.sign_in_token, errors=given.sign_in_errors),
        default_query=_text(given.default_query) if given.default_query else None,
    )
    if settings.trace_url and "{trace_id}" not in settings.trace_url:
        raise Unusable(
            "--trace-url must hold {trace_id}, e.g. http://127.0.0.1:16686/trace/{trace_id}."
        )
    listener = _listen(settings.host, settings.port)
    start_logs()
    host, port = listener.getsockname()[:2]
    _say(f"gateway: http://{host}:{port}/graphql")
    # uvicorn drains, then raises the signal that stopped it once more: a drained gateway is a success.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    run(settings, listener)
    return 0


# -------------------------------------------------------------------------------------- helpers


def _subgraph(name: str, source: str, addresses: dict[str, str]) -> Subgraph:
    if source.startswith(("http://", "https://")):
        return Subgraph(name, addresses.get(name, source), ask_for_sdl(name, source))
    file, separator, address = source.partition("@http")
    url = f"http{address}" if separator else addresses.get(name)
    if not url:
        raise Unusable(
            f'The subgraph "{name}" is a file, so say where requests go: '
            f"--subgraph {name}={source}@http://… or --url {name}=http://…"
        )
    return Subgraph(name, addresses.get(name, url), _text(Path(file)))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path} cannot be read: {error}") from error


def _write(sdl: str, output: Path | str | None) -> None:
    """Write whole or not at all, so that a watching gateway never meets half of it."""
    if isinstance(output, str):
        _say(f"gateway: published as {PublishedSupergraph(output).publish(sdl)}.")
        return
    if output is None:
        print(sdl, end="")  # noqa: T201  its answer
        return
    draft = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        draft.write_text(sdl, encoding="utf-8")
        draft.replace(output)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise Unusable(f"{output} cannot be written: {error}") from error


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        raise Unusable(
            f"{host}:{port} cannot be listened on: {error}; --port moves the gateway."
        ) from error
    return listener


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201  a command line speaks


if __name__ == "__main__":
    main()
