"""A request is answered only if the gateway or a peer signed this very request,
for this service, just now."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from chassis.authentication.actor_context import LEEWAY_SECONDS, SECONDS, ActorContextVerifier, sign
from chassis.errors import Denied
from gateway.execution.http.signing import Signer

SECRET = "a secret of this house, long enough"
TOKEN = "Bearer one.two.three"
BODY = b'{"query":"{ me { id } }"}'
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def signed(**changes: Any) -> str:
    given: dict[str, Any] = {
        "issuer": "gateway",
        "audience": "customers",
        "body": BODY,
        "authorization": TOKEN,
        "traceparent": TRACE,
    }
    return sign(changes.pop("secret", SECRET), **{**given, **changes})


def checked(context: str | None, **changes: Any) -> str:
    given: Mapping[str, Any] = {"body": BODY, "authorization": TOKEN, "traceparent": TRACE}
    clock = changes.pop("clock", time.time)
    return ActorContextVerifier(SECRET, "customers", clock).check(context, **{**given, **changes})


def test_says_who_signed() -> None:
    assert checked(signed()) == "gateway"
    assert checked(signed(issuer="integrations")) == "integrations"
    assert checked(signed(authorization=None), authorization=None) == "gateway"


def test_reads_what_the_gateway_writes() -> None:
    signer = Signer(SECRET, "gateway", 30)

    name, context = signer.header("customers", TOKEN, BODY, TRACE)
    _, nobody = signer.header("customers", None, BODY)

    assert name == "x-actor-context"
    assert checked(context) == "gateway"
    assert checked(nobody, authorization=None, traceparent=None) == "gateway"


@pytest.mark.parametrize(
    "context",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("v1.e30.AAAA", id="no claims"),
        pytest.param("not a context", id="nonsense"),
        pytest.param("v1." + "A" * 5000 + ".AAAA", id="very long"),
        pytest.param("v1.\N{SNOWMAN}.\N{SNOWMAN}", id="no ASCII"),
    ],
)
def test_refuses_what_is_no_context(context: str | None) -> None:
    with pytest.raises(Denied):
        checked(context)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"audience": "identity"}, id="of another service"),
        pytest.param({"secret": "another secret, also long enough"}, id="of another house"),
        pytest.param({"body": BODY + b" "}, id="of another body"),
        pytest.param({"authorization": "Bearer other"}, id="of another token"),
        pytest.param({"authorization": None}, id="of nobody"),
        pytest.param({"traceparent": TRACE.replace("0af", "1af")}, id="of another trace"),
        pytest.param({"seconds": -SECONDS}, id="expired"),
    ],
)
def test_refuses_every_other_request(changes: dict[str, Any]) -> None:
    context = signed(**changes)

    with pytest.raises(Denied):
        checked(context)


def test_is_good_for_half_a_minute() -> None:
    context = signed()
    now = time.time()

    assert checked(context, clock=lambda: now + SECONDS) == "gateway"
    for wrong in (SECONDS + LEEWAY_SECONDS + 1, -LEEWAY_SECONDS - 2):
        with pytest.raises(Denied):
            checked(context, clock=lambda off=wrong: now + off)


def test_claims_that_were_changed_are_refused() -> None:
    version, claims, mac = signed(audience="identity").split(".")
    said = orjson.loads(base64.urlsafe_b64decode(claims + "=="))
    forged = base64.urlsafe_b64encode(orjson.dumps(said | {"aud": "customers"})).decode()

    with pytest.raises(Denied):
        checked(f"{version}.{forged.rstrip('=')}.{mac}")
