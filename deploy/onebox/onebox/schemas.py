"""`make schemas`: write every subgraph's schema, the composed supergraph, error codes and facts.

`--check` writes nothing, and fails where a checked-in file differs from the code.
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
"""The services and their default ports; other addresses are configured at start."""


def schema_text(service: str) -> str:
    """Return the schema of one service, generated from its code."""
    return sdl(importlib.import_module(f"{service}.schema").schema)


def files() -> dict[Path, str]:
    """Return the contents of all generated files by path. Raises `SystemExit`."""
    texts = {service: schema_text(service) for service in SUBGRAPHS}
    composed = compose(
        [
            Subgraph(service, f"http://127.0.0.1:{port}/graphql", texts[service])
            for service, port in SUBGRAPHS.items()
        ]
    )
    if not isinstance(composed, Supergraph):
        raise SystemExit("\n".join(str(problem) for problem in composed))
    contents = {
        ROOT / "services" / service / "schema.graphql": text for service, text in texts.items()
    }
    contents[ROOT / "gateway" / "supergraph.graphql"] = composed.sdl
    return contents | {
        ROOT / "docs" / "errors.md": errors_page.text(),
        ROOT / "docs" / "facts.md": facts_page.text(),
    }


def main() -> None:
    """Write or compare the generated files; exit 1 when the comparison fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    arguments = parser.parse_args()
    stale = []
    for path, text in files().items():
        if path.exists() and path.read_text() == text:
            continue
        stale.append(path.relative_to(ROOT))
        if not arguments.check:
            path.write_text(text)
    for path in stale:
        print(f"{path}: {'not current; run make schemas' if arguments.check else 'written'}")
    sys.exit(1 if arguments.check and stale else 0)


if __name__ == "__main__":
    main()
