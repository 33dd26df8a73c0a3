"""What every connector that is installed must keep to. A new one is tested by being there."""

from __future__ import annotations

import contextlib
import copy
import importlib
import json
import pkgutil
from collections.abc import Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chassis.errors import BadInput
from integrations import connectors
from integrations.connectors import installed
from integrations.contract import Access, Cursor, Failure, Kind, Skip, Spec
from integrations.rest.limits import NoBudget
from integrations.specs.domain import spec as specs

KINDS = [pytest.param(kind, id=id) for id, kind in installed().items()]
ADDRESSED = [
    pytest.param(kind, id=id)
    for id, kind in installed().items()
    if "https://" in json.dumps(kind.example)
]
CREDENTIALS = {"username": "nobody", "password": "nothing", "token": "nothing"}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def spec(kind: Kind) -> Spec:
    return kind.open(kind.example).spec


def test_every_folder_is_a_connector() -> None:
    folders = {module.name for module in pkgutil.iter_modules(connectors.__path__) if module.ispkg}

    assert folders <= set(installed())
    for name in folders:
        module = importlib.import_module(f"integrations.connectors.{name}")
        assert module.connector.id == name


def test_says_what_it_is_in_both_languages(kind: Kind) -> None:
    for en, zh in (kind.title, kind.description):
        assert en.strip()
        assert any("\u4e00" <= letter <= "\u9fff" for letter in zh)


def test_its_forms_are_json_schema_and_take_the_example(kind: Kind) -> None:
    for schema in (kind.configuration, kind.credentials):
        Draft202012Validator.check_schema(schema)

    assert list(Draft202012Validator(kind.configuration).iter_errors(kind.example)) == []
    assert json.loads(json.dumps(kind.example)) == kind.example


def test_its_spec_is_sound(spec: Spec) -> None:
    assert specs.check(spec.document) == []
    assert {stream.name for stream in spec.streams}


def test_refuses_an_unknown_setting_and_names_it(kind: Kind) -> None:
    with pytest.raises(BadInput) as refused:
        kind.open({**kind.example, "colour": "blue"})

    assert refused.value.field is not None
    assert refused.value.field.startswith("configuration")
    assert "colour" in refused.value.en
    assert "colour" in refused.value.zh


def test_refuses_each_missing_setting_and_names_it(kind: Kind) -> None:
    for name in kind.configuration.get("required", ()):
        lacking = {key: value for key, value in kind.example.items() if key != name}

        with pytest.raises(BadInput) as refused:
            kind.open(lacking)

        assert refused.value.field == f"configuration.{name}"


def test_does_not_change_the_configuration_it_is_given(kind: Kind) -> None:
    given = copy.deepcopy(dict(kind.example))

    kind.open(given)

    assert given == kind.example


def test_a_record_of_nonsense_is_skipped_or_mapped_and_nothing_else(kind: Kind) -> None:
    connector = kind.open(kind.example)
    nonsense: list[dict[str, Any]] = [{}, {"id": None}, {"id": 1, "name": {}}, {"id": [], "a": "b"}]
    nonsense += [{"key": None, "row": 3, "lost": [], "cells": {}, "people": None, "tags": None}]

    for stream in connector.spec.streams:
        for raw in nonsense:
            before = copy.deepcopy(raw)
            with contextlib.suppress(Skip):
                connector.record(stream, raw)
            assert raw == before


def test_a_source_that_is_not_there_is_a_failure_with_a_reason(kind: Kind) -> None:
    connector = kind.open(_pointing_nowhere(kind.example))
    access = Access(CREDENTIALS, NoBudget(), allow_private_hosts=True, timeout=1.0, deadline=0.1)

    for stream in connector.spec.streams:
        with pytest.raises(Failure) as failed:
            next(connector.pages(access, stream, Cursor()))

        assert failed.value.code.isupper()
        assert failed.value.en
        assert failed.value.zh


@pytest.mark.parametrize("kind", ADDRESSED)
def test_a_private_address_is_not_spoken_to_unless_that_is_allowed(kind: Kind) -> None:
    connector = kind.open(_pointing_nowhere(kind.example))
    access = Access(CREDENTIALS, NoBudget(), timeout=1.0, deadline=0.1)

    with pytest.raises(Failure) as failed:
        next(connector.pages(access, connector.spec.streams[0], Cursor()))

    assert failed.value.code == "PRIVATE_HOST"


def test_knows_neither_the_engine_nor_the_database_nor_a_fellow(kind: Kind) -> None:
    allowed = (
        "integrations.contract",
        "integrations.core.domain",
        "integrations.specs",
        "integrations.rest",
    )
    own = f"integrations.connectors.{kind.id}"
    package = importlib.import_module(own)

    for module in pkgutil.walk_packages(package.__path__, own + "."):
        found = importlib.import_module(module.name)
        for value in vars(found).values():
            home = getattr(value, "__module__", None) or getattr(value, "__name__", "")
            if isinstance(home, str) and home.startswith("integrations."):
                assert home.startswith((*allowed, own)), (module.name, home)


def _pointing_nowhere(example: Mapping[str, Any]) -> dict[str, Any]:
    """The same with every address replaced by one where nobody listens."""

    def replaced(said: Any) -> Any:
        if isinstance(said, dict):
            return {key: replaced(value) for key, value in said.items()}
        if isinstance(said, list):
            return [replaced(value) for value in said]
        if isinstance(said, str) and said.startswith("https://"):
            return "http://127.0.0.1:9"
        return said

    changed: dict[str, Any] = replaced(dict(example))
    return changed
