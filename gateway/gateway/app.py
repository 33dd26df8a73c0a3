"""The gateway's composition root and its command line: `gateway compose`, `gateway plan`, `gateway serve`."""

import argparse
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn

from gateway.composition import compose
from gateway.configuration import read_configuration
from gateway.errors import GatewayError
from gateway.execution.sdl import ask_for_sdl
from gateway.operation import choose, parse_document
from gateway.plan import print_plan
from gateway.planning import plan
from gateway.protection import (
    ActorHeader,
    Authentication,
    Issuer,
    PersistedQueries,
    Protection,
    Rates,
    TrustedDocuments,
    Uploads,
)
from gateway.serving.application import Gateway, application
from gateway.serving.documents import Refused, check_valid
from gateway.serving.logs import start_logs
from gateway.serving.protocol import protocol
from gateway.serving.state import State
from gateway.settings import EventSource, Settings, SignIn
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
        http=protocol(app.graphql),
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
        self.state.crowd.leave()
        await super().shutdown(sockets)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit 0 when done, 1 when it failed, 2 when it was called wrongly."""
    given = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = given.command
    try:
        sys.exit(command(given))
    except (GatewayError, Unusable) as error:
        _say(f"gateway: {error}")
        sys.exit(1)


class Unusable(Exception):
    """An argument that cannot be used; the message says what would be right."""


# ------------------------------------------------------------------------------------ arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gateway",
        description="A gateway for Apollo Federation 2: one GraphQL schema over many subgraphs.",
        epilog="`gateway COMMAND --help` tells more about a command.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, sentence, fill in (
        ("compose", "Compose subgraphs into a supergraph.", _compose_arguments),
        ("plan", "Show how an operation would be answered.", _plan_arguments),
        ("serve", "Serve a supergraph over HTTP.", _serve_arguments),
    ):
        fill(commands.add_parser(name, help=sentence, description=sentence))
    return parser


def _compose_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--subgraph",
        action="append",
        required=True,
        metavar="NAME=URL|NAME=FILE[@URL]",
        help="a subgraph: the address of a running one, which is asked for its schema, or a schema "
        "file with the address that requests go to",
    )
    parser.add_argument(
        "--url",
        action="append",
        default=[],
        metavar="NAME=URL",
        help="the address that requests go to, if it is not the one given with --subgraph",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="where the supergraph is written (default: stdout)",
    )
    parser.set_defaults(command=_compose)


def _plan_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--supergraph", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--query", required=True, metavar="FILE", help="a GraphQL document; `-` reads stdin"
    )
    parser.add_argument("--operation", metavar="NAME", help="which operation, if there are several")
    parser.set_defaults(command=_plan)


def _serve_arguments(parser: argparse.ArgumentParser) -> None:
    defaults = Settings(supergraph="")
    add = parser.add_argument
    add(
        "--supergraph",
        type=Path,
        required=True,
        metavar="FILE",
        help="watched, taken when it changes",
    )
    add("--host", default=defaults.host, help="default: %(default)s")
    add("--port", type=int, default=defaults.port, help="default: %(default)s; 0 takes a free one")
    add(
        "--subgraph-url",
        action="append",
        default=[],
        metavar="NAME=URL",
        help="an address that wins over the supergraph's",
    )
    add(
        "--subscriptions",
        action="append",
        default=[],
        metavar="NAME=ws|sse[@URL]",
        help="how a subgraph serves subscriptions: graphql-transport-ws (the default) or server-sent "
        "events, and where, if not at its own address",
    )
    add("--header", action="append", default=[], metavar="NAME", help="a further header passed on")
    add(
        "--otlp-endpoint",
        default=os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"),
        metavar="URL",
        help="OTLP/HTTP receiver of traces (default: $OTEL_EXPORTER_OTLP_ENDPOINT)",
    )
    add("--trace-url", metavar="TEMPLATE", help="a page that shows a trace, with {trace_id} in it")
    add("--title", default=defaults.title, help="shown on the page")
    add("--default-query", type=Path, metavar="FILE", help="what GraphiQL starts with")
    add(
        "--sign-in",
        metavar="DOCUMENT",
        help="a mutation of $username and $password; GraphiQL then shows a sign-in bar",
    )
    add(
        "--sign-in-token", default="signIn.accessToken", metavar="PATH", help="default: %(default)s"
    )
    add("--sign-in-errors", default="signIn.errors", metavar="PATH", help="default: %(default)s")
    _protection_arguments(parser)
    add(
        "--production",
        action="store_true",
        help="no GraphiQL, no introspection, no suggestions, no plans",
    )
    parser.set_defaults(command=_serve)


def _protection_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("safe").add_argument
    add("--config", type=Path, metavar="FILE", help="TOML with everything below and more")
    add("--jwks", metavar="URL|FILE", help="the JWK set that bearer tokens are verified with")
    add("--issuer", metavar="NAME", help="what `iss` of a token must say")
    add("--audience", action="append", default=[], metavar="NAME", help="what `aud` may hold")
    add("--require-token", action="store_true", help="refuse requests without a token")
    add("--actor-key", type=Path, metavar="FILE", help="Ed25519 key that signs `x-actor`")
    add("--manifest", type=Path, metavar="FILE", help="trusted documents; in production no others")
    add("--persisted-queries", action="store_true", help="automatic persisted queries")
    add("--rate", metavar="N/SECONDS", help="requests a client, e.g. 600/60")
    add("--redis-url", metavar="URL", help="where gateways count and persist together")
    add("--max-cost", type=int, metavar="N", help="limit by @cost and @listSize")
    add("--uploads", action="store_true", help="files by multipart requests")
    add("--share-queries", action="store_true", help="equal queries under way travel once")
    add(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="NETWORK",
        help="whose x-forwarded-for is believed, e.g. 10.0.0.0/8",
    )


# ------------------------------------------------------------------------------------- commands


def _compose(given: argparse.Namespace) -> int:
    addresses = dict(_pair(text, "--url") for text in given.url)
    subgraphs = [_subgraph(*_pair(text, "--subgraph"), addresses) for text in given.subgraph]
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
    what = f"{given.output} is unchanged" if given.output else "nothing was written"
    _say(f"gateway: {len(result)} problem(s) found, {what}.")
    return 1


def _plan(given: argparse.Namespace) -> int:
    supergraph = load(_text(given.supergraph))
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
    configured["protection"] = _protection(configured.get("protection", Protection()), given)
    settings = Settings(
        **configured,
        supergraph=given.supergraph,
        subgraph_urls=dict(_pair(text, "--subgraph-url") for text in given.subgraph_url),
        event_sources=dict(_event_source(text) for text in given.subscriptions),
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


def _protection(base: Protection, given: argparse.Namespace) -> Protection:
    """What the options say, over what the file says."""
    changes: dict[str, Any] = {}
    if given.jwks:
        issuer = Issuer(jwks=given.jwks, issuer=given.issuer, audience=tuple(given.audience))
        changes["authentication"] = Authentication(issuers=(issuer,))
    elif given.issuer or given.audience:
        raise Unusable("--issuer and --audience need --jwks.")
    authentication = changes.get("authentication", base.authentication)
    if given.require_token:
        if authentication is None:
            raise Unusable("--require-token needs --jwks, or nobody could be let in.")
        changes["authentication"] = replace(authentication, mode="required")
    if given.actor_key:
        changes["actor"] = ActorHeader(key=given.actor_key)
    if given.manifest:
        changes["trusted"] = TrustedDocuments(manifest=given.manifest)
    if given.persisted_queries:
        changes["persisted"] = PersistedQueries(redis_url=given.redis_url)
    if given.rate:
        changes["rates"] = _rates(given.rate, given.redis_url)
    if given.max_cost is not None:
        changes["cost"] = given.max_cost
    if given.uploads:
        changes["uploads"] = Uploads()
    if given.share_queries:
        changes["share_queries"] = True
    if given.trusted_proxy:
        changes["trusted_proxies"] = tuple(given.trusted_proxy)
    return replace(base, **changes)


def _rates(text: str, redis_url: str | None) -> Rates:
    count, _, seconds = text.partition("/")
    if not count.isdigit() or not seconds.isdigit() or not int(count) or not int(seconds):
        raise Unusable(f'--rate wants N/SECONDS, e.g. 600/60, and "{text}" is not that.')
    return Rates(requests=int(count), seconds=float(seconds), redis_url=redis_url)


# -------------------------------------------------------------------------------------- helpers


def _pair(text: str, option: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name or not value:
        raise Unusable(f'{option} wants NAME=…, and "{text}" is not that.')
    return name, value


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


def _event_source(text: str) -> tuple[str, EventSource]:
    name, way = _pair(text, "--subscriptions")
    protocol, _, url = way.partition("@")
    match protocol:
        case "ws" | "sse":
            return name, EventSource(protocol=protocol, url=url or None)
    raise Unusable(f'--subscriptions wants NAME=ws or NAME=sse, and "{text}" is not that.')


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path} cannot be read: {error}") from error


def _write(sdl: str, output: Path | None) -> None:
    """Write whole or not at all, so that a watching gateway never meets half a file."""
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
