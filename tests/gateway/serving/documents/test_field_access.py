"""Tokens at the edge, real ones from a real issuer: who is let in, what they see,
and what subgraphs are told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from gateway.errors import BadSettings
from gateway.protection import (
    ActorHeader,
    Authentication,
    HeaderRule,
    Issuer,
    Protection,
    Signature,
)
from gateway.serving.observability.metrics import Metrics
from gateway.serving.protection.subgraph_client import SubgraphClient
from tests.gateway.graphs import a_supergraph
from tests.gateway.serving.conftest import House, Running, Start
from tests.gateway.serving.issuing import SIGNERS, Identity, an_issuer, checks


@pytest.fixture
def identity() -> Iterator[Identity]:
    with an_issuer() as issuer:
        yield issuer


def asks(gateway: Running, token: str | None, query: str = "{me{id}}") -> requests.Response:
    headers = {"authorization": f"Bearer {token}"} if token is not None else {}
    return gateway.post({"query": query}, **headers)


def code(answer: requests.Response) -> str:
    return str(answer.json()["errors"][0]["extensions"]["code"])


# ------------------------------------------------------------------------------------- who it is


@pytest.mark.parametrize("alg", list(SIGNERS))
def test_lets_a_valid_token_in(start: Start, house: House, identity: Identity, alg: str) -> None:
    identity.keys["other"] = SIGNERS[alg]("other")
    with start(protection=Protection(authentication=checks(identity, mode="required"))) as gateway:
        for _ in range(3):
            answer = asks(gateway, identity.token("other", alg))

    assert answer.json()["data"]["me"]["id"]
    assert identity.asked == 1


def test_a_single_key_needs_no_name_and_may_come_from_a_file(
    start: Start, house: House, identity: Identity, tmp_path: Path
) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(KeySet(list(identity.keys.values())).as_dict(private=False)))
    claims = {"sub": "u1", "exp": int(time.time()) + 60}
    token = jwt.encode({"alg": "EdDSA"}, claims, identity.keys["one"], algorithms=["EdDSA"])
    authentication = Authentication(issuers=(Issuer(jwks=str(file)),))
    with start(protection=Protection(authentication=authentication)) as gateway:
        assert asks(gateway, token).status_code == 200


def test_refuses_whoever_brings_none_where_one_is_required(
    start: Start, house: House, identity: Identity
) -> None:
    with start(protection=Protection(authentication=checks(identity, mode="required"))) as gateway:
        answer = asks(gateway, None)

    assert (answer.status_code, code(answer)) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert not any(part.requests for part in house.all())


def test_refuses_a_bad_token_even_where_none_is_required(
    start: Start, house: House, identity: Identity
) -> None:
    stranger = Identity({"one": SIGNERS["EdDSA"]("one")})
    hour_ago = int(time.time()) - 3600
    bad = {
        "expired": identity.token(exp=hour_ago),
        "other issuer": identity.token(iss="elsewhere"),
        "other audience": identity.token(aud="elsewhere"),
        "no end": identity.token(exp=None),
        "no subject": identity.token(sub=None),
        "not yet": identity.token(nbf=int(time.time()) + 3600),
        "forged": stranger.token(),
        "unknown key": Identity({"x": SIGNERS["EdDSA"]("x")}).token("x"),
        "unsigned": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1MSIsImV4cCI6OTk5OTk5OTk5OX0.",
        "nonsense": "a.b.c",
        "long": "a" * 20_000,
        "empty": "",
    }
    with start(protection=Protection(authentication=checks(identity))) as gateway:
        answers = {why: asks(gateway, token) for why, token in bad.items()}

        assert asks(gateway, None, "{products{upc}}").json()["data"]
    assert {why: answer.status_code for why, answer in answers.items()} == dict.fromkeys(bad, 401)
    assert house.accounts.requests == 0


def test_follows_the_issuer_to_new_keys_and_forgets_the_old_ones(
    start: Start, house: House, identity: Identity
) -> None:
    old = identity.token()
    authentication = checks(identity, refresh_seconds=0.05)
    with start(protection=Protection(authentication=authentication)) as gateway:
        assert asks(gateway, old).status_code == 200
        identity.keys = {"two": SIGNERS["EdDSA"]("two")}
        time.sleep(0.1)

        assert asks(gateway, identity.token("two")).status_code == 200
        assert asks(gateway, old).status_code == 401


def test_says_so_when_the_issuer_is_out_of_reach(
    start: Start, house: House, identity: Identity
) -> None:
    identity.down = True
    with start(protection=Protection(authentication=checks(identity))) as gateway:
        refused = [asks(gateway, identity.token()) for _ in range(3)]

    assert [(answer.status_code, code(answer)) for answer in refused] == [
        (503, "AUTHENTICATION_UNAVAILABLE")
    ] * 3
    assert identity.asked == 1


# --------------------------------------------------------------------------------- what they see

GUARDED = """
    type Query { open: String @shareable headers(names: [String!]!): [String] user(id: ID!): User }
    type User @key(fields: "id") { id: ID! name: String! @requiresScopes(scopes: [["names"]]) }
"""


def guarded(house: House) -> str:
    return a_supergraph(accounts=GUARDED).sdl.replace(
        "http://accounts.test/graphql", house.urls["accounts"]
    )


def test_what_may_not_be_seen_is_null_and_never_fetched(
    start: Start, house: House, identity: Identity
) -> None:
    protection = Protection(authentication=checks(identity))
    with start(supergraph=guarded(house), protection=protection) as gateway:
        query = '{open: __typename user(id:"u1"){id name}}'
        seen = asks(gateway, identity.token(scope="names other"), query).json()
        half = asks(
            gateway, identity.token(scope="other"), '{user(id:"u1"){id} x: user(id:"u2"){n: name}}'
        )
        nobody = asks(gateway, None, '{a: user(id:"u1"){name}}').json()

    assert seen["data"]["user"] == {"id": "u1", "name": "Ann"}
    assert half.json()["data"] == {"user": {"id": "u1"}, "x": None}
    assert nobody["data"] == {"a": None}
    (error,) = half.json()["errors"]
    assert error["path"] == ["x", "n"]
    assert error["extensions"] == {
        "code": "UNAUTHORIZED_FIELD_OR_TYPE",
        "coordinate": "User.name",
    }


def test_refuses_the_whole_operation_where_that_is_wanted(
    start: Start, house: House, identity: Identity
) -> None:
    protection = Protection(authentication=checks(identity, unauthorized="refuse"))
    with start(supergraph=guarded(house), protection=protection) as gateway:
        answer = asks(gateway, identity.token(), '{user(id:"u1"){id name}}')

    assert code(answer) == "UNAUTHORIZED_FIELD_OR_TYPE"
    assert "data" not in answer.json()
    assert house.accounts.requests == 0


def test_a_plan_with_holes_keeps_them_however_often_it_is_asked(
    start: Start, house: House, identity: Identity
) -> None:
    protection = Protection(authentication=checks(identity))
    query = '{user(id:"u1"){id name}}'
    with start(supergraph=guarded(house), protection=protection) as gateway:
        token, full = identity.token(), identity.token(scope="names")
        answers = [asks(gateway, token, query).json() for _ in range(6)]
        seen = [asks(gateway, full, query).json() for _ in range(6)]

    assert {str(answer["data"]) for answer in answers} == {"{'user': None}"}
    assert [len(answer["errors"]) for answer in answers] == [1] * 6
    assert {str(answer["data"]) for answer in seen} == {"{'user': {'id': 'u1', 'name': 'Ann'}}"}


def test_nobody_sees_what_is_guarded_when_no_issuer_is_known(start: Start, house: House) -> None:
    with start(supergraph=guarded(house)) as gateway:
        answer = asks(gateway, "anything", '{user(id:"u1"){name}}').json()

    assert answer["data"] == {"user": None}


# ------------------------------------------------------------------------ what subgraphs are told


def test_tells_subgraphs_who_asks_in_its_own_words(
    start: Start, house: House, identity: Identity, tmp_path: Path
) -> None:
    file = tmp_path / "actor.pem"
    file.write_bytes(OKPKey.generate_key("Ed25519").as_pem(private=True))
    protection = Protection(authentication=checks(identity), actor=ActorHeader(key=file))
    with start(protection=protection, headers=("authorization", "x-actor")) as gateway:
        asks(gateway, identity.token(sid="s1", scope="b a", phone="13800000000"))
        keys = KeySet.import_key_set(gateway.get("/.well-known/jwks.json").json())
        gateway.post({"query": "{me{id}}"}, x_actor="forged")

    told = jwt.decode(house.accounts.heard[0]["x-actor"], keys, algorithms=["EdDSA"]).claims
    assert told["exp"] - told["iat"] == 30
    assert {name: told[name] for name in set(told) - {"exp", "iat"}} == {
        "iss": "gateway",
        "aud": "subgraphs",
        "sub": "u1",
        "sid": "s1",
        "scope": "a b",
    }
    assert "x-actor" not in house.accounts.heard[1]
    assert "d" not in gateway_keys(keys)


SECRET = "a secret of this house, long enough"


def test_signs_every_request_for_the_one_subgraph_that_it_goes_to(
    start: Start, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOUSE_SECRET", SECRET)
    protection = Protection(signature=Signature(variable="HOUSE_SECRET"))
    with start(protection=protection, headers=("authorization", "x-actor-context")) as gateway:
        answer = gateway.post(
            {"query": "{products{owner{name}}}"}, authorization="Bearer x", x_actor_context="forged"
        )

    assert answer.json()["data"]
    for subgraph, part in (("products", house.products), ("accounts", house.accounts)):
        [heard] = part.heard
        version, said, mac = heard["x-actor-context"].split(".")
        claims = orjson.loads(base64.urlsafe_b64decode(said + "=="))
        key = hmac.digest(
            SECRET.encode(), f"actor-context/v1:gateway:{subgraph}".encode(), hashlib.sha256
        )
        right = hmac.digest(key, f"{version}.{said}".encode(), hashlib.sha256)
        assert base64.urlsafe_b64decode(mac + "=") == right
        assert claims["aud"] == subgraph
        assert claims["exp"] - claims["iat"] == 30
        assert claims["rid"] == heard["traceparent"][3:35]
        digest = hashlib.sha256(b"Bearer x").digest()
        assert claims["tok"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
        assert len(claims["body"]) == 43


def test_does_not_start_with_a_secret_that_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSE_SECRET", "short")
    protection = Protection(signature=Signature(variable="HOUSE_SECRET"))

    with pytest.raises(BadSettings, match="has 5 characters"):
        SubgraphClient(protection, Metrics(), 1.0)


def gateway_keys(keys: KeySet) -> dict[str, Any]:
    return dict(keys.as_dict()["keys"][0])


def test_headers_follow_the_rules(start: Start, house: House) -> None:
    rules = (
        HeaderRule(action="propagate", name="X-Tenant"),
        HeaderRule(action="propagate", name="x-old", value="x-new"),
        HeaderRule(action="insert", name="x-secret", value="s", subgraph="accounts"),
        HeaderRule(action="remove", name="authorization", subgraph="products"),
        HeaderRule(action="propagate", name="host"),
    )
    with start(protection=Protection(header_rules=rules)) as gateway:
        gateway.post(
            {"query": "{products{owner{name}}}"}, authorization="u1", x_tenant="t", x_old="o"
        )

    (products,), (accounts,) = house.products.heard, house.accounts.heard
    assert (products["x-tenant"], products["x-new"]) == ("t", "o")
    assert "x-secret" not in products
    assert "authorization" not in products
    assert (accounts["authorization"], accounts["x-secret"]) == ("u1", "s")


def test_tells_subgraphs_the_callers_own_address(start: Start, house: House) -> None:
    with start() as gateway:
        gateway.post({"query": "{products{upc}}"}, x_forwarded_for="203.0.113.9")
    trusting = Protection(trusted_proxies=("127.0.0.0/8",))
    with start(protection=trusting) as gateway:
        gateway.post(
            {"query": "{products{upc}}"}, x_forwarded_for="6.6.6.6, 203.0.113.9, 127.0.0.2"
        )

    assert [heard["x-forwarded-for"] for heard in house.products.heard] == [
        "127.0.0.1",
        "203.0.113.9",
    ]
