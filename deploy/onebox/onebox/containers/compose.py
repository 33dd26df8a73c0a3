"""Support for docker-compose.yml: `env` writes its secrets, `check` compares it with the code."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from onebox.house import SERVICES, new_secrets

ROOT = Path(__file__).resolve().parents[4]
FILE = ROOT / "docker-compose.yml"
# The variables of .env, and the secret of a one-machine run that each is generated like.
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
            sys.exit("usage: python -m onebox.containers.compose env|check")


def write_env(path: Path) -> None:
    """Write generated secrets for variables that are not set yet; present ones are kept."""
    text = path.read_text() if path.exists() else ""
    present = set(re.findall(r"^(\w+)=", text, re.MULTILINE))
    generated = new_secrets()
    lines = [
        f"{name}={generated[secret]}\n" for name, secret in VARIABLES.items() if name not in present
    ]
    if text and not text.endswith("\n"):
        text += "\n"
    fresh = path.with_name(".env.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text + "".join(lines))
    fresh.replace(path)
    print(
        f"{path}: {len(lines)} written, {len(present)} kept. Now: docker compose up --build --wait"
    )
    print(
        "The first password of all users is COMPANY_PASSWORD in it; user names are in the README."
    )


def check() -> Iterator[str]:
    """Yield every mismatch between docker-compose.yml and the code."""
    from ruamel.yaml import YAML

    text = FILE.read_text()
    containers: dict[str, Any] = YAML(typ="safe").load(text)["services"]
    required = set(re.findall(r"\$\{(\w+):\?", text))
    for name in sorted(required - VARIABLES.keys()):
        yield f"docker-compose.yml needs {name}, which `make compose-env` does not write"
    for name in sorted(VARIABLES.keys() - required):
        yield f"`make compose-env` writes {name}, which docker-compose.yml does not use"
    for name in SERVICES:
        for container in (name, "worker", "beat"):
            yield from _settings_load(container, name, containers[container]["environment"])
    for container, options in containers.items():
        for mount in options.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./") and not (ROOT / source).exists():
                yield f"{container} mounts {source}, which does not exist"


def _settings_load(container: str, service: str, environment: dict[str, str]) -> Iterator[str]:
    from chassis.settings import BadSettings
    from onebox.worker import settings_of

    generated = new_secrets()
    before = dict(os.environ)
    filled = {key: _substitute(value, generated) for key, value in environment.items()}
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


def _substitute(value: str, generated: dict[str, str]) -> str:
    """Replace `${NAME:-default}` by a generated secret, or else by its default."""

    def replace(match: re.Match[str]) -> str:
        name, default = match[1], match[2] or ""
        return generated[VARIABLES[name]] if name in VARIABLES else default

    return re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", replace, str(value))


if __name__ == "__main__":
    main()
