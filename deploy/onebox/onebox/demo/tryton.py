"""A Tryton server in an environment of its own, on SQLite.

It is installed from a lock with hashes, its database is initialised once and kept as a file to copy
(one second instead of fifteen), and it listens on the loopback address only.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import requests

from onebox.servers import native

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
LOCK = HERE / "tryton.lock"
CACHE = ROOT / ".make" / "tryton"
DATABASE = "pool"
USER = "admin"
START_TIMEOUT = 60.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """An installed Tryton and an initialised database to copy."""

    folder: Path

    @property
    def database(self) -> Path:
        """Return the initialised database."""
        return self.folder / "initialised.sqlite"

    @property
    def password(self) -> str:
        """Return the administrator's password."""
        return (self.folder / "password").read_text()

    def program(self, name: str) -> Path:
        """Return the path of an installed program."""
        return self.folder / "venv" / "bin" / name


def prepare(cache: Path = CACHE, say: Say = print) -> Prepared:
    """Install and initialise Tryton where it is missing; concurrent callers wait for the first."""
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    stamp = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    prepared = Prepared(cache)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _read(cache / "stamp") != stamp:
            (cache / "stamp").unlink(missing_ok=True)
            say("installing Tryton 8.2 into an environment of its own")
            _install(prepared)
            say("initialising its database (kept for the next time)")
            _initialise(prepared)
            (cache / "stamp").write_text(stamp)
    return prepared


def _install(prepared: Prepared) -> None:
    tools = _bootstrap()
    uv, environment = tools.installed_uv(), tools.uv_environment()
    venv = prepared.folder / "venv"
    _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, venv], environment)
    python = ["--python", str(venv / "bin" / "python")]
    _run([uv, "pip", "sync", "--quiet", "--require-hashes", *python, LOCK], environment)


def _bootstrap() -> ModuleType:
    """Load the project's installer, which is a script outside of the package."""
    path = ROOT / "deploy" / "bootstrap.py"
    spec = importlib.util.spec_from_file_location("huichi_bootstrap", path)
    if spec is None or spec.loader is None or not path.exists():
        raise native.StartFailed(f"{path} does not exist; the demo needs a checkout of Huichi.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _initialise(prepared: Prepared) -> None:
    folder = prepared.folder
    work = folder / "initialising"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    _private(folder / "password", secrets.token_urlsafe(12))
    conf = _configuration(work, port=1)
    # Tryton opens a SQLite file, but does not create one.
    (work / f"{DATABASE}.sqlite").touch()
    environment = os.environ | {"TRYTONPASSFILE": str(folder / "password")}
    admin: list[str | Path] = [prepared.program("trytond-admin"), "-c", conf, "-d", DATABASE]
    _run([*admin, "--all", "--email", "admin@example.org"], environment)
    _run([*admin, "-u", "party", "--activate-dependencies"], environment)
    (work / f"{DATABASE}.sqlite").replace(prepared.database)
    shutil.rmtree(work)


def _configuration(folder: Path, port: int) -> Path:
    """Write the configuration; max_attempt is high since only this machine reaches the server."""
    path = folder / "trytond.conf"
    path.write_text(
        f"[web]\nlisten=127.0.0.1:{port}\n"
        f"[database]\nuri=sqlite://\npath={folder}\n"
        "[session]\nauthentications=password\nmax_attempt=1000\n"
    )
    return path


@dataclass
class Tryton:
    """A client of a running server over its JSON-RPC."""

    url: str
    password: str
    username: str = USER
    database: str = DATABASE
    _session: str | None = None

    def call(self, method: str, *params: Any) -> Any:
        """Return the result of a method. Raises `RuntimeError`; errors come with status 200."""
        if self._session is None:
            login = [self.username, {"password": self.password}, "en"]
            session = self._post("common.db.login", login)
            token = f"{self.username}:{session[0]}:{session[1]}"
            self._session = base64.b64encode(token.encode()).decode()
        return self._post(method, [*params, {}])

    def _post(self, method: str, params: Sequence[Any]) -> Any:
        # Large answers are gzip whether requested or not, so it is always accepted.
        headers = {"Accept-Encoding": "gzip"}
        if self._session:
            headers["Authorization"] = f"Session {self._session}"
        answer = requests.post(
            f"{self.url}/{self.database}/rpc/",
            json={"id": 1, "method": method, "params": params},
            headers=headers,
            timeout=60,
        )
        answer.raise_for_status()
        body = answer.json()
        if body.get("error"):
            raise RuntimeError(f"Tryton refuses {method}: {body['error']}")
        return body["result"]

    def create_parties(self, parties: Sequence[dict[str, Any]]) -> list[int]:
        """Create parties, a hundred per call, and return their ids in the same order."""
        ids: list[int] = []
        for start in range(0, len(parties), 100):
            ids += self.call("model.party.party.create", list(parties[start : start + 100]))
        return ids

    def parties(self) -> dict[str, int]:
        """Return the id of every party by name."""
        rows = self.call("model.party.party.search_read", [], 0, None, [["id", "ASC"]], ["name"])
        return {row["name"]: int(row["id"]) for row in rows}

    def write(self, party: int, values: dict[str, Any]) -> None:
        """Change values of one party."""
        self.call("model.party.party.write", [party], values)


@contextlib.contextmanager
def running(
    data: Path, *, cache: Path = CACHE, say: Say = print, port: int | None = None
) -> Iterator[Tryton]:
    """Yield a running server with its database in `data`, first a copy of the initialised one."""
    prepared = prepare(cache, say)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = data / f"{DATABASE}.sqlite"
    if not database.exists():
        shutil.copyfile(prepared.database, database)
        _private(data / "password", prepared.password)
    server_port = port or _free_port()
    conf = _configuration(data, server_port)
    with (data / "trytond.log").open("ab") as log:
        process = native.launch(
            [prepared.program("trytond"), "-c", conf, "-d", DATABASE], cwd=data, output=log
        )
    try:
        native.wait("Tryton", process, lambda: native.answers(server_port), START_TIMEOUT)
        yield Tryton(f"http://127.0.0.1:{server_port}", (data / "password").read_text())
    finally:
        native.stop(process, signal.SIGTERM, 5.0)


def _free_port() -> int:
    # Below the range the kernel assigns to outgoing connections; in a fixed order, so that a second
    # start of the demo usually has its Tryton where the installation expects it.
    for port in range(18_069, 18_269):
        if native.port_is_free(port):
            return port
    raise native.StartFailed("No port between 18069 and 18268 is free for Tryton.")


def _run(command: Sequence[str | Path], environment: dict[str, str]) -> None:
    result = subprocess.run(
        [str(part) for part in command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if result.returncode != 0:
        output = (result.stderr or result.stdout).strip()[-2000:]
        raise native.StartFailed(f"{Path(command[0]).name} failed:\n{output}")


def _private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def relock() -> None:
    """Resolve tryton.in for every platform; hashes, but no index address, go into the lock."""
    tools = _bootstrap()
    form = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-header", "--upgrade"]
    command = [tools.installed_uv(), "pip", "compile", "--quiet", "--python-version", "3.11"]
    _run([*command, *form, "--no-annotate", HERE / "tryton.in", "-o", LOCK], tools.uv_environment())


if __name__ == "__main__":
    if sys.argv[1:] == ["lock"]:
        relock()
    else:
        sys.exit("usage: python -m onebox.demo.tryton lock")
