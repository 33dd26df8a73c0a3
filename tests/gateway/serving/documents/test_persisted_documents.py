"""Documents that clients name instead of sending: a manifest, and automatic persisted queries."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from gateway.errors import BadSettings
from gateway.protection import PersistedQueries, Protection, TrustedDocuments
from gateway.serving.documents.persisted_documents import read_manifest
from tests.gateway.serving.conftest import House, Running, Start

SHELF = "query Shelf($n: Int) { products(first: $n) { upc } }"
ID = hashlib.sha256(SHELF.encode()).hexdigest()
FOUND = {"products": [{"upc": "p1"}]}


def apq(hash: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": hash}}


def ask(gateway: Running, **body: Any) -> Any:
    return gateway.post({"variables": {"n": 1}, **body}).json()


def code(answer: Any) -> str:
    return str(answer["errors"][0]["extensions"]["code"])


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps({"operations": {ID: SHELF}}))
    return file


@pytest.mark.parametrize(
    "written",
    [
        {"operations": {ID: SHELF}},
        {"operations": {f"sha256:{ID}": SHELF}},
        {"format": "apollo-persisted-query-manifest", "operations": [{"id": ID, "body": SHELF}]},
        {ID: SHELF},
    ],
)
def test_reads_the_common_manifests(tmp_path: Path, written: Any) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(written))

    assert read_manifest(file) == {ID: SHELF}


@pytest.mark.parametrize("written", ["{", "[1]", '{"operations": {"a": 1}}'])
def test_a_bad_manifest_stops_the_start(tmp_path: Path, written: str, start: Start) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(written)

    with (
        pytest.raises(BadSettings, match="manifest"),
        start(protection=Protection(trusted=TrustedDocuments(manifest=file))),
    ):
        pass


def test_production_serves_the_manifest_and_nothing_else(
    start: Start, house: House, manifest: Path
) -> None:
    trusted = Protection(trusted=TrustedDocuments(manifest=manifest), persisted=PersistedQueries())
    with start(production=True, protection=trusted) as gateway:
        assert ask(gateway, documentId=f"sha256:{ID}")["data"] == FOUND
        assert ask(gateway, extensions=apq(ID))["data"] == FOUND
        assert ask(gateway, query=SHELF)["data"] == FOUND
        by_get = requests.get(
            f"{gateway.url}/graphql",
            params={"documentId": ID, "variables": '{"n":1}'},
            headers={"x-requested-with": "test"},
            timeout=5,
        )
        before = house.products.requests
        other = "{products{name}}"
        free = ask(gateway, query=other)
        unknown = ask(gateway, documentId="sha256:0")
        smuggled = ask(
            gateway, query=other, extensions=apq(hashlib.sha256(other.encode()).hexdigest())
        )

    assert by_get.json()["data"] == FOUND
    assert code(free) == code(smuggled) == "QUERY_NOT_IN_SAFELIST"
    assert code(unknown) == "PERSISTED_QUERY_NOT_IN_LIST"
    assert house.products.requests == before


def test_takes_a_new_manifest_and_keeps_the_old_one_when_it_is_bad(
    start: Start, house: House, manifest: Path
) -> None:
    trusted = Protection(trusted=TrustedDocuments(manifest=manifest, only=True))
    with start(protection=trusted, reload_seconds=0.02) as gateway:
        manifest.write_text("{")
        time.sleep(0.2)
        assert ask(gateway, documentId=ID)["data"] == FOUND

        manifest.write_text(json.dumps({"operations": {"new": SHELF.replace("Shelf", "New")}}))
        until = time.monotonic() + 10
        while "data" not in ask(gateway, documentId="new"):
            assert time.monotonic() < until, "it did not happen"
            time.sleep(0.02)
        assert code(ask(gateway, documentId=ID)) == "PERSISTED_QUERY_NOT_IN_LIST"


def test_elsewhere_the_manifest_only_saves_bytes(
    start: Start, house: House, manifest: Path
) -> None:
    with start(protection=Protection(trusted=TrustedDocuments(manifest=manifest))) as gateway:
        assert ask(gateway, documentId=ID)["data"] == FOUND
        assert ask(gateway, query="{products(first:1){upc}}")["data"] == FOUND


def test_a_document_travels_once_then_its_hash_does(start: Start, house: House) -> None:
    with start(protection=Protection(persisted=PersistedQueries())) as gateway:
        first = ask(gateway, extensions=apq(ID))
        second = ask(gateway, query=SHELF, extensions=apq(ID))
        third = ask(gateway, extensions=apq(ID))
        by_get = requests.get(
            f"{gateway.url}/graphql",
            params={"extensions": json.dumps(apq(ID)), "variables": '{"n":1}'},
            timeout=5,
        )
        forged = ask(gateway, query="{__typename}", extensions=apq("0" * 64))

    assert first["errors"][0]["message"] == "PersistedQueryNotFound"
    assert code(first) == "PERSISTED_QUERY_NOT_FOUND"
    assert second["data"] == third["data"] == by_get.json()["data"] == FOUND
    assert code(forged) == "BAD_REQUEST"


def test_says_that_hashes_are_not_understood(gateway: Running) -> None:
    answer = ask(gateway, extensions=apq(ID))

    assert answer["errors"][0]["message"] == "PersistedQueryNotSupported"
    assert code(answer) == "PERSISTED_QUERY_NOT_SUPPORTED"


def test_several_gateways_share_what_is_persisted(
    start: Start, house: House, empty_redis: str
) -> None:
    shared = Protection(persisted=PersistedQueries(redis_url=empty_redis))
    with start(protection=shared) as one, start(protection=shared) as other:
        ask(one, query=SHELF, extensions=apq(ID))

        assert ask(other, extensions=apq(ID))["data"] == FOUND


def test_persisting_outlives_the_store(start: Start, house: House) -> None:
    nowhere = Protection(persisted=PersistedQueries(redis_url="redis://127.0.0.1:1"))
    with start(protection=nowhere) as gateway:
        assert code(ask(gateway, extensions=apq(ID))) == "PERSISTED_QUERY_NOT_FOUND"
        assert ask(gateway, query=SHELF, extensions=apq(ID))["data"] == FOUND
        assert ask(gateway, extensions=apq(ID))["data"] == FOUND
