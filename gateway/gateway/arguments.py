"""What the command line takes: its options, and the settings that they say."""

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


class Unusable(Exception):
    """An argument that cannot be used; the message says what would be right."""


def parser(commands_by_name: Mapping[str, Command]) -> argparse.ArgumentParser:
    """The parser of `gateway`; `command` of what it parses is the one that was named."""
    found = argparse.ArgumentParser(
        prog="gateway",
        description="A gateway for Apollo Federation 2: one GraphQL schema over many subgraphs.",
        epilog="`gateway COMMAND --help` tells more about a command.",
    )
    commands = found.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, sentence, fill in (
        ("compose", "Compose subgraphs into a supergraph.", _compose_arguments),
        ("plan", "Show how an operation would be answered.", _plan_arguments),
        ("serve", "Serve a supergraph over HTTP.", _serve_arguments),
    ):
        command = commands.add_parser(name, help=sentence, description=sentence)
        command.set_defaults(command=commands_by_name[name])
        fill(command)
    return found


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
        help="a file, or redis://host/0?pointer=KEY; watched, taken when it changes",
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
    add("--label", action="append", default=[], help="a label of @override that is on")
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


def _protection_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("safe").add_argument
    add("--config", type=Path, metavar="FILE", help="TOML with everything below and more")
    add("--jwks", metavar="URL|FILE", help="the JWK set that bearer tokens are verified with")
    add("--issuer", metavar="NAME", help="what `iss` of a token must say")
    add("--audience", action="append", default=[], metavar="NAME", help="what `aud` may hold")
    add("--require-token", action="store_true", help="refuse requests without a token")
    add("--actor-key", type=Path, metavar="FILE", help="Ed25519 key that signs `x-actor`")
    add(
        "--sign-requests",
        metavar="VARIABLE",
        help="the environment variable with the secret that signs requests to subgraphs",
    )
    add("--manifest", type=Path, metavar="FILE", help="trusted documents; in production no others")
    add("--persisted-queries", action="store_true", help="automatic persisted queries")
    add("--rate", metavar="N/SECONDS", help="requests a client, e.g. 600/60")
    add(
        "--redis-url",
        metavar="URL",
        default=os.environ.get("GATEWAY_REDIS_URL"),
        help="where gateways count, persist and pin together (default: $GATEWAY_REDIS_URL)",
    )
    add(
        "--pin",
        metavar="HEADER=KEY[@CHANNEL]",
        help="a version in Valkey that all subgraphs of one operation are told",
    )
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


def protection(base: Protection, given: argparse.Namespace) -> Protection:
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
    if given.sign_requests:
        changes["signature"] = Signature(variable=given.sign_requests)
    if given.manifest:
        changes["trusted"] = TrustedDocuments(manifest=given.manifest)
    if given.persisted_queries:
        changes["persisted"] = PersistedQueries(redis_url=given.redis_url)
    if given.rate:
        changes["rates"] = _rates(given.rate, given.redis_url)
    if given.pin:
        changes["pin"] = _pin(given.pin, given.redis_url)
    if given.max_cost is not None:
        changes["cost"] = given.max_cost
    if given.uploads:
        changes["uploads"] = Uploads()
    if given.share_queries:
        changes["share_queries"] = True
    if given.trusted_proxy:
        changes["trusted_proxies"] = tuple(given.trusted_proxy)
    return replace(base, **changes)


def _pin(text: str, redis_url: str | None) -> Pin:
    header, _, place = text.partition("=")
    key, _, channel = place.partition("@")
    if not header or not key:
        raise Unusable(f'--pin wants HEADER=KEY or HEADER=KEY@CHANNEL, and "{text}" is not that.')
    if not redis_url:
        raise Unusable("--pin needs --redis-url, where the version is.")
    return Pin(redis_url=redis_url, key=key, header=header.lower(), channel=channel or None)


def _rates(text: str, redis_url: str | None) -> Rates:
    count, _, seconds = text.partition("/")
    if not count.isdigit() or not seconds.isdigit() or not int(count) or not int(seconds):
        raise Unusable(f'--rate wants N/SECONDS, e.g. 600/60, and "{text}" is not that.')
    return Rates(requests=int(count), seconds=float(seconds), redis_url=redis_url)


def supergraph(text: str) -> Path | str:
    """Where a supergraph is: a file, or a pointer in Valkey."""
    return text if is_published(text) else Path(text)


def pair(text: str, option: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name or not value:
        raise Unusable(f'{option} wants NAME=…, and "{text}" is not that.')
    return name, value


def event_source(text: str) -> tuple[str, EventSource]:
    name, way = pair(text, "--subscriptions")
    protocol, _, url = way.partition("@")
    match protocol:
        case "ws" | "sse":
            return name, EventSource(protocol=protocol, url=url or None)
    raise Unusable(f'--subscriptions wants NAME=ws or NAME=sse, and "{text}" is not that.')
