"""The worked examples of CONTRIBUTING.md: followed in a copy of the house, they pass its checks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import contributing
from tests.support.contributing import PAGE, Block, Stale
from tests.support.servers import DATABASE_URL, REDIS_URL

BIN = Path(sys.executable).parent
PACKAGES = (
    "chassis",
    "gateway",
    "deploy/onebox",
    *(f"services/{name}" for name in ("identity", "customers", "activities", "integrations")),
)
BLOCKS = contributing.blocks(PAGE.read_text())
EXAMPLES = (1, 2, 3, 4)
DOCS, NAMES_PACKAGES = "tests/contract/test_docs.py", "test_the_architecture_names_every_package"
# The tests of the whole house that watch over what an example adds.
WATCHERS = {
    1: ("tests/customers/core/test_tables.py",),
    2: ("tests/contract/test_facts.py",),
    3: ("tests/integrations/test_every_connector.py", f"{DOCS}::{NAMES_PACKAGES}"),
    4: ("tests/customers/core/test_tables.py", f"{DOCS}::{NAMES_PACKAGES}"),
}


class House:
    """A copy of the tree to which the examples are applied, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stale: dict[int, str] = {}
        contributing.copy_tree(folder)
        for block in BLOCKS:
            try:
                contributing.apply(block, folder)
            except Stale as problem:
                self.stale.setdefault(block.example, str(problem))

    def run(self, *command: str, **environment: str) -> None:
        """Run a command in the copy with the packages of the copy; it must succeed."""
        path = os.pathsep.join(str(self.folder / package) for package in PACKAGES)
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": path} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            pytest.fail(f"{' '.join(command)}\n{done.stdout}", pytrace=False)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("contributing"))


@pytest.fixture(scope="module")
def whole_house(house: House) -> House:
    """The house with all examples, and what `make schemas` writes for them."""
    if house.stale:
        pytest.fail("\n".join(house.stale.values()), pytrace=False)
    house.run(sys.executable, "-m", "onebox.schemas")
    return house


def of(example: int) -> list[Block]:
    return [block for block in BLOCKS if block.example == example]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_applies(house: House, example: int) -> None:
    assert of(example)
    if example in house.stale:
        pytest.fail(house.stale[example], pytrace=False)


def test_migrations_have_the_next_numbers() -> None:
    remedy = "run: python -m tests.support.contributing renew"
    assert contributing.numbered(BLOCKS, contributing.ROOT) == BLOCKS, remedy


@pytest.mark.parametrize("example", EXAMPLES)
def test_its_tests_pass(
    whole_house: House, postgres_url: str, redis_url: str, example: int
) -> None:
    tests = [block.path for block in of(example) if "/test_" in block.path]
    assert tests

    whole_house.run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
        *(*tests, *WATCHERS[example]),
        **{DATABASE_URL: postgres_url, REDIS_URL: redis_url},
    )


def test_the_code_is_formatted_and_without_lint(whole_house: House) -> None:
    files = sorted({block.path for block in BLOCKS if block.path.endswith(".py")})

    whole_house.run(f"{BIN}/ruff", "check", "--no-cache", *files)
    whole_house.run(f"{BIN}/ruff", "format", "--check", "--no-cache", *files)


def test_the_types_are_right(whole_house: House) -> None:
    files = {block.path for block in BLOCKS if block.path.endswith(".py")}

    whole_house.run(f"{BIN}/mypy", *sorted(path for path in files if "/versions/" not in path))


def test_the_import_contracts_are_kept(whole_house: House) -> None:
    whole_house.run(f"{BIN}/lint-imports", "--no-cache")


def test_renewing_finds_lines_that_moved_and_changed(tmp_path: Path) -> None:
    diff = (
        "diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,3 @@\n one\n+new\n two\n"
    )
    page = f"## Example 1: a\n\n```diff\n{diff}```\n"
    (tmp_path / "a.txt").write_text("zero\none\nTWO\n")

    page = contributing.renewed(page, tmp_path)

    assert "@@ -2,2 +2,3 @@\n one\n+new\n TWO\n```" in page
    assert (tmp_path / "a.txt").read_text() == "zero\none\nnew\nTWO\n"
