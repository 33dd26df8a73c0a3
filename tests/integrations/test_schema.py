"""The rights that every query requires."""

from __future__ import annotations

from tests.integrations.client import Client
from tests.integrations.house import STRANGER


async def test_nobody_without_the_right_gets_anything(client: Client) -> None:
    for text in ("{ connectors { id } }", "{ deadLetters { edges { cursor } } }"):
        answer = await client.ask(text, who=STRANGER)

        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert not answer.get("data")
