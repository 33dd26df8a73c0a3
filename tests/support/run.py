"""How a run of the suite goes: its workers, its order, its random tests,
and what may outlive it."""

from __future__ import annotations

import os
import random
from collections.abc import Generator, Sequence

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support import leftovers

MOST_WORKERS = 8
# One house for all of them: it takes longer to start than most of them take.
ONE_HOUSE = "tests/e2e/"
# What takes longest starts first, so that no worker is left with it at the end.
FIRST = (
    # It forks servers into user namespaces, which takes a process of a single thread; telemetry
    # that an earlier test started begins its thread anew in every fork.
    "tests/onebox/servers/",
    ONE_HOUSE,
    "tests/customers/",
    "tests/identity/",
    "tests/integrations/",
    "tests/agreement/",
    "tests/contract/test_contributing.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that `make test` and `make soak` use."""
    group = parser.getgroup("huichi")
    group.addoption(
        "--parallel",
        action="store_true",
        help="spread the files over one worker a core; not for a single file, nor with -n or --pdb",
    )
    group.addoption(
        "--shuffle",
        type=int,
        metavar="SEED",
        help="run the files, and the tests of each, in the order that this number draws",
    )
    group.addoption(
        "--leftover-seconds",
        type=float,
        default=leftovers.PATIENCE,
        help="how long processes that the run started may take to end after the last test",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Choose how many workers there are before xdist reads it."""
    option = config.option
    if hasattr(config, "workerinput") or not config.pluginmanager.hasplugin("xdist"):
        return
    if not option.parallel:
        return
    if option.numprocesses is None and not option.tx and not _stays_here(config):
        option.numprocesses = min(_cores(), MOST_WORKERS)


def _stays_here(config: pytest.Config) -> bool:
    """Tell whether workers would not be worth their start, or are not possible."""
    if config.option.usepdb or config.option.collectonly or _cores() < 2:
        return True
    files = {argument.partition("::")[0] for argument in config.args}
    return len(files) == 1 and files.pop().endswith(".py")


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives whole files to workers, and all end-to-end tests to one."""

    def _split_scope(self, nodeid: str) -> str:
        return ONE_HOUSE if nodeid.startswith(ONE_HOUSE) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)  # there is no such hook with `-p no:xdist`
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile | None:
    """Schedule by file unless another way was asked for with `--dist`."""
    if config.option.dist != "load":
        return None
    config.option.loadscopereorder = False  # the order of the collection is the order of the work
    return ByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Bring the tests into the order of this run, the same one in every worker."""
    for item in items:
        if hasattr(getattr(item, "obj", None), "hypothesis"):
            item.add_marker("soak")
    if config.option.shuffle is not None:
        items[:] = shuffled(items, config.option.shuffle)
    elif config.option.parallel:
        items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    return next((n for n, start in enumerate(FIRST) if item.nodeid.startswith(start)), len(FIRST))


def shuffled(items: Sequence[pytest.Item], seed: int) -> list[pytest.Item]:
    """Shuffle files, and tests within a file: fixtures of a module are made once all the same."""
    dice = random.Random(seed)
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    order = list(files.values())
    dice.shuffle(order)
    for tests in order:
        dice.shuffle(tests)
    return [item for tests in order for item in tests]


def pytest_configure(config: pytest.Config) -> None:
    """Mark this process's environment, which everything that it starts inherits."""
    config.addinivalue_line("markers", "soak: draws its cases; `make soak` draws more of them")
    if not hasattr(config, "workerinput"):
        leftovers.mark_environment()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Fail a run that leaves processes behind, name them, and end them."""
    yield
    if hasattr(session.config, "workerinput"):
        return  # its workers still live; whoever started them looks
    if left := leftovers.end_all(session.config.option.leftover_seconds):
        text = "still running after the last test, ended now:\n" + "\n".join(left)
        report = pytest.CollectReport("processes left behind", "failed", text, [])
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.stats.setdefault("error", []).append(report)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
