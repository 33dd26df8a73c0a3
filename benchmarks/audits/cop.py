"""Runs graphql-cop on a production gateway: `python -m benchmarks audits cop --checkout DIR`.

DIR is a checkout of github.com/dolevf/graphql-cop. The same checks also run on a gateway outside
production mode: there they must report something, otherwise an empty report would prove nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import IO, Any

from benchmarks.audits.node import CACHE
from benchmarks.audits.served import serving, tiny

PORT = 21844


def main(arguments: list[str]) -> int:
    """Run the checks; return 0 when they report nothing in production mode, and only there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks audits cop")
    parser.add_argument("--checkout", type=Path, required=True)
    options = parser.parse_args(arguments)
    program = options.checkout / "graphql-cop.py"
    if not program.is_file():
        parser.error(
            f"{options.checkout} is not a checkout of graphql-cop: it has no {program.name}"
        )
    python = _environment(options.checkout / "requirements.txt")
    with (CACHE / "cop" / "gateway.log").open("wb") as log:
        checks = _run_checks(python, program, log, "--production")
        control = _run_checks(python, program, log)
    for check in checks:
        print(f"  {'FOUND' if check['result'] else 'nothing'}: {check['title']}")
    wrong, seen = _count(checks), _count(control)
    print(f"graphql-cop {_version(python, program)}: {wrong} findings in {len(checks)} checks")
    print(f"  (outside production the same checks find {seen}, as they should)")
    return 0 if checks and not wrong and seen else 1


def _environment(requirements: Path) -> Path:
    """Return a Python with the requirements of graphql-cop; create it the first time."""
    folder = CACHE / "cop"
    folder.mkdir(parents=True, exist_ok=True)
    python, done = folder / "venv" / "bin" / "python", folder / "installed.txt"
    text = requirements.read_text()
    if not done.exists() or done.read_text() != text:
        venv.create(folder / "venv", with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)]
        subprocess.run(install, check=True)
        done.write_text(text)
    return python


def _run_checks(python: Path, program: Path, log: IO[bytes], *options: str) -> list[dict[str, Any]]:
    with serving(tiny(), PORT, log, *options) as url:
        answer = _run(python, program, "-t", url, "-o", "json")
    try:
        checks: list[dict[str, Any]] = json.loads(answer)
    except json.JSONDecodeError:
        sys.exit(f"graphql-cop did not run: {answer.strip()}")
    return checks


def _version(python: Path, program: Path) -> str:
    return _run(python, program, "--version").split()[-1]


def _run(python: Path, program: Path, *options: str) -> str:
    done = subprocess.run(
        [python, program.name, *options],
        cwd=program.parent,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout or done.stderr


def _count(checks: list[dict[str, Any]]) -> int:
    return sum(bool(check["result"]) for check in checks)
