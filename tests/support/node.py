"""Programs of Node in tests: packages come by a lock with hashes into a folder of their own.

Without npm a test that needs them is skipped and says so; with npm it runs, or fails.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SUPPORT = Path(__file__).resolve().parent
CACHE = SUPPORT.parents[1] / ".make" / "npm"
INSTALL_SECONDS = 600
START_SECONDS = 60


def installed(name: str) -> Path:
    """The folder in which the packages of `tests/support/<name>` are; filled the first time."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"npm is not on this machine, so what needs {name} is not tested")
    source, folder = SUPPORT / name, CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    files = [source / one for one in ("package.json", "package-lock.json", ".npmrc")]
    wanted = hashlib.sha256(b"".join(one.read_bytes() for one in files)).hexdigest()
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run in several processes
        stamp = folder / "installed"
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            for one in files:
                shutil.copy(one, folder)
            subprocess.run(
                [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"],
                cwd=folder,
                check=True,
                timeout=INSTALL_SECONDS,
            )
            stamp.write_text(wanted)
    for script in source.glob("*.mjs"):
        shutil.copy(script, folder)
    return folder


@contextmanager
def running(
    folder: Path, script: str, arguments: Sequence[str], ready: str, log: Path
) -> Iterator[None]:
    """A script of the folder for as long as a block lasts, once it answers at `ready`."""
    node = folder / "node_modules" / ".bin" / "node"
    with log.open("ab") as out:
        process = subprocess.Popen([node, script, *arguments], cwd=folder, stdout=out, stderr=out)
        try:
            _wait(process, ready, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def tell(url: str, said: Mapping[str, Any]) -> Any:
    """Send JSON to a script and read its JSON."""
    request = urllib.request.Request(
        url, json.dumps(said).encode(), {"content-type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def _wait(process: subprocess.Popen[bytes], ready: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while not _answers(ready):
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the script did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
