"""What the documentation says is true: its queries run, its commands exist,
its links lead somewhere."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
from graphql import GraphQLSchema, parse, validate

from chassis.errors import BadInput
from chassis.settings import Settings
from gateway.supergraph import load
from integrations.connectors import installed
from integrations.contract import Kind
from onebox import errors_page
from onebox.company import PEOPLE
from tests.contract.test_shape import PACKAGES

ROOT = Path(__file__).resolve().parents[2]
# What stands inside every capability, and needs no line of its own.
FLOORS = frozenset(
    {"api", "services", "commands", "store", "domain", "background", "facts", "migrations"}
)
SUPERGRAPH = ROOT / "gateway" / "supergraph.graphql"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_RULES = re.findall(r"^([a-z][a-z -]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
TARGETS = {target for targets in _RULES for target in targets.split()}
_BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)|(?:src|srcset|href)=\"([^\"#]+)\"")
_HTML = re.compile(r"https?:|mailto:")


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for i, (found, text) in enumerate(_BLOCK.findall(page.read_text()), 1):
            if found == language:
                yield f"{page.relative_to(ROOT)} block {i}", text


def named(found: Iterator[tuple[str, str]]) -> list[object]:
    return [pytest.param(text, id=name) for name, text in found]


@cache
def api() -> GraphQLSchema:
    """The schema clients see."""
    return load(SUPERGRAPH.read_text()).schema


@pytest.mark.parametrize("text", named(blocks("graphql")))
def test_a_query_on_a_page_is_one_the_gateway_answers(text: str) -> None:
    assert validate(api(), parse(text)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_command_on_a_page_exists(page: Path) -> None:
    said = set(re.findall(r"(?<![\w-])make ([a-z][a-z-]*)", _code(page.read_text())))

    assert said - TARGETS == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_link_on_a_page_leads_somewhere(page: Path) -> None:
    links = [a or b for a, b in _LINK.findall(page.read_text())]
    local = [link for link in links if not _HTML.match(link)]

    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("text", named(blocks("json")))
def test_a_spec_or_configuration_on_a_page_can_be_installed(text: str) -> None:
    said = json.loads(text)
    configuration = {"spec": said} if "streams" in said else said

    assert [kind.id for kind in installed().values() if _opens(kind, configuration)]


def _opens(kind: Kind, configuration: Mapping[str, Any]) -> bool:
    try:
        return bool(kind.open(configuration).spec.streams)
    except BadInput:
        return False


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_a_readme_names_everybody_who_can_sign_in(readme: str) -> None:
    text = (ROOT / readme).read_text()

    assert [one for one in PEOPLE if f"`{one.username}`" not in text or one.role not in text] == []


def test_the_readmes_are_twins() -> None:
    english, chinese = ((ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md"))

    assert _queries(english) == _queries(chinese)
    for pattern in (r"^make \w+", r"\]\((docs/[^)]+)\)", r"^## "):
        assert _all(pattern, english) == _all(pattern, chinese)


def test_the_first_query_is_the_one_that_the_start_prints() -> None:
    printed = (ROOT / "deploy" / "onebox" / "onebox" / "first_query.graphql").read_text()

    assert _queries((ROOT / "README.md").read_text()) == [printed]


def test_the_error_codes_are_those_of_the_code() -> None:
    assert (ROOT / "docs" / "errors.md").read_text() == errors_page.text()


def test_a_setting_on_a_page_is_one_that_is_read() -> None:
    said = set()
    for page in PAGES:
        said |= set(re.findall(r"\bHUICHI_[A-Z][A-Z0-9_]*[A-Z0-9]\b", page.read_text()))

    assert said - set(_settings()) == set()


def _settings() -> Iterator[str]:
    yield from ("HUICHI_VAR", "HUICHI_TEST_DATABASE_URL", "HUICHI_TEST_REDIS_URL")
    yield "HUICHI_DIFFERENTIAL_WORLDS"
    for service in ("identity", "customers", "activities", "integrations"):
        for kind in vars(import_module(f"{service}.settings")).values():
            if isinstance(kind, type) and issubclass(kind, Settings):
                for field in msgspec.structs.fields(kind):
                    yield f"HUICHI_{field.name.upper()}"
                    yield f"HUICHI_{service.upper()}_{field.name.upper()}"


def _code(markdown: str) -> str:
    """What is set as code: fenced blocks and `inline`."""
    fenced = "\n".join(text for _, text in _BLOCK.findall(markdown))
    return fenced + "\n" + "\n".join(re.findall(r"`([^`\n]+)`", markdown))


def _queries(markdown: str) -> list[str]:
    return [text for language, text in _BLOCK.findall(markdown) if language == "graphql"]


def _all(pattern: str, text: str) -> list[str]:
    found: list[str] = re.findall(pattern, text, re.MULTILINE)
    return found


def test_each_decision_has_a_number_of_its_own() -> None:
    numbers = [page.name[:4] for page in sorted((ROOT / "docs" / "decisions").glob("*.md"))]

    assert [number for number, times in Counter(numbers).items() if times > 1] == []
    for page in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        assert page.read_text().startswith(f"# {page.name[:4]} "), page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_named_on_a_page_exists(page: Path) -> None:
    """Paths from the root, and those of a package as it is imported: `chassis/api/rights.py`."""
    bases = [ROOT, *(base for folder in PACKAGES.values() for base in (folder, folder.parent))]
    named = re.findall(r"`((?:[\w-]+/)+[\w-]+\.(?:py|graphql|toml|yml|conf))\b", page.read_text())

    assert [path for path in named if not any((base / path).exists() for base in bases)] == []


def test_the_architecture_names_every_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    folders = {
        str(path.parent.relative_to(folder.parent))
        for folder in PACKAGES.values()
        for path in folder.rglob("*.py")
        if not FLOORS & set(path.parent.relative_to(folder).parts)
    }

    assert [folder for folder in sorted(folders) if f"`{folder}`" not in page] == []
