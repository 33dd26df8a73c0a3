"""Replace `{credentials.name}` in the texts of a spec; no other placeholder exists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from integrations.contract import Fatal

_PLACEHOLDER = re.compile(r"\{credentials\.([a-z][a-z0-9_]*)\}")


def fill(template: Any, credentials: Mapping[str, str]) -> Any:
    """Return the same structure with credentials filled in. Raises `Fatal` for a missing one."""
    if isinstance(template, dict):
        return {name: fill(value, credentials) for name, value in template.items()}
    if isinstance(template, list):
        return [fill(item, credentials) for item in template]
    if isinstance(template, str):
        return _PLACEHOLDER.sub(lambda match: _credential(match[1], credentials), template)
    return template


def credential_names(template: Any) -> set[str]:
    """Return the names of the credentials a spec refers to."""
    if isinstance(template, dict):
        return set().union(*(credential_names(value) for value in template.values()))
    if isinstance(template, list):
        return set().union(*(credential_names(item) for item in template))
    return set(_PLACEHOLDER.findall(template)) if isinstance(template, str) else set()


def _credential(name: str, credentials: Mapping[str, str]) -> str:
    if name not in credentials:
        raise Fatal(
            "NO_CREDENTIAL",
            f"The spec refers to the credential {name!r}, which is missing.",
            f"规格中引用了凭证 {name!r}，但尚未提供。",
            fix_en=f"Give `credentials.{name}`.",
            fix_zh=f"请填写 `credentials.{name}`。",
        )
    return credentials[name]
