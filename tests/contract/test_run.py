"""How a run of the suite goes: an order can be drawn and seen again, and nothing outlives it."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = """
import pytest

@pytest.mark.parametrize("number", range(12))
def test_it(number):
    pass
"""
LEAVES = """
import subprocess

def test_it():
    shell = "sleep 300 >/dev/null 2>&1 &"  # nobody's child as soon as the shell has ended
    subprocess.run(["sh", "-c", shell], check=True)
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a folder with this suite's own plugin, in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.run", "-p", "no:cacheprovider"]
    alone = ["-c", "/dev/null", "--rootdir", str(folder), str(folder)]
    return subprocess.run(
        [*command, *alone, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def order(folder: Path, seed: int) -> list[str]:
    done = run(folder, "-v", "--shuffle", str(seed))
    assert done.returncode == 0, done.stdout
    return re.findall(r"(test_\w+\.py::\S+) PASSED", done.stdout)


def test_a_seed_draws_an_order_and_draws_it_again(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / f"test_{name}.py").write_text(TESTS)

    first, again, other = order(tmp_path, 1), order(tmp_path, 1), order(tmp_path, 2)

    assert first == again
    assert sorted(first) == sorted(other)
    assert first != other
    files = [test.partition("::")[0] for test in first]
    assert sum(here != there for here, there in pairwise(files)) == 2


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked for in /proc")
@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "workers"])
def test_a_process_that_outlives_the_run_fails_it(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "test_leaves.py").write_text(LEAVES)

    done = run(tmp_path, "-rP", "--leftover-seconds", "0.2", *options)

    assert done.returncode == 1, done.stdout
    assert re.search(r"1 passed, 1 error", done.stdout), done.stdout
    assert "processes left behind" in done.stdout
    named = re.search(r"^(\d+) sleep 300$", done.stdout, re.MULTILINE)
    assert named, done.stdout
    assert (
        not Path(f"/proc/{named[1]}").exists() or "Z" in Path(f"/proc/{named[1]}/stat").read_text()
    )


def test_one_that_leaves_nothing_is_green(tmp_path: Path) -> None:
    (tmp_path / "test_plain.py").write_text(TESTS)

    done = run(tmp_path, "-n", "2")

    assert done.returncode == 0, done.stdout
    assert re.search(r"12 passed in", done.stdout)
