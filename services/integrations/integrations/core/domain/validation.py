"""Checks data against a JSON Schema and says of every problem where it is, what it is, and what
would be right, in both languages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from chassis.errors import BadInput


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document."""

    path: str
    en: str
    zh: str


def problems(schema: Mapping[str, Any], document: Any, *, secret: bool = False) -> list[Problem]:
    """Everything wrong with the document; the values of a secret one are never repeated."""
    validator = Draft202012Validator(schema)
    found = sorted(validator.iter_errors(document), key=lambda error: list(map(str, error.path)))
    known = _descriptions(schema) if found else {}
    return [_problem(error, known, secret) for error in found]


def refuse(found: Sequence[Problem], prefix: str) -> None:
    """Raise one `BadInput` that names every problem, if there are any."""
    if not found:
        return
    first = found[0]
    raise BadInput(
        " ".join(f"{_joined(prefix, each.path)}: {each.en}" for each in found[:10]),
        " ".join(f"{_joined(prefix, each.path)}：{each.zh}" for each in found[:10]),
        field=_joined(prefix, first.path),
    )


def _problem(error: ValidationError, known: Mapping[str, str], secret: bool) -> Problem:
    error = _deepest(error)
    path = _path(error.absolute_path)
    right = error.schema.get("description") if isinstance(error.schema, dict) else None
    if error.validator == "required":
        return _missing(error, path, known)
    if error.validator == "additionalProperties":
        return _unknown(error, path)
    value = "the value" if secret else _shown(error.instance)
    wanted = str(right or _wanted(error))
    return Problem(
        path, f"{value} is not right; it must be {wanted}.", f"值不正确，应为：{wanted}。"
    )


def _deepest(error: ValidationError) -> ValidationError:
    """Of the alternatives of a `oneOf`, the branch the author meant: the one whose constant fits."""
    while error.context and error.validator in ("oneOf", "anyOf"):
        meant = [each for each in error.context if not _constant_differs(each, error.context)]
        chosen = best_match(meant or error.context)
        if chosen is None or (not meant and not isinstance(error.instance, dict)):
            return error
        if not meant:
            return error
        error = chosen
    return error


def _constant_differs(error: ValidationError, siblings: Iterable[ValidationError]) -> bool:
    """Whether this problem is in a branch whose `const` or `enum` name did not fit anyway."""
    branch = error.relative_schema_path[0]
    return any(
        sibling.relative_schema_path[0] == branch
        and (sibling.validator in ("const", "type") or _is_name(sibling))
        for sibling in siblings
    )


def _is_name(error: ValidationError) -> bool:
    return error.validator == "enum" and list(error.relative_path)[-1:] in (["type"], ["scheme"])


def _descriptions(schema: Any) -> dict[str, str]:
    """What each property of a schema should be, by its name, wherever it is described."""
    found: dict[str, str] = {}
    shared = schema.get("$defs", {})
    waiting: list[Any] = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        if not isinstance(one, dict):
            continue
        properties = one.get("properties")
        for name, said in properties.items() if isinstance(properties, dict) else ():
            if isinstance(said, dict):
                meant = shared.get(str(said.get("$ref", "")).rpartition("/")[2], {})
                right = said.get("description") or meant.get("description")
                if right:
                    found.setdefault(name, right)
        waiting += one.values()
    return found


def _missing(error: Any, path: str, known: Mapping[str, str]) -> Problem:
    name = next(key for key in error.validator_value if key not in error.instance)
    right = known.get(name)
    more_en = f" Give {right}." if right else ""
    more_zh = f"应为：{right}。" if right else ""
    return Problem(
        _joined(path, name),
        f"it is missing and needed.{more_en}",
        f"缺少必填内容。{more_zh}",
    )


def _unknown(error: Any, path: str) -> Problem:
    known = sorted(error.schema.get("properties", {}))
    name = next(key for key in error.instance if key not in known)
    return Problem(
        _joined(path, str(name)),
        f"nothing of this name is known here; there are: {', '.join(known)}.",
        f"此处没有这个名称，可用的有：{'、'.join(known)}。",
    )


def _wanted(error: Any) -> str:
    match error.validator:
        case "enum":
            return "one of " + ", ".join(map(str, error.validator_value))
        case "type":
            kinds = error.validator_value
            return "of type " + (kinds if isinstance(kinds, str) else " or ".join(kinds))
        case _:
            return f"within {error.validator} {error.validator_value}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _path(parts: Iterable[str | int]) -> str:
    return ".".join(str(part) for part in parts)


def _joined(prefix: str, path: str) -> str:
    return ".".join(part for part in (prefix, path) if part)
