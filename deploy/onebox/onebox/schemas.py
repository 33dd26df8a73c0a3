"""`make schemas`: prints every subgraph's schema, composes the supergraph, lists error codes and facts.

`--check` writes nothing and fails where a checked-in file is not what the code says.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from chassis.api.schema import sdl
from gateway.composition import compose
from gateway.supergraph import Subgraph, Supergraph
from onebox import errors_page, facts_page

ROOT = Path(__file__).resolve().parents[3]
SUBGRAPHS = {"identity": 8601, "customers": 8602, "activities": 8603, "integrations": 8604}
"""The services and the ports they have by default; another address is given at start."""


def schema_text(service: str) -> str:
    """The schema of one service as its code says it."""
    return sdl(importlib.import_module(f"{service}.schema").schema)


def files() -> dict[Path, str]:
    """What every generated schema file must hold."""
    texts = {service: schema_text(service) for service in SUBGRAPHS}
    composed = compose(
        [
            Subgraph(service, f"http://127.0.0.1:{port}/graphql", texts[service])
            for service, port in SUBGRAPHS.items()
        ]
    )
    if not isinstance(composed, Supergraph):
        raise SystemExit("\n".join(str(problem) for problem in composed))
    wanted = {ROOT / "services" / s / "schema.graphql": text for s, text in texts.items()}
    wanted[ROOT / "gateway" / "supergraph.graphql"] = composed.sdl
    return wanted | {
        ROOT / "docs" / "errors.md": errors_page.text(),
        ROOT / "docs" / "facts.md": facts_page.text(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    asked = parser.parse_args()
    stale = []
    for path, text in files().items():
        if path.exists() and path.read_text() == text:
            continue
        stale.append(path.relative_to(ROOT))
        if not asked.check:
            path.write_text(text)
    for path in stale:
        print(f"{path}: {'not current; run make schemas' if asked.check else 'written'}")
    sys.exit(1 if asked.check and stale else 0)


if __name__ == "__main__":
    main()
