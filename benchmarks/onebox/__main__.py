"""Measures start, stop, memory and rest of the whole system: `python -m benchmarks.onebox`.

Clones this checkout into an empty folder and runs `make up` there, first from nothing and then a
second time. Memory is the sum of PSS (private memory plus the share of shared memory) over every
process of the system, half a minute after the first query. Rest is the CPU time of all processes in
the minute after that, in which nothing is asked, as a share of one core.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
QUERY = json.dumps({"query": "{ __typename }"}).encode()


def main() -> None:
    """Print one line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=28600)
    parser.add_argument("--settle", type=float, default=30, help="seconds before memory is read")
    parser.add_argument("--rest", type=float, default=60, help="seconds of rest that are measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="huichi-bench-") as folder:
        clone = Path(folder) / "huichi"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        with system(clone, options.port) as (process, seconds):
            show("from nothing to the first answer", seconds, "s")
            time.sleep(options.settle)
            show("memory with everything running", memory(process.pid), "MB")
            show("at rest, share of a core", at_rest(process.pid, options.rest), "%")
        with system(clone, options.port) as (process, seconds):
            show("second start to the first answer", seconds, "s")
            started = time.monotonic()
            os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C at a terminal does
            process.wait(20)
            show("stopped after", time.monotonic() - started, "s")


@contextmanager
def system(clone: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """Run `make up` for a block, once the gateway answers; yield the process and the seconds."""
    started = time.monotonic()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("HUICHI_", "MAKE"))}
    process = subprocess.Popen(
        ["make", "up", f"PORT={port}"],
        cwd=clone,
        env=environment,
        stdout=sys.stderr,
        start_new_session=True,
    )
    try:
        while not answers(port):
            if process.poll() is not None:
                sys.exit("make up ended")
            time.sleep(0.05)
        yield process, time.monotonic() - started
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(20)


def answers(port: int) -> bool:
    """Return whether the gateway answers a query."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", QUERY, {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return "data" in json.load(answer)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def memory(root: int) -> float:
    """Return the sum of PSS over a process and its descendants in MB; print one line for each."""
    total = 0.0
    for pid in descendants(root):
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            name = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:70]
        except OSError:
            continue
        own = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        print(f"  {own / 1024:7.1f} MB  {pid} {name}", file=sys.stderr)
        total += own / 1024
    return total


def at_rest(root: int, seconds: float) -> float:
    """Return the CPU time of all processes in a while, in percent of it; print those that work."""
    before = {pid: cpu_seconds(pid) for pid in descendants(root)}
    started = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - started
    shares = {
        pid: 100 * (now - then) / passed
        for pid, then in before.items()
        if then is not None and (now := cpu_seconds(pid)) is not None
    }
    for pid, share in sorted(shares.items(), key=lambda item: -item[1]):
        if share >= 0.05:
            name = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:70]
            print(f"  {share:7.2f} %  {pid} {name}", file=sys.stderr)
    return sum(shares.values())


def cpu_seconds(pid: int) -> float | None:
    """Return the CPU time that a process has used, or `None` if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descendants(root: int) -> list[int]:
    """Return a process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    pids = [root]
    for pid in pids:
        pids += parents.get(pid, [])
    return pids


def show(name: str, value: float, unit: str) -> None:
    """Print one figure."""
    print(f"{name:<36}{value:8.1f} {unit}", flush=True)


if __name__ == "__main__":
    main()
