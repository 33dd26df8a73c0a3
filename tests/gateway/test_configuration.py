"""The operator's file: everything can be said in it, and nothing is misread in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.configuration import read_configuration
from gateway.errors import BadSettings
from gateway.protection import (
    Authentication,
    Breaker,
    Clients,
    HeaderRule,
    Issuer,
    Protection,
    Rates,
    TrustedDocuments,
)
from gateway.settings import Limits

WHOLE = """
[limits]
depth = 12

[protection]
cost = 1000
trusted_proxies = ["10.0.0.0/8"]
breaker = { requests = 50, open_seconds = 3 }
trusted = { manifest = "manifest.json" }
rates = { requests = 600, redis_url = "redis://valkey" }
clients.keys = { abc = "till" }

[protection.authentication]
mode = "required"
issuers = [{ jwks = "https://id.example/jwks", issuer = "https://id.example", audience = ["shop"] }]

[[protection.header_rules]]
action = "insert"
name = "x-shop"
value = "1"
subgraph = "products"
"""


def test_reads_what_an_operator_wrote(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(WHOLE)

    issuer = Issuer(jwks="https://id.example/jwks", issuer="https://id.example", audience=("shop",))
    assert read_configuration(file) == {
        "limits": Limits(depth=12),
        "protection": Protection(
            cost=1000,
            trusted_proxies=("10.0.0.0/8",),
            breaker=Breaker(requests=50, open_seconds=3.0),
            trusted=TrustedDocuments(manifest=Path("manifest.json")),
            rates=Rates(requests=600, redis_url="redis://valkey"),
            clients=Clients(keys={"abc": "till"}),
            authentication=Authentication(issuers=(issuer,), mode="required"),
            header_rules=(
                HeaderRule(action="insert", name="x-shop", value="1", subgraph="products"),
            ),
        ),
    }


def test_the_documentation_shows_a_file_that_is_right(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "gateway.md"
    file = tmp_path / "gateway.toml"
    file.write_text(page.read_text().split("```toml\n")[1].split("```")[0])

    found = read_configuration(file)["protection"]

    assert found.authentication.mode == "required"
    assert found.header_rules[0].subgraph == "products"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[limit]", "limit is not a section"),
        ("[limits]\ndepht = 1", "limits.depht is not a setting"),
        ("[limits]\ndepth = '1'", "limits.depth must be a value of type int"),
        ("[protection]\nrates = {}", "protection.rates is not complete"),
        ("[protection]\nrates = 5", "protection.rates must be a table"),
        ("[protection.authentication]\nmode = 'x'\nissuers = []", "authentication.mode must be"),
        ("[protection]\ntrusted_proxies = 'a'", "trusted_proxies must be a list"),
        ("[", "cannot be read"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(text)

    with pytest.raises(BadSettings, match=said):
        read_configuration(file)
