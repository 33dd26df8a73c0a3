"""Validate data under a JSON Schema.

Every problem has a path, and says in both languages what is wrong and what would be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from chassis.errors import BadInput


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a document, with its path and its text in both languages."""

    path: str
    en: str
    zh: str


def find_problems(
    schema: Mapping[str, Any], document: Any, *, secret: bool = False
) -> list[Problem]:
    """Return every problem of the document; the values of a `secret` one are never repeated."""
    validator = Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(document), key=lambda error: list(map(str, error.path)))
    descriptions = _descriptions(schema) if errors else {}
    return [_problem(error, descriptions, secret) for error in errors]


def raise_for_problems(problems: Sequence[Problem], prefix: str) -> None:
    """Raise one `BadInput` with the first ten problems, if there are any."""
    if not problems:
        return
    first, shown = problems[0], problems[:10]
    raise BadInput(
        " ".join(f"{_joined(prefix, problem.path)}: {problem.en}" for problem in shown),
        " ".join(f"{_joined(prefix, problem.path)}：{problem.zh}" for problem in shown),
        field=_joined(prefix, first.path),
    )


def _problem(error: ValidationError, descriptions: Mapping[str, str], secret: bool) -> Problem:
    error = _deepest(error)
    path = _path(error.absolute_path)
    description = error.schema.get("description") if isinstance(error.schema, dict) else None
    if error.validator == "required":
        return _missing(error, path, descriptions)
    if error.validator == "additionalProperties":
        return _unknown(error, path)
    value = "the value" if secret else _shown(error.instance)
    expected = str(description or _expected(error))
    return Problem(
        path, f"{value} is not valid; it must be {expected}.", f"值不正确，应为：{expected}。"
    )


def _deepest(error: ValidationError) -> ValidationError:
    """Return the error in the branch of a `oneOf` the author meant: the one whose constant fits."""
    while error.context and error.validator in ("oneOf", "anyOf"):
        meant = [branch for branch in error.context if not _constant_differs(branch, error.context)]
        chosen = best_match(meant or error.context)
        if chosen is None or (not meant and not isinstance(error.instance, dict)):
            return error
        if not meant:
            return error
        error = chosen
    return error


def _constant_differs(error: ValidationError, siblings: Iterable[ValidationError]) -> bool:
    """Return whether an error is in a branch whose `const` or `enum` name does not fit."""
    branch = error.relative_schema_path[0]
    return any(
        sibling.relative_schema_path[0] == branch
        and (sibling.validator in ("const", "type") or _is_name(sibling))
        for sibling in siblings
    )


def _is_name(error: ValidationError) -> bool:
    return error.validator == "enum" and list(error.relative_path)[-1:] in (["type"], ["scheme"])


def _descriptions(schema: Any) -> dict[str, str]:
    """Return the descriptions of all properties of a schema by name, first occurrence first."""
    descriptions: dict[str, str] = {}
    shared = schema.get("$defs", {})
    waiting: list[Any] = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        if not isinstance(node, dict):
            continue
        properties = node.get("properties")
        for name, schema_of in properties.items() if isinstance(properties, dict) else ():
            if isinstance(schema_of, dict):
                target = shared.get(str(schema_of.get("$ref", "")).rpartition("/")[2], {})
                description = schema_of.get("description") or target.get("description")
                if description:
                    descriptions.setdefault(name, description)
        waiting += node.values()
    return descriptions


def _missing(error: Any, path: str, descriptions: Mapping[str, str]) -> Problem:
    name = next(key for key in error.validator_value if key not in error.instance)
    description = descriptions.get(name)
    hint_en = f" Give {description}." if description else ""
    hint_zh = f"应为：{description}。" if description else ""
    return Problem(
        _joined(path, name),
        f"the required value is missing.{hint_en}",
        f"缺少必填内容。{hint_zh}",
    )


def _unknown(error: Any, path: str) -> Problem:
    allowed = sorted(error.schema.get("properties", {}))
    name = next(key for key in error.instance if key not in allowed)
    return Problem(
        _joined(path, str(name)),
        f"this name is not allowed here; allowed are: {', '.join(allowed)}.",
        f"此处不允许使用该名称，可用的有：{'、'.join(allowed)}。",
    )


def _expected(error: Any) -> str:
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
