"""How each gateway is installed and started: ours, and peers from npm in a folder outside."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from benchmarks.gateway.processes import Failed
from benchmarks.gateway.tokens import AUDIENCE, ISSUER
from gateway.composition import compose
from gateway.supergraph import Subgraph, Supergraph

PEERS = Path(__file__).parent / "peers"
PACKAGES = {
    "node": "22",  # Hive needs Node 22 or newer
    "graphql": "16",
    "@apollo/gateway": "2.14.4",
    "@apollo/server": "5.5.1",
    "@graphql-hive/gateway": "2.15.1",
    "@graphql-hive/router-runtime": "1.4.23",
    "@grafbase/cli-x86_64-unknown-linux-musl": "0.103.0",
}


@dataclass(frozen=True)
class Place:
    """The ports and files of one world that is served."""

    folder: Path
    npm: Path
    port: int
    sdl: Mapping[str, str]
    subgraphs_port: int
    urls: Mapping[str, str] | None = None
    """The addresses of the subgraphs, where they are not paths at one port."""
    jwks: Path | None = None
    """The keys of the tokens that clients send, where they are verified."""

    def url(self, name: str) -> str:
        """Return the address of a subgraph."""
        return (self.urls or {}).get(name) or f"http://127.0.0.1:{self.subgraphs_port}/{name}"

    @property
    def supergraph(self) -> Path:
        """Return the file of the supergraph, which our composition makes for every gateway."""
        return self.folder / "supergraph.graphql"


@dataclass(frozen=True)
class Gateway:
    """A gateway that can be started."""

    name: str
    packages: tuple[str, ...]
    """Packages from npm; the first one has the gateway's version. Empty: ours."""
    command: Callable[[Place], Sequence[str | Path]]
    environment: Callable[[Place], Mapping[str, str]] = lambda _: {}
    path: str = "/graphql"
    javascript: bool = True

    def version(self, npm: Path) -> str:
        """Return the installed version."""
        if not self.packages:
            return version("huichi")
        file = npm / "node_modules" / self.packages[0] / "package.json"
        return str(json.loads(file.read_text())["version"])


def _ours_command(place: Place) -> Sequence[str | Path]:
    otlp = ("--otlp-endpoint", f"http://127.0.0.1:{place.subgraphs_port}")
    return [
        *(sys.executable, "-m", "gateway.app", "serve", "--supergraph", place.supergraph),
        *("--port", str(place.port), *(otlp if place.subgraphs_port else ())),
        *(_checks(place.jwks) if place.jwks else ()),
    ]


def _checks(jwks: Path) -> Sequence[str | Path]:
    return ("--jwks", jwks, "--issuer", ISSUER, "--audience", AUDIENCE, "--require-token")


def _apollo(place: Place) -> Sequence[str | Path]:
    return [_node(place.npm), _copied("apollo.mjs", place.npm)]


def _hive(config: str, *options: str) -> Callable[[Place], Sequence[str | Path]]:
    def command(place: Place) -> Sequence[str | Path]:
        program = place.npm / "node_modules" / ".bin" / "hive-gateway"
        return [
            *(_node(place.npm), program, "supergraph", place.supergraph),
            *("--config-path", _copied(config, place.npm)),
            *("--host", "127.0.0.1", "--port", str(place.port), *options),
        ]

    return command


def _grafbase(place: Place) -> Sequence[str | Path]:
    lines = ["[[headers]]", 'rule = "forward"', 'name = "authorization"']
    for name, sdl in place.sdl.items():
        file = place.folder / f"{name}.graphql"
        file.write_text(sdl)
        lines += [
            f"[subgraphs.{name}]",
            f'url = "{place.url(name)}"',
            f'schema_path = "{file}"',
        ]
    config = place.folder / "grafbase.toml"
    config.write_text("\n".join(lines))
    program = place.npm / "node_modules" / GRAFBASE / "grafbase"
    program.chmod(0o755)
    return [program, "dev", "--config", config, "--port", str(place.port)]


GRAFBASE = "@grafbase/cli-x86_64-unknown-linux-musl"
HIVE = "@graphql-hive/gateway"
PRODUCTION: Mapping[str, str] = {"NODE_ENV": "production"}

GATEWAYS = (
    Gateway("ours", (), _ours_command, javascript=False),
    Gateway(
        "Apollo Gateway",
        ("@apollo/gateway", "@apollo/server"),
        _apollo,
        lambda place: {
            **PRODUCTION,
            "SUPERGRAPH": str(place.supergraph),
            "PORT": str(place.port),
        },
        path="/",
    ),
    Gateway("Hive Gateway", (HIVE,), _hive("hive.mjs", "--jit"), lambda _: PRODUCTION),
    Gateway(
        "Hive Gateway + Rust planner",
        (HIVE, "@graphql-hive/router-runtime"),
        _hive("hive-rust.mjs"),
        lambda _: PRODUCTION,
    ),
    Gateway("Grafbase", (GRAFBASE,), _grafbase, javascript=False),
)

UNCHECKED = Gateway(
    "ours, tokens not checked",
    (),
    lambda place: _ours_command(replace(place, jwks=None)),
    javascript=False,
)


def install(npm: Path) -> str | None:
    """Install the peers once; return why it is impossible, None if they are installed."""
    program = shutil.which("npm")
    if program is None or shutil.which("node") is None:
        return "Node and npm are not installed"
    manifest = {"name": "peers", "private": True, "dependencies": PACKAGES}
    file = npm / "package.json"
    if file.exists() and json.loads(file.read_text()) == manifest and (npm / "done").exists():
        return None
    npm.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(manifest, indent=2))
    finished = subprocess.run(
        [program, "install", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=npm,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if finished.returncode:
        return f"npm install failed: {finished.stderr.strip()[-300:]}"
    (npm / "done").touch()
    return None


def composed(sdl: Mapping[str, str], port: int) -> str:
    """Return the supergraph of a world whose subgraphs are served at this port."""
    result = compose(
        [Subgraph(name, f"http://127.0.0.1:{port}/{name}", text) for name, text in sdl.items()]
    )
    if not isinstance(result, Supergraph):
        raise Failed("; ".join(str(problem) for problem in result))
    return result.sdl


def _node(npm: Path) -> Path:
    return npm / "node_modules" / ".bin" / "node"


def _copied(name: str, npm: Path) -> Path:
    """Copy a script to the installed packages: Node looks for them beside the script."""
    return Path(shutil.copy(PEERS / name, npm / name))
