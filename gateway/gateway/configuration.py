"""Reads an operator's TOML file into settings; an unknown name or wrong value is an error."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from gateway.errors import BadSettings
from gateway.protection import Protection
from gateway.settings import Limits, SubgraphLimits

SECTIONS: Mapping[str, type] = {
    "limits": Limits,
    "subgraph_limits": SubgraphLimits,
    "protection": Protection,
}


def read_configuration(path: Path) -> dict[str, Any]:
    """Return the settings that the file holds, by their names in `Settings`; raises BadSettings."""
    try:
        sections = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(
            f"{path} cannot be read: {error}.", f"无法读取 {path}：{error}。"
        ) from error
    unknown = sorted(set(sections) - set(SECTIONS))
    if unknown:
        names = ", ".join(SECTIONS)
        raise _wrong(
            unknown[0], f"is not a section; sections are {names}", f"不是有效的节；可用：{names}"
        )
    return {name: _value(SECTIONS[name], section, name) for name, section in sections.items()}


def _value(kind: Any, value: Any, place: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        (kind,) = (item for item in get_args(kind) if item is not NoneType)
        return _value(kind, value, place)
    if origin is Literal:
        choices = ", ".join(map(repr, get_args(kind)))
        return _check(
            value in get_args(kind), value, place, f"one of {choices}", f"以下之一：{choices}"
        )
    if origin is tuple:
        _check(isinstance(value, list), value, place, "a list", "列表")
        inner = get_args(kind)[0]
        return tuple(_value(inner, item, f"{place}[{n}]") for n, item in enumerate(value))
    if origin is not None:
        _check(isinstance(value, dict), value, place, "a table", "表")
        return {name: _value(str, item, f"{place}.{name}") for name, item in value.items()}
    if is_dataclass(kind):
        return _table(kind, value, place)
    if kind is Path:
        return Path(_check(isinstance(value, str), value, place, "a path", "路径"))
    if kind is float:
        return float(_check(type(value) in (int, float), value, place, "a number", "数值"))
    name = kind.__name__
    return _check(type(value) is kind, value, place, f"a value of type {name}", f"{name} 类型的值")


def _table(kind: Any, table: Any, place: str) -> Any:
    _check(isinstance(table, dict), table, place, "a table", "表")
    hints = get_type_hints(kind)
    names = {item.name for item in fields(kind)}
    for name in table:
        if name not in names:
            listed = ", ".join(sorted(names))
            raise _wrong(
                f"{place}.{name}",
                f"is not a setting; settings are {listed}",
                f"不是有效的配置项；可用：{listed}",
            )
    values = {name: _value(hints[name], item, f"{place}.{name}") for name, item in table.items()}
    try:
        return kind(**values)
    except TypeError as error:  # one without a default is missing
        raise _wrong(place, f"is not complete: {error}", f"不完整：{error}") from error


def _check(valid: bool, value: Any, place: str, right: str, right_zh: str) -> Any:
    if not valid:
        raise _wrong(place, f"must be {right}, not {value!r}", f"应为{right_zh}，而不是 {value!r}")
    return value


def _wrong(place: str, why: str, why_zh: str) -> BadSettings:
    return BadSettings(f"In the configuration, {place} {why}.", f"配置项 {place} 有误：{why_zh}。")
