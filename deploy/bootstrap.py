"""Create `.venv` from a lock, on a machine that has only Python: `bootstrap.py runtime|dev`.

`bootstrap.py lock` renews the locks. Only the standard library is used. Downloads use the
user's own pip or uv settings; no index is named here. Every package is checked against the hash
in the lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
TOOLS = ROOT / ".make" / "tools"
LOCKS = {"runtime": ROOT / "requirements.lock", "dev": ROOT / "requirements-dev.lock"}
UV_LOCK = ROOT / "deploy" / "bootstrap.lock"


def main() -> None:
    """Install a lock into `.venv`; do nothing where it is current."""
    kind = sys.argv[1]
    if kind == "lock":
        relock()
        return
    if is_current(kind):
        return
    TOOLS.parent.mkdir(exist_ok=True)
    with (TOOLS.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_current(kind):
            build(kind)


def is_current(kind: str) -> bool:
    """Return whether `.venv` satisfies a lock; the developers' lock includes the runtime's."""
    sufficient = ("dev",) if kind == "dev" else ("dev", "runtime")
    return any(
        _stamp(name).exists() and _stamp(name).read_text() == _key(name) for name in sufficient
    )


def build(kind: str) -> None:
    """Create the environment, install uv, install all packages with it, and write a stamp."""
    begun = time.monotonic()
    say(f"Python {sys.version.split()[0]} at {sys.executable}")
    uv = installed_uv()
    environment = uv_environment()
    if not _works(VENV):
        say("creating .venv")
        run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV], environment)
    for name in LOCKS:
        _stamp(name).unlink(missing_ok=True)
    lock = LOCKS[kind]
    packages = len(re.findall(r"^[\w.-]+==", lock.read_text(), re.MULTILINE))
    say(f"installing up to {packages} packages of {lock.name}, each checked by its hash")
    python = ["--python", str(VENV / "bin" / "python")]
    run([uv, "pip", "sync", "--require-hashes", *python, lock], environment)
    editable = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    run([uv, "pip", "install", "--quiet", *python, *editable], environment)
    _stamp(kind).write_text(_key(kind))
    say(f"environment ready after {time.monotonic() - begun:.1f} s")


def relock() -> None:
    """Resolve pyproject.toml for all platforms into locks with hashes, without an index address."""
    form = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-header", "--upgrade"]
    compile_ = [installed_uv(), "pip", "compile", "--quiet", "--python-version", "3.11", *form]
    run([*compile_, "pyproject.toml", "-o", LOCKS["runtime"]], uv_environment())
    same = ["--constraint", str(LOCKS["runtime"]), "--group", "dev"]
    run([*compile_, *same, "pyproject.toml", "-o", LOCKS["dev"]], uv_environment())


def installed_uv() -> str:
    """Return the path of the pinned uv, installed into an environment of its own if missing."""
    uv = TOOLS / "bin" / "uv"
    stamp = TOOLS / "uv.lock"
    if not (uv.exists() and stamp.exists() and stamp.read_text() == UV_LOCK.read_text()):
        say("installing uv, checked by its hash")
        shutil.rmtree(TOOLS, ignore_errors=True)
        pip = make_tools()
        arguments = [
            "install",
            "--quiet",
            "--require-hashes",
            "--no-deps",
            "--requirement",
            str(UV_LOCK),
        ]
        run([*pip, "--disable-pip-version-check", *arguments], dict(os.environ))
        stamp.write_text(UV_LOCK.read_text())
    return str(uv)


def make_tools() -> list[str]:
    """Create the environment for uv, and return the pip command that installs into it."""
    venv = [sys.executable, "-m", "venv"]
    created = subprocess.run([*venv, TOOLS], capture_output=True, text=True, check=False)
    python = str(TOOLS / "bin" / "python")
    if created.returncode == 0:
        return [python, "-m", "pip"]
    # Debian and Ubuntu have ensurepip in a separate package; a system pip can replace it.
    shutil.rmtree(TOOLS, ignore_errors=True)
    bare = subprocess.run([*venv, "--without-pip", TOOLS], capture_output=True, check=False)
    pip = [sys.executable, "-m", "pip", "--python", python]
    if bare.returncode == 0 and _succeeds([*pip, "--version"]):
        return pip
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    sys.exit(
        f"This Python cannot create a virtual environment with pip:\n{_last_line(created)}\n"
        f"On Debian or Ubuntu: apt install python{version}-venv   "
        "(elsewhere: a Python with the ensurepip module, or pip). Then run make again."
    )


def uv_environment() -> dict[str, str]:
    """Return an environment with the user's pip settings for uv; uv's settings override them."""
    environment = dict(os.environ)
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    environment.pop("VIRTUAL_ENV", None)
    settings = pip_settings()
    if "index-url" in settings and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & environment.keys():
        environment["UV_DEFAULT_INDEX"] = settings["index-url"]
    if "cert" in settings:
        environment.setdefault("SSL_CERT_FILE", settings["cert"])
    # A company's own authority is in the system's store; by default uv reads only its own.
    if sys.platform == "darwin" or ssl.get_default_verify_paths().cafile:
        environment.setdefault("UV_SYSTEM_CERTS", "1")
    return environment


def pip_settings() -> dict[str, str]:
    """Return the settings that `pip config` lists, from files and PIP_* variables."""
    command = [str(TOOLS / "bin" / "python"), "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    pairs = re.findall(r"^(?:global|install|:env:)\.([\w-]+)='(.*)'$", listed, re.MULTILINE)
    return dict(pairs)


def run(command: Sequence[str | Path], environment: dict[str, str]) -> None:
    """Run a step; when it fails, exit with its output and advice."""
    words = [str(part) for part in command]
    with subprocess.Popen(
        words, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as step:
        assert step.stderr is not None
        for line in step.stderr:
            if not line.startswith((" + ", " - ")):  # uv's list of a hundred packages
                print(f"    {line}", end="", file=sys.stderr, flush=True)
    if step.returncode != 0:
        sys.exit(
            f"\nThis step failed: {' '.join(words)}\n"
            "Behind a proxy or a mirror, set pip's or uv's own options (PIP_INDEX_URL, "
            "UV_DEFAULT_INDEX, SSL_CERT_FILE, HTTPS_PROXY) and run make again."
        )


def say(text: str) -> None:
    """Print progress."""
    print(f"  · {text}", flush=True)


def _works(venv: Path) -> bool:
    python = venv / "bin" / "python"
    version = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    return python.exists() and _succeeds([str(python), "-c", version])


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _last_line(finished: subprocess.CompletedProcess[str]) -> str:
    lines = (finished.stdout + finished.stderr).strip().splitlines()
    return "  " + (lines[-1] if lines else f"status {finished.returncode}")


def _stamp(kind: str) -> Path:
    return VENV / f"huichi-{kind}.stamp"


def _key(kind: str) -> str:
    # pyproject.toml holds the entry points and the folders of the members.
    parts = [LOCKS[kind].read_bytes(), (ROOT / "pyproject.toml").read_bytes(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest() + f" {sys.version_info[:2]}"


if __name__ == "__main__":
    main()
