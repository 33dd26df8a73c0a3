"""The shape of the code: sizes, circles and words, counted over everything that is shipped."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "chassis": ROOT / "chassis" / "chassis",
    "gateway": ROOT / "gateway" / "gateway",
    "onebox": ROOT / "deploy" / "onebox" / "onebox",
    **{
        name: ROOT / "services" / name / name
        for name in ("identity", "customers", "activities", "integrations")
    },
}
MOST_MODULES, MOST_LINES, MOST_FUNCTION_LINES, MOST_RIDDLES = 15, 400, 60, 20
RIDDLES = re.compile(r"\b(somebody|nobody|whoever|those of these)\b", re.IGNORECASE)
NO_NOUNS = frozenset({"found", "said", "told", "asked", "wanted"})


@cache
def sources() -> Mapping[Path, str]:
    paths = [path for folder in PACKAGES.values() for path in folder.rglob("*.py")]
    paths += [*(ROOT / "benchmarks").rglob("*.py"), ROOT / "deploy" / "bootstrap.py"]
    return {path: path.read_text() for path in sorted(paths)}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(sources()[path])


def test_no_file_is_long() -> None:
    lengths = {path: text.count("\n") for path, text in sources().items()}

    assert {str(path): n for path, n in lengths.items() if n > MOST_LINES} == {}


def test_no_function_is_long() -> None:
    lengths = {
        f"{path}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {name: n for name, n in lengths.items() if n > MOST_FUNCTION_LINES} == {}


def test_no_folder_is_crowded() -> None:
    """Migrations are a list that only grows; everything else is grouped by capability."""
    modules = Counter(
        path.parent
        for path in sources()
        if path.name != "__init__.py" and path.parent.name != "versions"
    )

    assert {str(folder): n for folder, n in modules.items() if n > MOST_MODULES} == {}


def test_is_written_in_the_words_of_the_field() -> None:
    riddles = [
        f"{path}: {match[0]}"
        for path, text in sources().items()
        for match in RIDDLES.finditer(text)
    ]

    assert len(riddles) <= MOST_RIDDLES, riddles


def test_names_carry_a_noun() -> None:
    names = [
        f"{path}:{node.lineno} {name}"
        for path in sources()
        for node, name in bound(tree(path))
        if name in NO_NOUNS
    ]

    assert names == []


def bound(module: ast.Module) -> Iterator[tuple[ast.expr | ast.arg, str]]:
    """Every variable and parameter that a module binds."""
    for node in ast.walk(module):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node, node.id
        elif isinstance(node, ast.arg):
            yield node, node.arg


@pytest.mark.parametrize("package", PACKAGES)
def test_no_modules_import_each_other(package: str) -> None:
    """Lazy imports, `strawberry.lazy` and imports for types alone count too."""
    assert circles(imports(package)) == []


def test_a_circle_would_be_seen() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set[str]()}

    assert circles(graph) == [["a", "b", "c"]]


def imports(package: str) -> dict[str, set[str]]:
    """Which modules of a package each of its modules names in any kind of import."""
    folder = PACKAGES[package]
    modules = {
        ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in folder.rglob("*.py")
    }
    return {name: _named(tree(path), modules.keys()) - {name} for name, path in modules.items()}


def _named(module: ast.Module, modules: Container[str]) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= submodules | {node.module}
            if submodules <= _those(submodules, modules):
                names.discard(node.module)  # the package is only the way to its modules
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("lazy"):
            names |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return _those(names, modules)


def _those(names: set[str], modules: Container[str]) -> set[str]:
    return {name for name in names if name in modules}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other, each sorted."""
    reach = {name: _reached(graph, name) for name in graph}
    groups = {
        tuple(sorted(other for other in reach[name] if name in reach[other]))
        for name in graph
        if name in reach[name]
    }
    return sorted(list(group) for group in groups)


def _reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph.get(name, ())
    return seen
