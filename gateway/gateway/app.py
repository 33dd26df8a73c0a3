"""The gateway's composition root and command line: `gateway compose`, `plan` and `serve`."""

import argparse
import gc
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from gateway.arguments import Command, UnusableArgument, event_source, pair, parser, protection
from gateway.composition import compose
from gateway.configuration import read_configuration
from gateway.errors import GatewayError
from gateway.execution.sdl import fetch_sdl
from gateway.operation import parse_document, select_operation
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
    """Return the gateway as an ASGI application.

    No thread, loop or connection is started: that begins with the application's lifespan, so it may
    be made before a fork and served after it.
    """
    return application(settings)


def run(settings: Settings, listener: socket.socket | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests under way."""
    app = create(settings)
    _tune_collector()
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


def _tune_collector() -> None:
    """Collect garbage less often, and never among the objects made before the first request.

    A request's objects form no cycles, so they are freed with it; but reading a large answer makes
    enough of them at once to start Python's collector a hundred times, for nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


class _Server(uvicorn.Server):
    """A server that ends event streams at shutdown.

    uvicorn closes WebSockets by itself (1012), but would wait for event streams to end.
    """

    def __init__(self, configuration: uvicorn.Config, state: State) -> None:
        super().__init__(configuration)
        self.state = state

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, then shut down as uvicorn does."""
        self.state.subscriptions.end_streams()
        await super().shutdown(sockets)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit 0 on success, 1 on failure, 2 for wrong usage."""
    commands = {"compose": _compose, "plan": _plan, "serve": _serve}
    options = parser(commands).parse_args(arguments)
    command: Command = options.command
    try:
        sys.exit(command(options))
    except (GatewayError, UnusableArgument) as error:
        _print_error(f"gateway: {error}")
        sys.exit(1)


# ------------------------------------------------------------------------------------- commands


def _compose(options: argparse.Namespace) -> int:
    addresses = dict(pair(text, "--url") for text in options.url)
    subgraphs = [_read_subgraph(*pair(text, "--subgraph"), addresses) for text in options.subgraph]
    names = [subgraph.name for subgraph in subgraphs]
    for name in [*addresses, *names]:
        if names.count(name) != 1:
            raise UnusableArgument(f'"{name}" must be given with --subgraph exactly once.')
    result = compose(subgraphs)
    if isinstance(result, Supergraph):
        _write(result.sdl, options.output)
        return 0
    for problem in result:
        _print_error(str(problem))
    place = (
        PublishedSupergraph(options.output).display
        if is_published(options.output)
        else options.output
    )
    outcome = f"{place} is unchanged" if place else "nothing was written"
    _print_error(f"gateway: {len(result)} problem(s) found, {outcome}.")
    return 1


def _plan(options: argparse.Namespace) -> int:
    supergraph = load(read_supergraph(options.supergraph))
    text = sys.stdin.read() if options.query == "-" else _read_text(Path(options.query))
    document = parse_document(text)
    try:
        check_valid(document, supergraph.schema, production=False)
    except Refused as refused:
        for fault in refused.faults("en"):
            line, column = next(iter(fault.locations), (0, 0))
            _print_error(f"{options.query}:{line}:{column}: {fault.message}")
        return 1
    operation = select_operation(document, options.operation)
    if operation.kind != "subscription":
        names = frozenset(operation.variables)  # what may be deferred is shown as deferred
        operation = select_operation(document, options.operation, deferring=names)
    print(print_plan(plan(supergraph, operation)), end="")  # noqa: T201  the command's result
    return 0


def _serve(options: argparse.Namespace) -> int:
    configured = read_configuration(options.config) if options.config else {}
    configured["protection"] = protection(configured.get("protection", Protection()), options)
    settings = Settings(
        **configured,
        supergraph=options.supergraph,
        subgraph_urls=dict(pair(text, "--subgraph-url") for text in options.subgraph_url),
        event_sources=dict(event_source(text) for text in options.subscriptions),
        labels=tuple(options.label),
        host=options.host,
        port=options.port,
        title=options.title,
        production=options.production,
        headers=(*Settings(supergraph="").headers, *(name.lower() for name in options.header)),
        otlp_endpoint=options.otlp_endpoint,
        trace_url=options.trace_url,
        sign_in=options.sign_in
        and SignIn(
            document=options.sign_in, token=options.sign_in_token, errors=options.sign_in_errors
        ),
        default_query=_read_text(options.default_query) if options.default_query else None,
    )
    if settings.trace_url and "{trace_id}" not in settings.trace_url:
        raise UnusableArgument(
            "--trace-url must hold {trace_id}, e.g. http://127.0.0.1:16686/trace/{trace_id}."
        )
    listener = _listen(settings.host, settings.port)
    start_logs()
    host, port = listener.getsockname()[:2]
    _print_error(f"gateway: http://{host}:{port}/graphql")
    # uvicorn drains, then raises its signal once more: a drained gateway exits with success.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    run(settings, listener)
    return 0


# -------------------------------------------------------------------------------------- helpers


def _read_subgraph(name: str, source: str, addresses: dict[str, str]) -> Subgraph:
    if source.startswith(("http://", "https://")):
        return Subgraph(name, addresses.get(name, source), fetch_sdl(name, source))
    file, separator, address = source.partition("@http")
    url = f"http{address}" if separator else addresses.get(name)
    if not url:
        raise UnusableArgument(
            f'The subgraph "{name}" is a file; add the address that requests go to: '
            f"--subgraph {name}={source}@http://… or --url {name}=http://…"
        )
    return Subgraph(name, addresses.get(name, url), _read_text(Path(file)))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableArgument(f"{path} cannot be read: {error}") from error


def _write(sdl: str, output: Path | str | None) -> None:
    """Write the file as a whole or not at all: a watching gateway must never read half of it."""
    if isinstance(output, str):
        _print_error(f"gateway: published as {PublishedSupergraph(output).publish(sdl)}.")
        return
    if output is None:
        print(sdl, end="")  # noqa: T201  the command's result
        return
    draft = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        draft.write_text(sdl, encoding="utf-8")
        draft.replace(output)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UnusableArgument(f"{output} cannot be written: {error}") from error


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        raise UnusableArgument(
            f"{host}:{port} cannot be listened on: {error}; choose another --port."
        ) from error
    return listener


def _print_error(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201  for the command line's user


if __name__ == "__main__":
    main()
