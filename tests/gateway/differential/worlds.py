"""Makes random worlds: data, one schema over all of it, and the same schema cut into subgraphs.

Every value is a function of (type, id, field), so that any server can compute it without a store.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass, field
from typing import Any

IDS = 3  # objects a type


@dataclass
class Field:
    """A field of the world: a scalar, or a reference to a type, single or list."""

    name: str
    target: str | None  # None: String
    many: bool = False
    required: bool = False
    owners: tuple[str, ...] = ()
    needs: str | None = None  # @requires this sibling
    argument: bool = False
    provides: str | None = None  # @provides this field of the target, which the owner does not own
    shared: bool = False  # somebody provides it
    left: str | None = None  # the subgraph that the owner took the field over from
    label: str | None = None  # … only while this label is on
    context: tuple[str, str] | None = None  # type and field of the object above that it is told of

    @property
    def type(self) -> str:
        named = self.target or "String"
        shaped = f"[{named}!]" if self.many else named
        return shaped + ("!" if self.required else "")

    def declared(self) -> str:
        return f"{self.name}{'(n: Int)' if self.argument else ''}: {self.type}"


@dataclass
class Kind:
    """An object type: an entity with keys, or a value."""

    name: str
    keys: tuple[str, ...]
    fields: dict[str, Field] = field(default_factory=dict)


@dataclass(eq=False)  # each is itself, so that what is built for it can be kept
class World:
    """Types, abstract types, subgraphs."""

    graphs: tuple[str, ...]
    kinds: dict[str, Kind]
    abstract: dict[str, tuple[str, ...]]  # union or interface → members
    interfaces: dict[str, tuple[str, ...]]  # interface → its scalar fields
    roots: dict[str, Field]
    key_of: dict[tuple[str, str], tuple[str, ...]]  # (graph, type) → keys known there
    stand_in: str | None = None  # the subgraph that has the interface I as @interfaceObject
    setter: tuple[str, str] | None = None  # the subgraph and the type that set a context

    def members(self, name: str) -> tuple[str, ...]:
        return self.abstract.get(name, (name,))


def chance(*parts: object) -> float:
    """A number between 0 and 1 that depends on nothing but the parts."""
    return (zlib.crc32(repr(parts).encode()) % 10_000) / 10_000


def value(world: World, kind: str, id: str, item: Field, arguments: dict[str, Any]) -> Any:
    """What a field of an object is: a string, null, or references as (type, id)."""
    luck = chance(kind, id, item.name)
    if item.target == "Query":
        return None if not item.required and luck < 0.1 else ("Query", "0")
    if item.name == "friend":
        return friend_of(world, id)
    if item.name == "extra":  # whoever answers it does not know the type, only the interface
        return f"I.{id}.extra"
    if item.name == "found":
        return stand_for(world, str(int(luck * IDS)))
    if item.target is None:
        if item.name in ("id", "code"):
            return id if item.name == "id" else f"{kind}-{id}"
        if not item.required and luck < 0.15:
            return None
        tail = f"?{arguments['n']}" if arguments.get("n") is not None else ""
        return f"{kind}.{id}.{item.name}{tail}"
    members = world.members(item.target)
    if item.many:
        count = int(luck * 4)
        return [_reference(members, kind, id, item.name, n) for n in range(count)]
    if not item.required and luck < 0.1:
        return None
    return _reference(members, kind, id, item.name, 0)


def stand_for(world: World, id: str) -> tuple[str, str]:
    """The object that an id of the interface I means."""
    return _reference(world.members("I"), "I", id)[0], id


def friend_of(world: World, id: str) -> tuple[str, str]:
    """A field of the interface I that returns one: whoever answers it knows ids, but no types."""
    return stand_for(world, str(int(chance("I", id, "friend") * IDS)))


def _reference(members: tuple[str, ...], *seed: object) -> tuple[str, str]:
    luck = chance("ref", *seed)
    return members[int(luck * 997) % len(members)], str(int(luck * IDS * 7) % IDS)


def a_world(seed: int) -> World:
    """A random world."""
    dice = random.Random(seed)
    graphs = tuple("abcd"[: dice.randint(2, 4)])
    names = [f"T{n}" for n in range(dice.randint(2, 5))]
    kinds = {}
    for name in names:
        keys = dice.choice([("id",), ("id",), ("id", "code"), ()])
        kinds[name] = Kind(name, keys)
    entities = [name for name in names if kinds[name].keys]
    abstract: dict[str, tuple[str, ...]] = {}
    interfaces: dict[str, tuple[str, ...]] = {}
    if len(entities) >= 2:
        if dice.random() < 0.6:
            abstract["U"] = tuple(sorted(dice.sample(entities, dice.randint(2, len(entities)))))
        if dice.random() < 0.6:
            abstract["I"] = tuple(sorted(dice.sample(entities, dice.randint(2, len(entities)))))
            interfaces["I"] = ("id", "label")
    targets = [*names, *abstract]
    for kind in kinds.values():
        _fill(dice, kind, graphs, targets, kinds, interfaces, abstract)
    roots = {}
    for number in range(dice.randint(2, 4)):
        target = dice.choice([*entities, *abstract] or names)
        owners = tuple(sorted(dice.sample(graphs, 2 if dice.random() < 0.3 else 1)))
        roots[f"q{number}"] = Field(f"q{number}", target, dice.random() < 0.5, owners=owners)
    key_of = _known_keys(dice, graphs, kinds)
    _add_provides(dice, kinds, roots)
    stand_in = None
    if "I" in interfaces and dice.random() < 0.7:
        stand_in = "z"
        interfaces["I"] = ("id", "label", "extra", "friend")
        for member in abstract["I"]:
            kinds[member].fields["extra"] = Field("extra", None, owners=("z",))
            kinds[member].fields["friend"] = Field("friend", "I", owners=("z",))
            key_of |= {(graph, member): kinds[member].keys for graph in graphs}
        roots["found"] = Field("found", "I", owners=("z",))
    world = World(graphs, kinds, abstract, interfaces, roots, key_of, stand_in)
    if entities:
        _add_nested_root(dice, world, entities)
        _add_context(dice, world, entities)
    return world


def _add_nested_root(dice: random.Random, world: World, entities: list[str]) -> None:
    graphs = [
        graph for graph in world.graphs if any(graph in f.owners for f in world.roots.values())
    ]
    if graphs and dice.random() < 0.4:
        item = Field("root", "Query", required=dice.random() < 0.5, owners=(dice.choice(graphs),))
        world.kinds[dice.choice(entities)].fields["root"] = item


def _add_context(dice: random.Random, world: World, entities: list[str]) -> None:
    """A type that is reached through another one only, which tells it one of its fields."""
    graph, setter = dice.choice(world.graphs), world.kinds[dice.choice(entities)]
    plain = [
        f.name
        for f in setter.fields.values()
        if f.target is None and graph in f.owners and not (f.argument or f.needs or f.left)
    ]
    if not plain or dice.random() < 0.4:
        return
    told = Kind("X", ("id",), {"id": Field("id", None, required=True)})
    told.fields["w"] = Field("w", None, owners=(dice.choice(world.graphs),))
    told.fields["c"] = Field("c", None, owners=(graph,), context=(setter.name, dice.choice(plain)))
    told.fields["back"] = Field("back", setter.name, owners=(dice.choice(world.graphs),))
    setter.fields["x"] = Field("x", "X", many=dice.random() < 0.5, owners=(graph,))
    world.kinds["X"] = told
    world.key_of |= {(each, "X"): ("id",) for each in world.graphs}
    world.setter = graph, setter.name


def _add_provides(dice: random.Random, kinds: dict[str, Kind], roots: dict[str, Field]) -> None:
    for item in [*roots.values(), *(f for kind in kinds.values() for f in kind.fields.values())]:
        target = kinds.get(item.target or "")
        if target is None or not target.keys or len(item.owners) != 1 or dice.random() < 0.5:
            continue
        foreign = [
            field.name
            for field in target.fields.values()
            if field.target is None
            and field.owners
            and not set(field.owners) & {item.owners[0], field.left}
            and not field.argument
            and field.needs is None
            and field.left != item.owners[0]
        ]
        if foreign:
            item.provides = dice.choice(foreign)
            target.fields[item.provides].shared = True


def _fill(
    dice: random.Random,
    kind: Kind,
    graphs: tuple[str, ...],
    targets: list[str],
    kinds: dict[str, Kind],
    interfaces: dict[str, tuple[str, ...]],
    abstract: dict[str, tuple[str, ...]],
) -> None:
    # a value type is whole wherever it is used, so every subgraph answers all of it
    everywhere = graphs if not kind.keys else None
    for key in kind.keys:
        kind.fields[key] = Field(key, None, required=True, owners=())
    if not kind.keys:
        kind.fields["v"] = Field("v", None, owners=graphs)
    if any(kind.name in members for name, members in abstract.items() if name in interfaces):
        kind.fields["label"] = Field("label", None, owners=graphs)
    for number in range(dice.randint(1, 5)):
        name = f"f{number}"
        target = dice.choice(targets) if dice.random() < 0.45 and everywhere is None else None
        owners = everywhere or tuple(
            sorted(dice.sample(graphs, 2 if dice.random() < 0.2 and len(graphs) > 1 else 1))
        )
        kind.fields[name] = Field(
            name,
            target,
            many=target is not None and dice.random() < 0.4,
            required=target is None and dice.random() < 0.3,
            owners=owners,
            argument=target is None and dice.random() < 0.2,
        )
        if kind.keys and len(owners) == 1 and dice.random() < 0.15:
            kind.fields[name].left = dice.choice([g for g in graphs if g not in owners])
            kind.fields[name].label = dice.choice([None, "one", "two"])
    if kind.keys:
        plain = [
            f
            for f in kind.fields.values()
            if f.target is None and f.owners and not f.argument and f.left is None
        ]
        for number in range(2):
            source = dice.choice(plain) if plain and dice.random() < 0.5 else None
            others = [g for g in graphs if source is not None and g not in source.owners]
            if source is not None and others and source.needs is None:
                name = f"r{number}"
                needing = Field(name, None, owners=(dice.choice(others),), needs=source.name)
                kind.fields[name] = needing
                if dice.random() < 0.5:
                    plain.append(needing)


def _known_keys(
    dice: random.Random, graphs: tuple[str, ...], kinds: dict[str, Kind]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Some subgraphs know only one of two keys; at least one subgraph knows both."""
    found = {}
    for kind in kinds.values():
        both = dice.choice(graphs)
        for graph in graphs:
            few = len(kind.keys) > 1 and graph != both and dice.random() < 0.5
            found[graph, kind.name] = (dice.choice(kind.keys),) if few else kind.keys
    return found


# --------------------------------------------------------------------------------------- schemas


def monolith(world: World) -> str:
    """One schema over everything."""
    parts = [
        f"type {kind.name}{_implements(world, kind.name)} {{ "
        + " ".join(item.declared() for item in kind.fields.values())
        + " }"
        for kind in world.kinds.values()
    ]
    roots = " ".join(item.declared() for item in world.roots.values())
    return "\n".join([f"type Query {{ {roots} }}", *parts, *_abstract(world)])


def subgraph(world: World, graph: str) -> str:
    """The part of one subgraph; every type is there, as a stub if need be."""
    parts = [
        'extend schema @link(url: "https://specs.apollo.dev/federation/v2.8", '
        'import: ["@key", "@shareable", "@external", "@requires", "@provides", "@override", '
        '"@interfaceObject", "@context", "@fromContext"])'
    ]
    roots = [item for item in world.roots.values() if graph in item.owners]
    if roots:
        parts.append(f"type Query {{ {' '.join(_marked(item) for item in roots)} }}")
    if graph == world.stand_in:
        parts.append(
            'type I @key(fields: "id") @interfaceObject { id: String! extra: String friend: I }'
        )
        return "\n".join(parts)
    parts += [_part(world, kind, graph) for kind in world.kinds.values()]
    return "\n".join([*parts, *_abstract(world, graph)])


def _part(world: World, kind: Kind, graph: str) -> str:
    keys = world.key_of[graph, kind.name]
    own = [item for item in kind.fields.values() if graph in item.owners]
    needed = {item.needs for item in own if item.needs is not None}
    everything = [
        *world.roots.values(),
        *(f for k in world.kinds.values() for f in k.fields.values()),
    ]
    needed |= {
        item.provides
        for item in everything
        if item.provides is not None and item.target == kind.name and graph in item.owners
    }
    lines = [f"{key}: String!" for key in keys]
    if "I" in world.abstract and kind.name in world.abstract["I"] and "id" not in keys:
        lines.append("id: String! @shareable")
    lines += [_marked(item) for item in own]
    lines += [item.declared() for item in kind.fields.values() if item.left == graph]
    lines += [f"{kind.fields[name].declared()} @external" for name in sorted(needed)]
    directives = "".join(f' @key(fields: "{key}")' for key in keys)
    if world.setter == (graph, kind.name):
        directives += ' @context(name: "ctx")'
    return f"type {kind.name}{_implements(world, kind.name)}{directives} {{ {' '.join(lines)} }}"


def _marked(item: Field) -> str:
    shared = " @shareable" if item.shared or len(item.owners) > 1 else ""
    requires = f' @requires(fields: "{item.needs}")' if item.needs else ""
    provides = f' @provides(fields: "{item.provides}")' if item.provides else ""
    label = f', label: "{item.label}"' if item.label else ""
    override = f' @override(from: "{item.left}"{label})' if item.left else ""
    declared = item.declared()
    if item.context:
        told = f'(a: String @fromContext(field: "$ctx {{ {item.context[1]} }}"))'
        declared = declared.replace(":", f"{told}:", 1)
    return f"{declared}{shared}{requires}{provides}{override}"


def _implements(world: World, name: str) -> str:
    mine = [i for i in world.interfaces if name in world.abstract[i]]
    return f" implements {' & '.join(mine)}" if mine else ""


def _abstract(world: World, graph: str | None = None) -> list[str]:
    parts = []
    for name, members in world.abstract.items():
        if name in world.interfaces:
            key = ' @key(fields: "id")' if world.stand_in and graph is not None else ""
            extra = " extra: String friend: I" if world.stand_in and graph is None else ""
            parts.append(f"interface {name}{key} {{ id: String! label: String{extra} }}")
        else:
            parts.append(f"union {name} = {' | '.join(members)}")
    return parts
