"""The containers' side: `env` writes their secrets, `check` holds docker-compose.yml to the code."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from onebox.house import SERVICES, new_secrets

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "docker-compose.yml"
# What .env must say, and the secret of the house it is made like.
VARIABLES = {
    "POSTGRES_PASSWORD": "postgres_password",
    "VALKEY_PASSWORD": "valkey_password",
    "SERVICE_PASSWORD": "service_password",
    "COMPANY_PASSWORD": "company_password",
    "IDENTITY_SECRET": "identity_secret",
    "CREDENTIAL_KEY": "credential_key",
    "MASK_SECRET": "mask_secret",
    "ACTOR_SECRET": "actor_secret",
    **{f"{name.upper()}_DATABASE_PASSWORD": f"{name}_database_password" for name in SERVICES},
}


def main() -> None:
    """Run a command."""
    match sys.argv[1:]:
        case ["env"]:
            write_env(ROOT / ".env")
        case ["check"]:
            problems = list(check())
            for problem in problems:
                print(problem)
            sys.exit(1 if problems else 0)
        case _:
            sys.exit("usage: python -m onebox.compose env|check")


def write_env(path: Path) -> None:
    """Write generated secrets for what is not said yet; what is there stays."""
    known = path.read_text() if path.exists() else ""
    said = set(re.findall(r"^(\w+)=", known, re.MULTILINE))
    made = new_secrets()
    lines = [f"{name}={made[like]}\n" for name, like in VARIABLES.items() if name not in said]
    if known and not known.endswith("\n"):
        known += "\n"
    fresh = path.with_name(".env.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(known + "".join(lines))
    fresh.replace(path)
    print(f"{path}: {len(lines)} written, {len(said)} kept. Now: docker compose up --build --wait")
    print("Everybody's first password is COMPANY_PASSWORD in it; the user names are in the README.")


def check() -> Iterator[str]:
    """Find what docker-compose.yml says that the code does not understand."""
    from ruamel.yaml import YAML

    text = FILE.read_text()
    containers: dict[str, Any] = YAML(typ="safe").load(text)["services"]
    required = set(re.findall(r"\$\{(\w+):\?", text))
    for name in sorted(required - VARIABLES.keys()):
        yield f"docker-compose.yml wants {name}, which `make compose-env` does not write"
    for name in sorted(VARIABLES.keys() - required):
        yield f"`make compose-env` writes {name}, which docker-compose.yml does not use"
    for name in SERVICES:
        for container in (name, "worker", "beat"):
            yield from _settings_load(container, name, containers[container]["environment"])
    for container, said in containers.items():
        for mount in said.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./") and not (ROOT / source).exists():
                yield f"{container} mounts {source}, which is not there"


def _settings_load(container: str, service: str, environment: dict[str, str]) -> Iterator[str]:
    from chassis.settings import BadSettings
    from onebox.worker import settings_of

    made = new_secrets()
    before = dict(os.environ)
    filled = {key: _fill(value, made) for key, value in environment.items()}
    try:
        for name in [name for name in os.environ if name.startswith("HUICHI_")]:
            del os.environ[name]
        os.environ.update(filled)
        settings_of(service)
    except BadSettings as problem:
        yield f"{container}: {problem}"
    finally:
        os.environ.clear()
        os.environ.update(before)


def _fill(value: str, made: dict[str, str]) -> str:
    def instead(found: re.Match[str]) -> str:
        return made[VARIABLES[found[1]]] if found[1] in VARIABLES else (found[2] or "")

    return re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", instead, str(value))


if __name__ == "__main__":
    main()
