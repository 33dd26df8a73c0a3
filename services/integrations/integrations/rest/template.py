"""Fills `{credentials.name}` into texts of a spec; nothing else can be written between braces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from integrations.contract import Fatal

_PLACE = re.compile(r"\{credentials\.([a-z][a-z0-9_]*)\}")


def fill(said: Any, credentials: Mapping[str, str]) -> Any:
    """The same structure with every credential in its place."""
    if isinstance(said, dict):
        return {name: fill(value, credentials) for name, value in said.items()}
    if isinstance(said, list):
        return [fill(item, credentials) for item in said]
    if isinstance(said, str):
        return _PLACE.sub(lambda found: _credential(found[1], credentials), said)
    return said


def names(said: Any) -> set[str]:
    """The credentials a spec speaks of."""
    if isinstance(said, dict):
        return set().union(*(names(value) for value in said.values()))
    if isinstance(said, list):
        return set().union(*(names(item) for item in said))
    return set(_PLACE.findall(said)) if isinstance(said, str) else set()


def _credential(name: str, credentials: Mapping[str, str]) -> str:
    if name not in credentials:
        raise Fatal(
            "NO_CREDENTIAL",
            f"The spec speaks of the credential {name!r}, which was not given.",
            f"规格中引用了凭证 {name!r}，但尚未提供。",
            fix_en=f"Give `credentials.{name}`.",
            fix_zh=f"请填写 `credentials.{name}`。",
        )
    return credentials[name]
