"""A token is believed only if it is ours, whole and alive."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, KeySetSerialization, OctKey, OKPKey

from chassis.actor import Actor
from chassis.authentication.tokens import ALGORITHMS, Verifier
from chassis.errors import Unauthenticated, Unavailable

ME, SESSION = UUID(int=1), UUID(int=2)
KEY = OKPKey.generate_key("Ed25519", {"kid": "now"})
NEXT = OKPKey.generate_key("Ed25519", {"kid": "next"})
STRANGER = OKPKey.generate_key("Ed25519", {"kid": "now"})

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    whole: dict[str, Any] = {
        "iss": "huichi",
        "aud": "huichi",
        "sub": str(ME),
        "sid": str(SESSION),
        "iat": now,
        "exp": now + 60,
    } | changed
    return {name: value for name, value in whole.items() if value is not None}


def token(key: Any = KEY, algorithm: str = "EdDSA", kid: str = "now", **changed: Any) -> str:
    allowed = [*ALGORITHMS, "HS256", "none"]
    return jwt.encode({"alg": algorithm, "kid": kid}, claims(**changed), key, algorithms=allowed)


def publishing(*keys: OKPKey) -> Callable[[], Any]:
    async def fetch() -> KeySetSerialization:
        return KeySet(list(keys)).as_dict(private=False)

    return fetch


async def test_tells_who_a_token_names() -> None:
    actor = await Verifier(publishing(KEY)).actor(token(), "zh")

    assert actor == Actor(ME, SESSION, "zh")


@pytest.mark.parametrize(
    "bad",
    [
        token(exp=int(time.time()) - 60),
        token(iss="else"),
        token(aud="else"),
        token(sub=None),
        token(sub="not a uuid"),
        token(exp=None),
        token(key=STRANGER),
        token(kid="unknown"),
        token(key=OctKey.import_key("0123456789abcdef0123456789abcdef"), algorithm="HS256"),
        token()[:-4] + "AAAA",
        "",
        "a.b.c",
        "中文",
    ],
)
async def test_refuses_a_token_that_is_not_right(bad: str) -> None:
    with pytest.raises(Unauthenticated):
        await Verifier(publishing(KEY)).actor(bad)


async def test_forgets_a_remembered_token_when_it_expires() -> None:
    now = [time.time()]
    verifier = Verifier(publishing(KEY), clock=lambda: now[0])
    mine = token()
    await verifier.actor(mine)

    now[0] += 3600

    with pytest.raises(Unauthenticated, match="expired"):
        await verifier.actor(mine)


async def test_looks_up_a_new_key_once_and_keeps_the_old_ones_working() -> None:
    published = [KEY]
    asked = [0]
    now = [time.time()]

    async def fetch() -> KeySetSerialization:
        asked[0] += 1
        return KeySet(list(published)).as_dict(private=False)

    verifier = Verifier(fetch, clock=lambda: now[0])
    await verifier.actor(token())
    published.append(NEXT)
    now[0] += 10

    await verifier.actor(token(key=NEXT, kid="next", iat=int(now[0])))
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await verifier.actor(token(key=NEXT, kid="never"))

    assert asked[0] == 2


async def test_is_unavailable_while_the_keys_cannot_be_had() -> None:
    async def fetch() -> KeySetSerialization:
        raise OSError("connection refused")

    with pytest.raises(Unavailable):
        await Verifier(fetch).actor(token())
