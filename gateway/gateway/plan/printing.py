"""Prints a plan as stable, readable text, for people and for golden tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.plan.nodes import (
    Condition,
    Fetch,
    Node,
    Parallel,
    Pick,
    Sequence,
    Subscribe,
    Target,
)
from gateway.plan.paths import Each, Guard, Key, Only, Path, Step
from gateway.plan.plan import Plan


def print_plan(plan: Plan) -> str:
    """Return the plan as stable, readable text."""
    body = "nothing to fetch" if plan.root is None else "\n".join(_print(plan.root))
    local = (
        "\n+ introspection, answered here"
        if plan.introspection or plan.nested_introspection
        else ""
    )
    return f"{body}{local}\n"


def print_guard(guard: Guard) -> str:
    """Return the guard as `$a and not $b or $c`."""
    return " or ".join(
        " and ".join(f"${name}" if value else f"not ${name}" for name, value in tests)
        for tests in guard
    )


def print_path(path: Path) -> str:
    """Return the path as `a.@.b<Book|Film>.c`."""
    out = ""
    for step in path:
        match step:
            case Key():
                out += f".{step.name}"
            case Each():
                out += ".@"
            case Only():
                out += f"<{'|'.join(sorted(step.types))}>"
    return out.removeprefix(".") or "."


def _print(node: Node) -> list[str]:
    match node:
        case Fetch():
            return _print_fetch(node)
        case Condition() if node.guard[0][0][0].startswith("@"):
            names = print_guard(node.guard).replace("$", "")
            return [f"Deferred {names}", *_indent(_print(node.node))]
        case Condition():
            return [f"When {print_guard(node.guard)}", *_indent(_print(node.node))]
        case Subscribe():
            then = _indent(_print(node.then)) if node.then else []
            return ["Subscribe", *_indent(_print(node.source)), *then]
        case Sequence() | Parallel():
            inner = [line for child in node.nodes for line in _indent(_print(child))]
            return [type(node).__name__, *inner]


def _print_fetch(fetch: Fetch) -> list[str]:
    kind = "" if fetch.kind == "query" else f" {fetch.kind}"
    lines = [f"Fetch {fetch.subgraph}{kind}"]
    if fetch.mount:
        lines.append(f"  root fields at {print_path(fetch.mount)}")
    for group in fetch.entities:
        when = f" when {print_guard(group.guard)}" if group.guard else ""
        name = f" {group.alias}" if len(fetch.entities) > 1 else ""
        for target in group.targets:
            lines.append(f"  entities{name} at {print_path(target.path)}{when}")
            lines += [f"    {line}" for line in (*_print_recipes(target), *_print_given(target))]
    return lines + _indent(_pretty(fetch.selection))


def _print_recipes(target: Target) -> list[str]:
    by_recipe: dict[str, list[str]] = {}
    for runtime, recipe in target.recipes.items():
        text = f"{recipe.typename} {{ {_print_picks(recipe.picks)} }}"
        if runtime != recipe.typename:
            by_recipe.setdefault(text, []).append(runtime)
        else:
            by_recipe.setdefault(text, [])
    return [
        f"{text} for {', '.join(sorted(names))}" if names else text
        for text, names in by_recipe.items()
    ]


def _print_given(target: Target) -> Iterator[str]:
    for context_value in target.context_values:
        ways = [
            f"{print_path(_start(target.path, source.depth))}<{name}>.{'.'.join(keys)}"
            for source in context_value.sources
            for name, keys in source.by_type.items()
        ]
        yield f"${context_value.variable} from {' or '.join(ways)}"


def _start(path: Path, depth: int) -> Path:
    """Return the beginning of a path, up to a number of keys and list items."""
    start: list[Step] = []
    for step in path:
        if depth == 0:
            break
        depth -= not isinstance(step, Only)
        start.append(step)
    return tuple(start)


def _print_picks(picks: tuple[Pick, ...]) -> str:
    return " ".join(_print_pick(pick) for pick in picks)


def _print_pick(pick: Pick) -> str:
    name = pick.name if pick.name == pick.source else f"{pick.name}<-{pick.source}"
    if not pick.children and not pick.by_type:
        return name
    inner = [_print_picks(pick.children)] if pick.children else []
    inner += [f"... on {name} {{ {_print_picks(more)} }}" for name, more in pick.by_type.items()]
    return f"{name} {{ {' '.join(inner)} }}"


def _indent(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _pretty(text: str) -> list[str]:
    """Return a one-line selection set over several lines."""
    return list(_lines(_words(text)))


def _words(text: str) -> Iterator[str]:
    """Split at braces of selection sets and at the spaces between fields, not inside arguments."""
    word, depth, quoted = "", 0, False
    for index, char in enumerate(text):
        if char == '"' and text[index - 1] != "\\":
            quoted = not quoted
        if not quoted:
            depth += (char == "(") - (char == ")")
        if depth == 0 and not quoted and char in "{} ":
            if word:
                yield word
            word = ""
            if char != " ":
                yield char
        else:
            word += char
    if word:
        yield word


def _lines(words: Iterable[str]) -> Iterator[str]:
    indent, line = 0, ""
    for word in words:
        if word == "{":
            yield f"{'  ' * indent}{line} {{" if line else f"{'  ' * indent}{{"
            line, indent = "", indent + 1
            continue
        joins = line.endswith(":") or line.startswith("...") or word.startswith("@")
        if word != "}" and line and joins:
            line = f"{line} {word}"
            continue
        if line:
            yield f"{'  ' * indent}{line}"
        line = ""
        if word == "}":
            indent -= 1
            yield f"{'  ' * indent}}}"
        else:
            line = word
    if line:
        yield f"{'  ' * indent}{line}"
