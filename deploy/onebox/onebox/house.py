"""The plan of a one-machine run: its folder, eight ports, secrets and the settings of each part."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from onebox.servers import native
from onebox.servers.postgres import Postgres
from onebox.servers.valkey import Valkey

SERVICES = ("identity", "customers", "activities", "integrations")
DATABASES = (*SERVICES, "traces")
PARTS = ("gateway", *SERVICES, "traces", "postgres", "valkey")
HIGHEST_PORT = 32767  # above it the kernel assigns ports to outgoing connections


@dataclass(frozen=True)
class House:
    """Everything that is decided before the first process of a run starts."""

    var: Path
    port: int
    secret: Mapping[str, str]
    external_postgres: str | None = None
    external_redis: str | None = None

    def port_of(self, part: str) -> int:
        """Return the port of a part; the gateway has the first one."""
        return self.port + PARTS.index(part)

    def url_of(self, part: str) -> str:
        """Return the HTTP address of a part."""
        return f"http://127.0.0.1:{self.port_of(part)}"

    @property
    def logs(self) -> Path:
        """Return the folder of the logs."""
        return self.var / "log"

    @property
    def inbox(self) -> Path:
        """Return the only folder that spreadsheets are read from by path."""
        return self.var / "inbox"

    @property
    def postgres(self) -> Postgres:
        """Return the PostgreSQL server of this machine."""
        return Postgres(
            self.var / "postgres", self.port_of("postgres"), self.secret["postgres_password"]
        )

    @property
    def valkey(self) -> Valkey:
        """Return the Valkey server of this machine."""
        return Valkey(self.var / "valkey", self.port_of("valkey"), self.secret["valkey_password"])

    @property
    def redis_url(self) -> str:
        """Return the address of the Redis protocol server in use."""
        return self.external_redis or self.valkey.url()

    @property
    def admin_url(self) -> str:
        """Return the superuser's address of the PostgreSQL server in use."""
        return self.external_postgres or self.postgres.url()

    def database_url(self, name: str) -> str:
        """Return the address of a part's own database, as its own user."""
        role, password = f"huichi_{name}", self.secret[f"{name}_database_password"]
        host = self.admin_url.rpartition("@")[2].partition("/")[0]
        return f"postgresql://{role}:{password}@{host}/{role}"

    def environment(self) -> dict[str, str]:
        """Return the HUICHI_* settings of the services; the user's environment overrides them."""
        settings = {
            "REDIS_URL": self.redis_url,
            "ISSUER_URL": self.url_of("identity"),
            "OTLP_ENDPOINT": self.url_of("traces"),
            "TRACE_URL": self.url_of("traces") + "/traces/{trace_id}",
            "MASK_SECRET": self.secret["mask_secret"],
            "ACTOR_SECRET": self.secret["actor_secret"],
            "IDENTITY_SECRET": self.secret["identity_secret"],
            # A passkey cannot be made for a bare address, so the page may be opened by name too.
            "IDENTITY_FRONTENDS": ",".join(
                f"http://{host}:{self.port}" for host in ("localhost", "127.0.0.1")
            ),
            "INTEGRATIONS_CUSTOMERS_URL": self.url_of("customers"),
            "INTEGRATIONS_SERVICE_USERNAME": "sync",
            "INTEGRATIONS_SERVICE_PASSWORD": self.secret["service_password"],
            "INTEGRATIONS_CREDENTIAL_KEY": self.secret["credential_key"],
            # On one machine the sources often run on it too; elsewhere this stays false.
            "INTEGRATIONS_ALLOW_PRIVATE_HOSTS": "true",
            "INTEGRATIONS_SPREADSHEET_FOLDER": str(self.inbox),
        }
        for name in SERVICES:
            settings[f"{name.upper()}_DATABASE_URL"] = self.database_url(name)
            settings[f"{name.upper()}_PORT"] = str(self.port_of(name))
        overrides = {key: value for key, value in os.environ.items() if key.startswith("HUICHI_")}
        for own_setting in ("HUICHI_DATABASE_URL", "HUICHI_REDIS_URL"):
            overrides.pop(own_setting, None)
        return {f"HUICHI_{key}": value for key, value in settings.items()} | overrides


def open_house(port: int, environ: Mapping[str, str] = os.environ) -> House:
    """Return the plan of a run; its folder and secrets are created where they are missing."""
    var = folder(environ)
    var.mkdir(mode=0o700, parents=True, exist_ok=True)
    return House(
        var,
        port,
        _secrets(var / "secrets.json"),
        environ.get("HUICHI_DATABASE_URL"),
        environ.get("HUICHI_REDIS_URL"),
    )


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that holds all data of a run."""
    return Path(environ.get("HUICHI_VAR") or "var").resolve()


def check_ports(house: House) -> None:
    """Check that all ports can be used. Raises `StartFailed` with a remedy otherwise."""
    if not 1024 <= house.port <= HIGHEST_PORT - len(PARTS):
        raise native.StartFailed(
            f"PORT={house.port} cannot be used: choose one between 1024 and "
            f"{HIGHEST_PORT - len(PARTS)}, for example `make up PORT=9600`."
        )
    external = {"postgres": house.external_postgres, "valkey": house.external_redis}
    needed = [part for part in PARTS if not external.get(part)]
    occupied = [part for part in needed if not native.port_is_free(house.port_of(part))]
    if occupied:
        ports = ", ".join(f"{house.port_of(part)} ({part})" for part in occupied)
        raise native.StartFailed(
            f"Another program already listens on port {ports}.\n"
            f"Huichi uses the {len(PARTS)} ports from PORT on; move it with `make up PORT=9600`."
        )


def _secrets(path: Path) -> dict[str, str]:
    stored: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = {name: secret for name, secret in new_secrets().items() if name not in stored}
    if missing:
        stored |= missing
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(stored, out, indent=1)
        fresh.replace(path)
    return stored


def new_secrets() -> dict[str, str]:
    """Return a new set of all secrets of a run."""
    return {name: generate() for name, generate in _GENERATORS.items()}


def _password() -> str:
    return secrets.token_urlsafe(32)


def _typed_password() -> str:
    # Users type this one: short, and without letters that look alike.
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(3))


_GENERATORS: dict[str, Callable[[], str]] = {
    "postgres_password": _password,
    "valkey_password": _password,
    "service_password": _password,
    "company_password": _typed_password,
    "identity_secret": _password,
    "mask_secret": _password,
    "actor_secret": _password,
    "credential_key": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
    **{f"{name}_database_password": _password for name in DATABASES},
}
