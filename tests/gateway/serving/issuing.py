"""An issuer of real tokens whose keys a test may change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.protection import Authentication, Issuer
from tests.support.serve import served

Key = OKPKey | RSAKey | ECKey
SIGNERS: dict[str, Callable[[str], Key]] = {
    "EdDSA": lambda kid: OKPKey.generate_key("Ed25519", {"kid": kid}),
    "RS256": lambda kid: RSAKey.generate_key(2048, {"kid": kid}),
    "ES256": lambda kid: ECKey.generate_key("P-256", {"kid": kid}),
}


@dataclass
class Identity:
    """An issuer whose keys a test may change."""

    keys: dict[str, Key] = field(default_factory=dict)
    url: str = ""
    asked: int = 0
    down: bool = False

    def token(self, kid: str = "one", alg: str = "EdDSA", **claims: Any) -> str:
        given = {
            "iss": "shop",
            "aud": "shop",
            "sub": "u1",
            "exp": int(time.time()) + 60,
            **claims,
        }
        said = {name: value for name, value in given.items() if value is not None}
        return jwt.encode({"alg": alg, "kid": kid}, said, self.keys[kid], algorithms=[alg])

    async def jwks(self, _: Request) -> Response:
        self.asked += 1
        if self.down:
            return Response("no", 500)
        return JSONResponse(KeySet(list(self.keys.values())).as_dict(private=False))


@contextmanager
def an_issuer() -> Iterator[Identity]:
    issuer = Identity({"one": SIGNERS["EdDSA"]("one")})
    with served(Starlette(routes=[Route("/jwks", issuer.jwks)])) as url:
        issuer.url = f"{url}/jwks"
        yield issuer


def checks(identity: Identity, **changes: Any) -> Authentication:
    issuer = Issuer(jwks=identity.url, issuer="shop", audience=("shop",))
    return Authentication(issuers=(issuer,), **changes)
