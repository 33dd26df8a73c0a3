"""Settings come from the environment and are read once, in the composition root."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec

PREFIX = "HUICHI_"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that every service has."""

    database_url: str
    """PostgreSQL as `postgresql://user:password@host:port/database`."""
    redis_url: str
    """Valkey or Redis as `redis://:password@host:port/0`."""
    issuer_url: str
    """Base address of identity, which publishes the token keys."""
    host: str = "127.0.0.1"
    port: int = 0
    otlp_endpoint: str | None = None
    """Base address of an OTLP/HTTP receiver; traces go to `{otlp_endpoint}/v1/traces`."""
    trace_url: str | None = None
    """The address of a trace in the tracing UI, with `{trace_id}` in it."""
    mask_secret: Annotated[str, msgspec.Meta(min_length=32)] | None = None
    """At least 32 random characters, the same for all services: the key of the mask `hash`.

    Without it, that mask shows `***`.
    """
    actor_secret: Annotated[str, msgspec.Meta(min_length=32)] | None = None
    """At least 32 random characters, the same for all services and the gateway.

    With it, GraphQL is answered only for requests that one of them has signed.
    """
    environment: str = "development"

    @property
    def production(self) -> bool:
        """Return whether this is a production environment."""
        return self.environment == "production"


S = TypeVar("S", bound=Settings)


class BadSettings(ValueError):
    """A setting is missing or wrong; the text names the variable."""


def load(kind: type[S], service: str, environ: Mapping[str, str] = os.environ) -> S:
    """Return the settings of a service from environment variables. Raise `BadSettings`.

    `HUICHI_<SERVICE>_<NAME>` takes precedence over `HUICHI_<NAME>`.
    """
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        own = f"{PREFIX}{service}_{field.name}".upper()
        common = f"{PREFIX}{field.name}".upper()
        text = environ.get(own, environ.get(common))
        if text:
            values[field.name] = text
        elif field.required:
            raise BadSettings(f"{own} (or {common}) is not set")
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as problem:
        raise BadSettings(f"{PREFIX}{service.upper()}_…: {problem}") from problem
