"""The worked examples of CONTRIBUTING.md: read them, apply them to a copy of the tree, renew them.

`python -m tests.support.contributing renew` writes the diffs anew against the code as it stands:
line numbers, lines of context, and the numbers of migrations. A hunk whose context has changed on
one side is placed by the other side; where both sides changed, the block is named, and its lines of
context are to be corrected by hand first (the numbers in `@@` need not be right).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "CONTRIBUTING.md"
_BLOCK = re.compile(r"^```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXAMPLE = re.compile(r"^## Example (\d)", re.MULTILINE)
_HUNK = re.compile(r"^(@@ [^@]*@@).*")
_PATH = re.compile(r"^diff --git a/(\S+) b/\1$", re.MULTILINE)
_NO_SOURCE = shutil.ignore_patterns(
    ".venv", "var", ".make", ".*_cache", "__pycache__", ".hypothesis"
)
_MIGRATION = re.compile(r"^(services/\w+)/.*/versions/(\d{4})_\w+\.py$")


@dataclass(frozen=True, slots=True)
class Block:
    """One diff of an example: the file it changes, and its text."""

    example: int
    path: str
    text: str

    def __str__(self) -> str:
        return f"example {self.example}, the block for {self.path}"


class Stale(Exception):
    """A block does not fit the code any more."""


def blocks(page: str) -> list[Block]:
    """Read the blocks of a page in their order."""
    heads = list(_EXAMPLE.finditer(page))
    result = []
    for match in _BLOCK.finditer(page):
        number = max(int(head[1]) for head in heads if head.start() < match.start())
        path = _PATH.search(match[1])
        assert path is not None, f"a diff without its `diff --git` line: {match[1][:80]}"
        result.append(Block(number, path[1], match[1]))
    return result


def copy_tree(target: Path) -> None:
    """Copy every file that git tracks or would track, as it stands in the working tree."""
    if not (ROOT / ".git").exists():  # an archive of the source
        shutil.copytree(ROOT, target, ignore=_NO_SOURCE, dirs_exist_ok=True)
        return
    listed = _git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if source.is_file():  # not one whose deletion is not committed yet
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(source.read_bytes())


def apply(block: Block, tree: Path) -> None:
    """Apply a block to a tree. Raises `Stale`, which says what to do."""
    done = _apply(tree, block.text)
    if done.returncode != 0:
        raise Stale(
            f"CONTRIBUTING.md, {block} does not apply any more:\n{done.stderr}"
            "Run: python -m tests.support.contributing renew\n"
            "It finds the new place where one line beside the change is still the same; otherwise "
            "correct the lines of context in that block by hand and run it again."
        )


def renewed(page: str, tree: Path) -> str:
    """Return the page with every diff written anew against a tree, which takes the changes.

    Raises `Stale` for a block that finds no place.
    """
    _git(tree, "init", "--quiet")
    _commit(tree)
    texts: list[str] = []
    example = 0
    for block in numbered(blocks(page), tree):
        if block.example != example:
            example = block.example
            _commit(tree)
        _place(block, tree)
        _git(tree, "add", "--intent-to-add", "--all")
        diff = _git(tree, "diff", "--unified=1", "HEAD", "--", block.path).stdout
        texts.append(_plain(diff))
    following = iter(texts)
    return _BLOCK.sub(lambda _: f"```diff\n{next(following)}```", page)


def numbered(sequence: Sequence[Block], tree: Path) -> list[Block]:
    """Give the migrations of the examples the numbers that follow those of the services."""
    last: dict[str, int] = {}
    result = []
    for block in sequence:
        migration = _MIGRATION.match(block.path)
        if migration is None:
            result.append(block)
            continue
        service, old = migration[1], migration[2]
        present = tree.glob(f"{service}/*/migrations/versions/[0-9]*.py")
        down = last.get(service) or max(int(path.name[:4]) for path in present)
        last[service] = down + 1
        text = block.text.replace(f"versions/{old}_", f"versions/{down + 1:04}_")
        text = re.sub(r'^(\+revision = )"\d+"', rf'\1"{down + 1:04}"', text, flags=re.MULTILINE)
        text = re.sub(r'^(\+down_revision = )"\d+"', rf'\1"{down:04}"', text, flags=re.MULTILINE)
        path = block.path.replace(f"/{old}_", f"/{down + 1:04}_")
        result.append(Block(block.example, path, text))
    return result


def _place(block: Block, tree: Path) -> None:
    """Apply a block, hunk by hunk with less context where it does not apply as it is."""
    if _apply(tree, block.text).returncode == 0:
        return
    head, *hunks = re.split(r"^(?=@@ )", block.text, flags=re.MULTILINE)
    for hunk in hunks:
        if not any(_apply(tree, head + variant).returncode == 0 for variant in _variants(hunk)):
            apply(Block(block.example, block.path, head + hunk), tree)


def _variants(hunk: str) -> Iterator[str]:
    """Yield a hunk as it is, without the context that follows, and without that before it."""
    first, *lines = hunk.splitlines(keepends=True)
    context = [not line.startswith(("+", "-")) for line in lines]
    yield hunk
    if context[-1] and context[0]:
        yield "".join([first, *lines[:-1]])
        yield "".join([first, *lines[1:]])


def _apply(tree: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Apply a diff by its lines; the counts in `@@` are ignored."""
    options = ("--recount", "--unidiff-zero", "--whitespace=nowarn")
    return _git(tree, "apply", *options, "-", text=text, check=False)


def _plain(diff: str) -> str:
    """Drop what only git needs: hashes, except of an empty file, and blanks on empty lines."""
    lines = diff.splitlines()
    if any(line.startswith("@@") for line in lines):
        lines = [line for line in lines if not line.startswith("index ")]
    return "".join(_HUNK.sub(r"\1", line).rstrip() + "\n" for line in lines)


def _commit(tree: Path) -> None:
    _git(tree, "add", "--all")
    name = ("-c", "user.name=example", "-c", "user.email=example@example.com")
    _git(tree, *name, "commit", "--quiet", "--no-verify", "--allow-empty", "--message=example")


def _git(
    folder: Path, *arguments: str, text: str | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(folder), *arguments]
    # Inside another repository, `git apply` would silently skip the files of the copy.
    env = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)}
    if folder != ROOT:  # a user's own settings would change how diffs look
        env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return subprocess.run(command, input=text, env=env, capture_output=True, text=True, check=check)


def main() -> None:
    """Write the page anew."""
    if sys.argv[1:] != ["renew"]:
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory(prefix="huichi-contributing-") as folder:
        copy_tree(Path(folder))
        try:
            page = renewed(PAGE.read_text(), Path(folder))
        except Stale as problem:
            raise SystemExit(str(problem)) from None
    print("CONTRIBUTING.md is current" if page == PAGE.read_text() else "CONTRIBUTING.md: written")
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
