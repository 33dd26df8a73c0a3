"""GraphQL over HTTP: methods, media types, statuses, limits, health, and the page."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from gateway.settings import Limits, SignIn, SubgraphLimits
from tests.gateway.serving.conftest import House, Running
from tests.support.waiting import stretched

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, JSON),
        ("*/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", JSON),
        (f"{GRAPHQL};q=0.1, */*", JSON),
        ("text/html, application/*;q=0.5", JSON),
    ],
)
def test_answers_in_the_media_type_that_is_liked_best(
    gateway: Running, accept: str | None, kind: str
) -> None:
    answer = gateway.post({"query": "{__typename}"}, **({"accept": accept} if accept else {}))

    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert answer.json()["data"] == {"__typename": "Query"}


def test_a_client_that_reads_neither_is_told(gateway: Running) -> None:
    answer = gateway.post({"query": "{__typename}"}, accept="text/html")

    assert answer.status_code == 406
    assert GRAPHQL in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{products{}}", "GRAPHQL_PARSE_FAILED"),
        ("{nothing}", "GRAPHQL_VALIDATION_FAILED"),
        ("{products}", "GRAPHQL_VALIDATION_FAILED"),
        ("fragment a on Query{__typename}", "GRAPHQL_VALIDATION_FAILED"),
        ("query a{__typename} query b{__typename}", "OPERATION_RESOLUTION_FAILURE"),
        ("query($id:ID!){user(id:$id){name}}", "BAD_USER_INPUT"),
        (
            "{products{...a}} fragment a on Product{reviews{product{...a}}}",
            "GRAPHQL_VALIDATION_FAILED",
        ),
    ],
)
def test_what_cannot_run_is_refused_with_a_code(gateway: Running, query: str, code: str) -> None:
    plain = gateway.post({"query": query}, accept=JSON)
    exact = gateway.post({"query": query}, accept=GRAPHQL)

    assert (plain.status_code, exact.status_code) == (200, 400)
    for answer in (plain.json(), exact.json()):
        assert "data" not in answer
        assert answer["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        [{"query": "{__typename}"}],
        "text",
        5,
        {"query": 5},
        {"query": ""},
        {"query": "{__typename}", "variables": "{}"},
        {"query": "{__typename}", "operationName": 5},
        {"query": "{__typename}", "extensions": []},
    ],
)
def test_a_body_that_is_no_request_is_refused(gateway: Running, body: Any) -> None:
    answer = gateway.post(body)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", f"{JSON}; charset=latin-1", ""]
)
def test_a_body_must_be_json_in_utf8(gateway: Running, kind: str) -> None:
    answer = requests.post(
        f"{gateway.url}/graphql",
        data=b'{"query":"{__typename}"}',
        headers={"content-type": kind},
        timeout=5,
    )

    assert answer.status_code == 415


def test_get_serves_queries_and_only_queries(gateway: Running) -> None:
    url = f"{gateway.url}/graphql"
    query = "query($n:Int){products(first:$n){name}}"

    answer = requests.get(url, params={"query": query, "variables": '{"n":1}'}, timeout=5)
    refused = requests.get(
        url, params={"query": 'mutation{signIn(username:"a",password:"b"){accessToken}}'}, timeout=5
    )

    assert answer.json()["data"] == {"products": [{"name": "Table"}]}
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert (
        requests.get(url, params={"query": query, "variables": "{"}, timeout=5).status_code == 400
    )
    assert requests.put(url, timeout=5).status_code == 405


# --------------------------------------------------------------------------------------- limits


def bomb(levels: int) -> str:
    spreads = " ".join(f"fragment f{n} on Query{{...f{n + 1} ...f{n + 1}}}" for n in range(levels))
    return f"{{...f0}} {spreads} fragment f{levels} on Query{{__typename}}"


@pytest.mark.parametrize(
    "query",
    [
        "{" + "".join(f"a{n}:__typename " for n in range(101)) + "}",
        "{" + "__typename " * 101 + "}",
        "{products{" + "reviews{product{" * 15 + "upc" + "}}" * 15 + "}}",
        "{"
        + "products{"
        + "".join(f"... on Product{{{' '.join(['upc'] * 99)}}} " for _ in range(51))
        + "}}",
        "{__typename " + "@skip(if:false)" * 201 + "}",
        "{products(first:" + "[" * 5_000 + "]" * 5_000 + "){upc}}",
        "{" + "products{" * 3_000 + "}" * 3_000 + "}",
        "{" + "__typename " * 20_000 + "}",
        bomb(28),
        "{...f0}" + "".join(f"fragment f{n} on Query{{...f{n + 1}}}" for n in range(3_000)),
    ],
)
def test_an_operation_that_is_too_large_is_refused_quickly(
    gateway: Running, house: House, query: str
) -> None:
    started = time.monotonic()
    answer = gateway.post({"query": query}, accept=GRAPHQL)

    assert answer.status_code == 400
    assert "data" not in answer.json()
    assert time.monotonic() - started < stretched(15)  # without limits it is minutes
    assert not any(part.requests for part in house.all())


def test_a_large_body_is_refused_before_it_is_read(start: Any) -> None:
    with start(limits=Limits(body_bytes=2_000)) as gateway:
        said = gateway.post({"query": "{__typename}" + " " * 3_000})
        chunked = requests.post(
            f"{gateway.url}/graphql",
            data=iter([b" " * 1_500] * 3),
            headers={"content-type": JSON},
            timeout=5,
        )

    assert said.status_code == chunked.status_code == 413
    assert (
        said.json()["errors"][0]["message"]
        == "The request is larger than 2000 bytes; send less at once."
    )


def test_deep_variables_are_refused(gateway: Running) -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]

    answer = gateway.post(
        {"query": "query($n:Int){products(first:$n){upc}}", "variables": {"n": deep}}
    )

    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


# ----------------------------------------------------------------------------------- production


def test_production_shows_neither_schema_nor_hints_nor_plans(start: Any) -> None:
    with start(production=True) as gateway:
        schema = gateway.ask("{__schema{types{name}}}")
        hidden = gateway.ask('{products{upc} ...on Query{x:__type(name:"User"){name}}}')
        typo = gateway.ask("{productz{upc}}")
        plan = gateway.post({"query": "{products{upc}}"}, x_include_plan="1").json()
        page = gateway.get("/", accept="text/html")

        assert schema["errors"][0]["extensions"]["code"] == "INTROSPECTION_DISABLED"
        assert hidden["errors"][0]["extensions"]["code"] == "INTROSPECTION_DISABLED"
        assert "Did you mean" not in typo["errors"][0]["message"]
        assert "queryPlan" not in plan["extensions"]
        assert "<html" not in page.text
        assert gateway.get("/graphiql").status_code == 404
        assert gateway.ask("{__typename}") == {"data": {"__typename": "Query"}}


def test_production_answers_no_get_that_another_sites_page_could_send(
    start: Any, house: House
) -> None:
    url = {"query": "{products(first:1){upc}}"}
    with start(production=True) as gateway:

        def get(**headers: str) -> int:
            address = f"{gateway.url}/graphql"
            return requests.get(address, params=url, headers=headers, timeout=5).status_code

        assert get() == get(authorization="Basic YTpi") == 400
        assert house.products.requests == 0
        assert get(authorization="Bearer u1") == get(**{"x-requested-with": "page"}) == 200


def test_shows_the_plan_to_those_who_ask(gateway: Running) -> None:
    answer = gateway.post({"query": "{products{owner{name}}}"}, x_include_plan="1").json()

    assert "Fetch products" in answer["extensions"]["queryPlan"]


# ------------------------------------------------------------------------------ health and page


def test_tells_health_and_numbers(start: Any, house: House) -> None:
    with start() as gateway:
        gateway.ask("query Shelf{products{owner{name}}}")
        numbers = gateway.get("/metrics").text

        assert gateway.get("/livez").json() == {"status": "ok"}
        assert gateway.get("/readyz").status_code == 200
    assert 'gateway_requests_total{type="query",operation="Shelf",outcome="ok"} 1' in numbers
    assert 'gateway_fetches_total{subgraph="accounts",outcome="OK"}' in numbers


def test_operation_names_cannot_flood_the_numbers(start: Any) -> None:
    with start() as gateway:
        for number in range(250):
            gateway.ask(f"query Name{number}{{__typename}}")
        numbers = gateway.get("/metrics").text

    assert numbers.count("gateway_requests_total{") < 250
    assert 'operation="other"' in numbers


def test_the_page_loads_nothing_from_elsewhere(start: Any) -> None:
    sign_in = SignIn(document="mutation{x}", token="signIn.accessToken", errors="signIn.errors")
    with start(
        sign_in=sign_in, title="</script><b>汇池", default_query="{products{name}}"
    ) as gateway:
        page = gateway.get("/", accept="text/html")
        files = [
            gateway.get(f"/static/{name}")
            for name in ("graphiql.js", "graphiql.css", "graphiql.licences.txt")
        ]

        assert page.text == gateway.get("/graphiql").text
        assert "http" not in page.text.replace('charset="utf-8"', "")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "http:" not in page.headers["content-security-policy"]
        data = page.text.split('type="application/json">')[1].split("</script>")[0]
        assert json.loads(data)["title"] == "</script><b>汇池"
        assert json.loads(data)["signIn"]["token"] == "signIn.accessToken"
        assert [file.status_code for file in files] == [200, 200, 200]
        assert "GraphQL is served at /graphql" in gateway.get("/", accept="*/*").text


# --------------------------------------------------------------------------------------- reload


def test_takes_a_new_supergraph_and_refuses_a_bad_one(
    start: Any, house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "supergraph.graphql"
    sdl = house.supergraph.sdl
    file.write_text(sdl)
    patient = SubgraphLimits()
    with start(supergraph=file, reload_seconds=0.02, subgraph_limits=patient) as gateway:
        assert gateway.ask("{products(first:1){upc}}")["data"]

        _replace(file, "type Query { broken")
        _wait(lambda: 'gateway_reloads_total{outcome="refused"} 1' in gateway.get("/metrics").text)
        assert gateway.ask("{products(first:1){upc}}")["data"]
        assert "the new supergraph is refused, the old one stays" in caplog.text

        _replace(file, sdl.replace("price: Int", "cost: Int"))
        _wait(lambda: 'gateway_reloads_total{outcome="taken"} 1' in gateway.get("/metrics").text)
        assert gateway.ask("{products{price}}")["errors"]
        assert gateway.ask("{products(first:1){upc}}")["data"]


def _replace(file: Path, text: str) -> None:
    """Whole at once, as `gateway compose` does it."""
    draft = file.with_suffix(".new")
    draft.write_text(text)
    draft.replace(file)


def _wait(done: Any) -> None:
    until = time.monotonic() + 10
    while not done():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)
