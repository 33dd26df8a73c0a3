"""Makes `.venv` from a lock, on a machine with nothing but Python: `bootstrap.py runtime|dev`.

`bootstrap.py lock` writes the locks anew. Standard library only. Downloads go through the user's own pip or uv settings; no index is named
here. Every package is checked against the hash in the lock.
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
    """Bring `.venv` to what a lock says; do nothing when it is there already."""
    wanted = sys.argv[1]
    if wanted == "lock":
        relock()
        return
    if is_current(wanted):
        return
    TOOLS.parent.mkdir(exist_ok=True)
    with (TOOLS.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_current(wanted):
            build(wanted)


def is_current(wanted: str) -> bool:
    """Tell whether `.venv` holds this lock; the developers' holds everything the runtime's does."""
    kinds = ("dev",) if wanted == "dev" else ("dev", "runtime")
    return any(_stamp(kind).exists() and _stamp(kind).read_text() == _key(kind) for kind in kinds)


def build(wanted: str) -> None:
    """Make the environment, install uv, let it install the rest, and leave a stamp."""
    begun = time.monotonic()
    say(f"Python {sys.version.split()[0]} at {sys.executable}")
    uv = installed_uv()
    environment = uv_environment()
    if not _works(VENV):
        say("making .venv")
        run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV], environment)
    for kind in LOCKS:
        _stamp(kind).unlink(missing_ok=True)
    lock = LOCKS[wanted]
    packages = len(re.findall(r"^[\w.-]+==", lock.read_text(), re.MULTILINE))
    say(f"installing up to {packages} packages of {lock.name}, each checked by its hash")
    python = ["--python", str(VENV / "bin" / "python")]
    run([uv, "pip", "sync", "--require-hashes", *python, lock], environment)
    editable = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    run([uv, "pip", "install", "--quiet", *python, *editable], environment)
    _stamp(wanted).write_text(_key(wanted))
    say(f"environment ready after {time.monotonic() - begun:.1f} s")


def relock() -> None:
    """Resolve pyproject.toml for every platform; hashes, but no index address, go into the locks."""
    form = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-header", "--upgrade"]
    compile_ = [installed_uv(), "pip", "compile", "--quiet", "--python-version", "3.11", *form]
    run([*compile_, "pyproject.toml", "-o", LOCKS["runtime"]], uv_environment())
    same = ["--constraint", str(LOCKS["runtime"]), "--group", "dev"]
    run([*compile_, *same, "pyproject.toml", "-o", LOCKS["dev"]], uv_environment())


def installed_uv() -> str:
    """Give the pinned uv, installing it into an environment of its own when it is not there."""
    uv = TOOLS / "bin" / "uv"
    stamp = TOOLS / "uv.lock"
    if not (uv.exists() and stamp.exists() and stamp.read_text() == UV_LOCK.read_text()):
        say("installing uv, checked by its hash")
        shutil.rmtree(TOOLS, ignore_errors=True)
        pip = make_tools()
        asked = [
            "install",
            "--quiet",
            "--require-hashes",
            "--no-deps",
            "--requirement",
            str(UV_LOCK),
        ]
        run([*pip, "--disable-pip-version-check", *asked], dict(os.environ))
        stamp.write_text(UV_LOCK.read_text())
    return str(uv)


def make_tools() -> list[str]:
    """Make the environment for uv and give the pip that installs into it."""
    venv = [sys.executable, "-m", "venv"]
    made = subprocess.run([*venv, TOOLS], capture_output=True, text=True, check=False)
    python = str(TOOLS / "bin" / "python")
    if made.returncode == 0:
        return [python, "-m", "pip"]
    # Debian and Ubuntu keep ensurepip in a package of its own; a system pip can stand in.
    shutil.rmtree(TOOLS, ignore_errors=True)
    bare = subprocess.run([*venv, "--without-pip", TOOLS], capture_output=True, check=False)
    pip = [sys.executable, "-m", "pip", "--python", python]
    if bare.returncode == 0 and _succeeds([*pip, "--version"]):
        return pip
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    sys.exit(
        f"This Python cannot make a virtual environment with pip:\n{_last_line(made)}\n"
        f"On Debian or Ubuntu: apt install python{version}-venv   "
        "(elsewhere: a Python with the ensurepip module, or pip). Then run make again."
    )


def uv_environment() -> dict[str, str]:
    """Hand the user's pip settings to uv, which does not read them; uv's own settings win."""
    environment = dict(os.environ)
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    environment.pop("VIRTUAL_ENV", None)
    theirs = pip_settings()
    if "index-url" in theirs and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & environment.keys():
        environment["UV_DEFAULT_INDEX"] = theirs["index-url"]
    if "cert" in theirs:
        environment.setdefault("SSL_CERT_FILE", theirs["cert"])
    # A company's own authority is in the system's store; uv looks into its own alone unless told.
    if sys.platform == "darwin" or ssl.get_default_verify_paths().cafile:
        environment.setdefault("UV_SYSTEM_CERTS", "1")
    return environment


def pip_settings() -> dict[str, str]:
    """Read what `pip config` knows, from files and from PIP_* variables."""
    command = [str(TOOLS / "bin" / "python"), "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.findall(r"^(?:global|install|:env:)\.([\w-]+)='(.*)'$", listed, re.MULTILINE)
    return dict(found)


def run(command: Sequence[str | Path], environment: dict[str, str]) -> None:
    """Run a step; its own words tell what went wrong, ours what to try."""
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
    """Show progress."""
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
    # pyproject.toml names the entry points and the members' folders.
    parts = [LOCKS[kind].read_bytes(), (ROOT / "pyproject.toml").read_bytes(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest() + f" {sys.version_info[:2]}"


if __name__ == "__main__":
    main()
