"""Reads an operator's TOML file into settings; a name or a value that nobody knows is an error, never a silence."""

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
    """The settings that the file holds, by their names in `Settings`."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(
            f"{path} cannot be read: {error}.", f"无法读取 {path}：{error}。"
        ) from error
    unknown = sorted(set(found) - set(SECTIONS))
    if unknown:
        raise _wrong(unknown[0], f"is no section; there are {', '.join(SECTIONS)}")
    return {name: _value(SECTIONS[name], given, name) for name, given in found.items()}


def _value(kind: Any, given: Any, place: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        (kind,) = (item for item in get_args(kind) if item is not NoneType)
        return _value(kind, given, place)
    if origin is Literal:
        return _plain(given in get_args(kind), given, place, f"one of {get_args(kind)}")
    if origin is tuple:
        _plain(isinstance(given, list), given, place, "a list")
        inner = get_args(kind)[0]
        return tuple(_value(inner, item, f"{place}[{n}]") for n, item in enumerate(given))
    if origin is not None:
        _plain(isinstance(given, dict), given, place, "a table")
        return {name: _value(str, item, f"{place}.{name}") for name, item in given.items()}
    if is_dataclass(kind):
        return _table(kind, given, place)
    if kind is Path:
        return Path(_plain(isinstance(given, str), given, place, "a path"))
    if kind is float:
        return float(_plain(type(given) in (int, float), given, place, "a number"))
    return _plain(type(given) is kind, given, place, f"a value of type {kind.__name__}")


def _table(kind: Any, given: Any, place: str) -> Any:
    _plain(isinstance(given, dict), given, place, "a table")
    hints = get_type_hints(kind)
    known = {item.name for item in fields(kind)}
    for name in given:
        if name not in known:
            raise _wrong(f"{place}.{name}", f"is no setting; there are {', '.join(sorted(known))}")
    values = {name: _value(hints[name], item, f"{place}.{name}") for name, item in given.items()}
    try:
        return kind(**values)
    except TypeError as error:  # one without a default is missing
        raise _wrong(place, f"is not complete: {error}") from error


def _plain(right: bool, given: Any, place: str, wanted: str) -> Any:
    if not right:
        raise _wrong(place, f"must be {wanted}, not {given!r}")
    return given


def _wrong(place: str, why: str) -> BadSettings:
    return BadSettings(f"In the configuration, {place} {why}.", f"配置项 {place} 有误：{why}。")
