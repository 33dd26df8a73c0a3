"""The gateway's wheel stands alone: installed without the house,
its command composes, plans and serves."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

HOUSE = Path(__file__).parents[2]
ELSEWHERE = Path(tempfile.gettempdir())  # members are importable from the house itself
SDL = "type Query { hello: String }"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None, reason="building a wheel needs hatchling"
)


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `gateway` of a new environment that sees the libraries of this one, but no member."""
    place = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "-t",
        "wheel",
        "-d",
        str(place),
        at=HOUSE / "gateway",
    )
    (wheel,) = place.glob("*.whl")
    venv.create(place / "venv", with_pip=False)
    python = place / "venv" / "bin" / "python"
    (site,) = (place / "venv" / "lib").glob("python*/site-packages")
    install(wheel, site, python)
    # a folder named in a .pth is not searched for further .pth files, which name the members
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    missing = run(str(python), "-c", "import importlib.util as u; print(u.find_spec('chassis'))")
    assert missing == "None\n"
    return place / "venv" / "bin" / "gateway"


def install(wheel: Path, site: Path, python: Path) -> None:
    """What pip does with a pure wheel: unpack it, write its commands."""
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    for found in metadata.distributions(path=[str(site)]):
        for entry in found.entry_points.select(group="console_scripts"):
            script = python.with_name(entry.name)
            script.write_text(
                f"#!{python}\nfrom {entry.module} import {entry.attr}\n{entry.attr}()\n"
            )
            script.chmod(0o755)


def run(*words: str, at: Path = ELSEWHERE) -> str:
    done = subprocess.run(words, cwd=at, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_tells_what_it_can_do(command: Path) -> None:
    assert "compose" in run(str(command), "--help")


def test_composes_plans_and_serves(command: Path, tmp_path: Path) -> None:
    (tmp_path / "a.graphql").write_text(SDL)
    (tmp_path / "query.graphql").write_text("{ hello }")
    supergraph = tmp_path / "supergraph.graphql"

    run(str(command), "compose", "--output", str(supergraph),
        "--subgraph", f"a={tmp_path / 'a.graphql'}@http://127.0.0.1:9/graphql")  # fmt: skip
    plan = run(str(command), "plan", "--supergraph", str(supergraph),
               "--query", str(tmp_path / "query.graphql"))  # fmt: skip

    assert plan.startswith("Fetch a")
    for address in served(command, supergraph):
        assert ask(address, "{ __typename }") == {"data": {"__typename": "Query"}}


def served(command: Path, supergraph: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [str(command), "serve", "--supergraph", str(supergraph), "--port", str(port)]
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    process = subprocess.Popen(words, env=environ, cwd=supergraph.parent, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 30
        while not is_ready(address):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0


def is_ready(address: str) -> bool:
    try:
        with urlopen(f"{address}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (HTTPError, OSError):
        return False


def ask(address: str, query: str) -> object:
    body = json.dumps({"query": query}).encode()
    request = Request(f"{address}/graphql", body, {"content-type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        found = json.load(answer)
    found.pop("extensions", None)
    return found
