"""The plan of one machine: its folders, its eight ports, its secrets, and the settings of each part."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from onebox import native
from onebox.postgres import Postgres
from onebox.valkey import Valkey

SERVICES = ("identity", "customers", "activities", "integrations")
DATABASES = (*SERVICES, "traces")
PARTS = ("gateway", *SERVICES, "traces", "postgres", "valkey")
HIGHEST_PORT = 32767  # above it the kernel hands ports out to outgoing connections


@dataclass(frozen=True)
class House:
    """Everything that is decided before the first process starts."""

    var: Path
    port: int
    secret: Mapping[str, str]
    external_postgres: str | None = None
    external_redis: str | None = None

    def port_of(self, part: str) -> int:
        """Give the port of a part; the gateway has the one that was asked for."""
        return self.port + PARTS.index(part)

    def url_of(self, part: str) -> str:
        """Give the HTTP address of a part."""
        return f"http://127.0.0.1:{self.port_of(part)}"

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def inbox(self) -> Path:
        """The one folder that spreadsheets are read from by path."""
        return self.var / "inbox"

    @property
    def postgres(self) -> Postgres:
        return Postgres(
            self.var / "postgres", self.port_of("postgres"), self.secret["postgres_password"]
        )

    @property
    def valkey(self) -> Valkey:
        return Valkey(self.var / "valkey", self.port_of("valkey"), self.secret["valkey_password"])

    @property
    def redis_url(self) -> str:
        return self.external_redis or self.valkey.url()

    @property
    def admin_url(self) -> str:
        return self.external_postgres or self.postgres.url()

    def database_url(self, name: str) -> str:
        """Give the address of a part's own database, as its own user."""
        role, password = f"huichi_{name}", self.secret[f"{name}_database_password"]
        host = self.admin_url.rpartition("@")[2].partition("/")[0]
        return f"postgresql://{role}:{password}@{host}/{role}"

    def environment(self) -> dict[str, str]:
        """Give the HUICHI_* settings of the services; what the user's own environment says wins."""
        ours = {
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
            # On one machine the sources are often on it too; elsewhere this stays closed.
            "INTEGRATIONS_ALLOW_PRIVATE_HOSTS": "true",
            "INTEGRATIONS_SPREADSHEET_FOLDER": str(self.inbox),
        }
        for name in SERVICES:
            ours[f"{name.upper()}_DATABASE_URL"] = self.database_url(name)
            ours[f"{name.upper()}_PORT"] = str(self.port_of(name))
        theirs = {k: v for k, v in os.environ.items() if k.startswith("HUICHI_")}
        for meant_for_us in ("HUICHI_DATABASE_URL", "HUICHI_REDIS_URL"):
            theirs.pop(meant_for_us, None)
        return {f"HUICHI_{key}": value for key, value in ours.items()} | theirs


def open_house(port: int, environ: Mapping[str, str] = os.environ) -> House:
    """Read or make the folder of a house and its secrets."""
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
    """Give the folder where a house keeps everything."""
    return Path(environ.get("HUICHI_VAR") or "var").resolve()


def check_ports(house: House) -> None:
    """Raise StartFailed, naming the way out, when a port is taken or cannot be one."""
    if not 1024 <= house.port <= HIGHEST_PORT - len(PARTS):
        raise native.StartFailed(
            f"PORT={house.port} cannot be used: choose one between 1024 and "
            f"{HIGHEST_PORT - len(PARTS)}, for example `make up PORT=9600`."
        )
    external = {"postgres": house.external_postgres, "valkey": house.external_redis}
    needed = [part for part in PARTS if not external.get(part)]
    taken = [part for part in needed if not native.port_is_free(house.port_of(part))]
    if taken:
        ports = ", ".join(f"{house.port_of(part)} ({part})" for part in taken)
        raise native.StartFailed(
            f"Another program already listens on port {ports}.\n"
            f"Huichi uses the {len(PARTS)} ports from PORT on; move it with `make up PORT=9600`."
        )


def _secrets(path: Path) -> dict[str, str]:
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = {name: one for name, one in new_secrets().items() if name not in known}
    if missing:
        known |= missing
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(known, out, indent=1)
        fresh.replace(path)
    return known


def new_secrets() -> dict[str, str]:
    """Make one of every secret a house has."""
    return {name: make() for name, make in _MAKERS.items()}


def _password() -> str:
    return secrets.token_urlsafe(32)


def _typed_password() -> str:
    # People type this one: short, and without letters that look alike.
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(3))


_MAKERS: dict[str, Callable[[], str]] = {
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
