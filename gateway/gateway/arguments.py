"""The options of the command line, and the settings that they stand for."""

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.protection import (
    ActorHeader,
    Authentication,
    Issuer,
    PersistedQueries,
    Pin,
    Protection,
    Rates,
    Signature,
    TrustedDocuments,
    Uploads,
)
from gateway.serving.published_supergraph import is_published
from gateway.settings import EventSource, Settings

Command = Callable[[argparse.Namespace], int]


class UnusableArgument(Exception):
    """An argument that cannot be used; the message says what would be right."""


def parser(commands_by_name: Mapping[str, Command]) -> argparse.ArgumentParser:
    """Return the parser of `gateway`; it sets `command` to the function of the named command."""
    result = argparse.ArgumentParser(
        prog="gateway",
        description="A gateway for Apollo Federation 2: one GraphQL schema over many subgraphs.",
        epilog="`gateway COMMAND --help` describes a command.",
    )
    commands = result.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, sentence, add_arguments in (
        ("compose", "Compose subgraphs into a supergraph.", _compose_arguments),
        ("plan", "Show the plan of an operation.", _plan_arguments),
        ("serve", "Serve a supergraph over HTTP.", _serve_arguments),
    ):
        command = commands.add_parser(name, help=sentence, description=sentence)
        command.set_defaults(command=commands_by_name[name])
        add_arguments(command)
    return result


def _compose_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--subgraph",
        action="append",
        required=True,
        metavar="NAME=URL|NAME=FILE[@URL]",
        help="a subgraph: the address of a running one, whose schema is fetched, or a schema file "
        "with the address that requests go to",
    )
    parser.add_argument(
        "--url",
        action="append",
        default=[],
        metavar="NAME=URL",
        help="the address that requests go to, if it is not the one of --subgraph",
    )
    parser.add_argument(
        "--output",
        type=supergraph,
        metavar="FILE|REDIS",
        help="where the supergraph is written, or redis://host/0?pointer=KEY (default: stdout)",
    )


def _plan_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--supergraph", type=supergraph, required=True, metavar="FILE|REDIS")
    parser.add_argument(
        "--query", required=True, metavar="FILE", help="a GraphQL document; `-` reads stdin"
    )
    parser.add_argument("--operation", metavar="NAME", help="which operation, if there are several")


def _serve_arguments(parser: argparse.ArgumentParser) -> None:
    defaults = Settings(supergraph="")
    add = parser.add_argument
    add(
        "--supergraph",
        type=supergraph,
        required=True,
        metavar="FILE|REDIS",
        help="a file, or redis://host/0?pointer=KEY; watched, and served when it changes",
    )
    add("--host", default=defaults.host, help="default: %(default)s")
    add(
        "--port", type=int, default=defaults.port, help="default: %(default)s; 0 chooses a free one"
    )
    add(
        "--subgraph-url",
        action="append",
        default=[],
        metavar="NAME=URL",
        help="an address that takes precedence over the supergraph's",
    )
    add(
        "--subscriptions",
        action="append",
        default=[],
        metavar="NAME=ws|sse[@URL]",
        help="how a subgraph serves subscriptions: graphql-transport-ws (the default) or "
        "server-sent events, and where, if not at its own address",
    )
    add("--label", action="append", default=[], help="a label of @override that is on")
    add(
        "--header",
        action="append",
        default=[],
        metavar="NAME",
        help="a further header that is forwarded to subgraphs",
    )
    add(
        "--otlp-endpoint",
        default=os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"),
        metavar="URL",
        help="OTLP/HTTP receiver of traces (default: $OTEL_EXPORTER_OTLP_ENDPOINT)",
    )
    add("--trace-url", metavar="TEMPLATE", help="a page that shows a trace, with {trace_id} in it")
    _page_arguments(parser, defaults)
    _protection_arguments(parser)
    add(
        "--production",
        action="store_true",
        help="no GraphiQL, no introspection, no suggestions, no plans",
    )


def _page_arguments(parser: argparse.ArgumentParser, defaults: Settings) -> None:
    add = parser.add_argument
    add("--title", default=defaults.title, help="the title of GraphiQL's page")
    add("--default-query", type=Path, metavar="FILE", help="the document that GraphiQL starts with")
    add(
        "--sign-in",
        metavar="DOCUMENT",
        help="a mutation of $username and $password; GraphiQL then shows a sign-in bar",
    )
    add(
        "--sign-in-token", default="signIn.accessToken", metavar="PATH", help="default: %(default)s"
    )
    add("--sign-in-errors", default="signIn.errors", metavar="PATH", help="default: %(default)s")


def _protection_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("protection").add_argument
    add("--config", type=Path, metavar="FILE", help="TOML with everything below and more")
    add("--jwks", metavar="URL|FILE", help="the JWK set that bearer tokens are verified with")
    add("--issuer", metavar="NAME", help="the required `iss` of tokens")
    add(
        "--audience",
        action="append",
        default=[],
        metavar="NAME",
        help="an accepted `aud` of tokens",
    )
    add("--require-token", action="store_true", help="refuse requests without a token")
    add("--actor-key", type=Path, metavar="FILE", help="the Ed25519 key that signs `x-actor`")
    add(
        "--sign-requests",
        metavar="VARIABLE",
        help="the environment variable with the secret that signs requests to subgraphs",
    )
    add("--manifest", type=Path, metavar="FILE", help="trusted documents; in production no others")
    add("--persisted-queries", action="store_true", help="automatic persisted queries")
    add("--rate", metavar="N/SECONDS", help="most requests of one client, e.g. 600/60")
    add(
        "--redis-url",
        metavar="URL",
        default=os.environ.get("GATEWAY_REDIS_URL"),
        help="the store that gateways share (default: $GATEWAY_REDIS_URL)",
    )
    add(
        "--pin",
        metavar="HEADER=KEY[@CHANNEL]",
        help="a version in Valkey that all subgraphs of one operation are sent",
    )
    add("--max-cost", type=int, metavar="N", help="limit by @cost and @listSize")
    add("--uploads", action="store_true", help="accept files by multipart requests")
    add(
        "--share-queries",
        action="store_true",
        help="send equal queries under way at once only once",
    )
    add(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="NETWORK",
        help="a network whose x-forwarded-for is trusted, e.g. 10.0.0.0/8",
    )


def protection(base: Protection, options: argparse.Namespace) -> Protection:
    """Return the protection of the configuration file, changed by the options."""
    changes: dict[str, Any] = {}
    if options.jwks:
        issuer = Issuer(jwks=options.jwks, issuer=options.issuer, audience=tuple(options.audience))
        changes["authentication"] = Authentication(issuers=(issuer,))
    elif options.issuer or options.audience:
        raise UnusableArgument("--issuer and --audience need --jwks.")
    authentication = changes.get("authentication", base.authentication)
    if options.require_token:
        if authentication is None:
            raise UnusableArgument(
                "--require-token needs --jwks, or every request would be refused."
            )
        changes["authentication"] = replace(authentication, mode="required")
    if options.actor_key:
        changes["actor"] = ActorHeader(key=options.actor_key)
    if options.sign_requests:
        changes["signature"] = Signature(variable=options.sign_requests)
    if options.manifest:
        changes["trusted"] = TrustedDocuments(manifest=options.manifest)
    if options.persisted_queries:
        changes["persisted"] = PersistedQueries(redis_url=options.redis_url)
    if options.rate:
        changes["rates"] = _rates(options.rate, options.redis_url)
    if options.pin:
        changes["pin"] = _pin(options.pin, options.redis_url)
    if options.max_cost is not None:
        changes["cost"] = options.max_cost
    if options.uploads:
        changes["uploads"] = Uploads()
    if options.share_queries:
        changes["share_queries"] = True
    if options.trusted_proxy:
        changes["trusted_proxies"] = tuple(options.trusted_proxy)
    return replace(base, **changes)


def _pin(text: str, redis_url: str | None) -> Pin:
    header, _, place = text.partition("=")
    key, _, channel = place.partition("@")
    if not header or not key:
        raise UnusableArgument(f'--pin must be HEADER=KEY or HEADER=KEY@CHANNEL, not "{text}".')
    if not redis_url:
        raise UnusableArgument("--pin needs --redis-url, the store that holds the version.")
    return Pin(redis_url=redis_url, key=key, header=header.lower(), channel=channel or None)


def _rates(text: str, redis_url: str | None) -> Rates:
    count, _, seconds = text.partition("/")
    if not count.isdigit() or not seconds.isdigit() or not int(count) or not int(seconds):
        raise UnusableArgument(f'--rate must be N/SECONDS, e.g. 600/60, not "{text}".')
    return Rates(requests=int(count), seconds=float(seconds), redis_url=redis_url)


def supergraph(text: str) -> Path | str:
    """Return the place of a supergraph: a file, or a pointer in Valkey."""
    return text if is_published(text) else Path(text)


def pair(text: str, option: str) -> tuple[str, str]:
    """Split NAME=VALUE; raises UnusableArgument naming the option."""
    name, separator, value = text.partition("=")
    if not separator or not name or not value:
        raise UnusableArgument(f'{option} must be NAME=…, not "{text}".')
    return name, value


def event_source(text: str) -> tuple[str, EventSource]:
    """Return the subgraph and the event source of NAME=ws|sse[@URL]; raises UnusableArgument."""
    name, value = pair(text, "--subscriptions")
    protocol, _, url = value.partition("@")
    match protocol:
        case "ws" | "sse":
            return name, EventSource(protocol=protocol, url=url or None)
    raise UnusableArgument(f'--subscriptions must be NAME=ws or NAME=sse, not "{text}".')
