"""What identity signs is believed, what anybody else signs is not, and keys rotate unnoticed."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey
from joserfc.jws import extract_compact

from chassis.authentication.tokens import ALGORITHMS
from chassis.db import SyncDatabase
from chassis.errors import Unavailable
from identity.app import create
from identity.core.domain.seal import Seal
from identity.sign_in.commands import signing_key as commands
from identity.sign_in.domain.token import new_key
from tests.identity.conftest import Client, House, settings_for
from tests.support.serve import served
from tests.support.servers import Databases

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
LIFETIME = timedelta(minutes=15)
VIEWER = "{ viewer { id } }"


def published(house: House) -> list[dict[str, Any]]:
    answer = requests.get(f"{house.url}/.well-known/jwks.json", timeout=5)
    keys: list[dict[str, Any]] = answer.json()["keys"]
    return keys


def signing_key(house: House) -> OKPKey:
    """The house's own private key, as a thief of database and secret would have it."""
    key = house.db.read(commands.current_key, Seal(house.settings.secret))
    assert key is not None
    return key


def claims(house: House, **changed: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {
        "iss": "huichi",
        "aud": "huichi",
        "sub": house.user("admin"),
        "sid": str(uuid4()),
        "iat": now,
        "exp": now + 60,
        "jti": "x",
    }
    return whole | changed


def test_publishes_the_public_half_only(house: House) -> None:
    house.nobody().sign_in("lead")

    keys = published(house)

    assert {key["kty"] for key in keys} == {"OKP"}
    assert not any("d" in key for key in keys)
    assert all({"kid", "x", "crv"} <= set(key) for key in keys)


def test_publishes_a_key_before_anybody_signs_in(databases: Databases, redis_url: str) -> None:
    url = databases.fresh("identity")
    apart = f"{redis_url.rpartition('/')[0]}/9"  # or the house would follow this one's policy

    with served(create(settings_for(url, apart))) as base:
        shown = [requests.get(f"{base}/.well-known/jwks.json", timeout=5).json() for _ in range(2)]

    assert len(shown[0]["keys"]) == 1
    assert shown[0] == shown[1]
    databases.drop(url)


def test_a_token_says_who_and_not_what(house: House) -> None:
    token = house.nobody().sign_in("lead")["accessToken"]

    decoded = jwt.decode(
        token,
        KeySet.import_key_set({"keys": published(house)}),
        algorithms=ALGORITHMS,
    )

    assert set(decoded.claims) == {"iss", "aud", "sub", "sid", "iat", "exp", "jti"}
    assert (decoded.claims["iss"], decoded.claims["aud"]) == ("huichi", "huichi")
    assert decoded.claims["sub"] == house.user("lead")
    assert decoded.claims["exp"] - decoded.claims["iat"] == 900
    assert decoded.header["alg"] == "EdDSA"


def test_believes_its_own_tokens(house: House) -> None:
    house.nobody().sign_in("lead")
    key = signing_key(house)
    token = jwt.encode({"alg": "EdDSA", "kid": key.kid}, claims(house), key, algorithms=ALGORITHMS)

    assert Client(house.url, token).data(VIEWER) == {"id": house.user("admin")}


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": int(time.time()) - 60},
        {"iss": "somebody"},
        {"aud": "somebody"},
        {"sub": "admin"},
        {"sub": None},
        {"exp": None},
    ],
)
def test_refuses_wrong_claims(house: House, wrong: dict[str, Any]) -> None:
    house.nobody().sign_in("lead")
    key = signing_key(house)
    body = {name: value for name, value in claims(house, **wrong).items() if value is not None}
    token = jwt.encode({"alg": "EdDSA", "kid": key.kid}, body, key, algorithms=ALGORITHMS)

    assert Client(house.url, token).code(VIEWER) == "UNAUTHENTICATED"


def test_refuses_tokens_of_strangers(house: House) -> None:
    good = house.nobody().sign_in("lead")["accessToken"]
    mine, stranger = signing_key(house), new_key()
    public = OctKey.import_key(str(mine.as_dict(private=False)["x"]))
    head, body, signature = good.split(".")
    forged = {
        "another key under our name": jwt.encode(
            {"alg": "EdDSA", "kid": mine.kid}, claims(house), stranger, algorithms=ALGORITHMS
        ),
        "an unknown key": jwt.encode(
            {"alg": "EdDSA", "kid": stranger.kid}, claims(house), stranger, algorithms=ALGORITHMS
        ),
        "our public key as a shared secret": jwt.encode(
            {"alg": "HS256", "kid": mine.kid}, claims(house), public, algorithms=["HS256"]
        ),
        "a changed body": f"{head}.{body[:-2]}{'AA' if body[-2:] != 'AA' else 'BB'}.{signature}",
        "a changed signature": f"{head}.{body}.{'A' * len(signature)}",
        "no signature": f"eyJhbGciOiJub25lIn0.{body}.",
        "no token": "garbage",
    }

    codes = {name: Client(house.url, token).code(VIEWER) for name, token in forged.items()}

    assert codes == dict.fromkeys(forged, "UNAUTHENTICATED")


def test_a_new_key_is_published_before_it_signs(house: House) -> None:
    old = house.nobody().sign_in("lead")["accessToken"]
    seal, signs = Seal(house.settings.secret), signing_key(house).kid

    fresh = house.db.write(commands.rotate, seal, LIFETIME)

    assert {signs, fresh} <= {key["kid"] for key in published(house)}
    assert signing_key(house).kid == signs
    house.one("UPDATE signing_key SET signs_from = now() WHERE id = %(id)s RETURNING 1", id=fresh)
    assert signing_key(house).kid == fresh
    assert Client(house.url, old).data(VIEWER) == {"id": house.user("lead")}
    house.one(
        "UPDATE signing_key SET published_until = now() WHERE id = %(id)s RETURNING 1", id=signs
    )
    assert [key["kid"] for key in published(house)] == [fresh]


def test_signs_with_the_new_key_when_its_time_has_come(house: House) -> None:
    fresh = house.db.write(commands.rotate, Seal(house.settings.secret), LIFETIME)
    house.one("UPDATE signing_key SET signs_from = now() WHERE id = %(id)s RETURNING 1", id=fresh)

    # A running process remembers keys for some seconds; one that starts now does not.
    with served(create(house.settings)) as url:
        token = Client(url).sign_in("lead")["accessToken"]
        assert Client(url, token).data(VIEWER) == {"id": house.user("lead")}

    assert extract_compact(token.encode()).headers()["kid"] == fresh


def test_private_keys_are_sealed(databases: Databases) -> None:
    url = databases.fresh("identity")
    db = SyncDatabase(url, application="identity-tests")
    seal = Seal("the one secret of this house, long")
    db.write(commands.create_first_key, seal, LIFETIME)
    db.write(commands.create_first_key, seal, LIFETIME)

    key = db.read(commands.current_key, seal)
    with pytest.raises(Unavailable, match="HUICHI_IDENTITY_SECRET"):
        db.read(commands.current_key, Seal("another secret of another house"))

    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT sealed_key, public_key::text FROM signing_key").fetchall()
    assert key is not None
    private = str(key.as_dict(private=True)["d"])
    assert len(rows) == 1
    assert private.encode() not in bytes(rows[0][0])
    assert private not in rows[0][1]
    assert db.write(commands.rotate_if_old, seal, LIFETIME, timedelta(days=1)) is None
    assert db.write(commands.rotate_if_old, seal, LIFETIME, timedelta(0)) is not None
    db.close()
    databases.drop(url)
