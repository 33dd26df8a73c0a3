"""Random valid queries about a world, neither empty nor so large that nobody could read them."""

from __future__ import annotations

import random

from tests.gateway.differential.worlds import World

MOST_FIELDS = 60


def a_query(world: World, dice: random.Random) -> tuple[str, dict[str, bool]]:
    """A random query, with the values of its variables."""
    return _Writer(world, dice).query()


class _Writer:
    def __init__(self, world: World, dice: random.Random) -> None:
        self.world = world
        self.dice = dice
        self.left = MOST_FIELDS

    def query(self) -> tuple[str, dict[str, bool]]:
        dice = self.dice
        fields = [
            f"{alias}{item.name} {self.selection(item.target or '', 4)}"
            for item in self.world.roots.values()
            for alias in ("", f"again_{item.name}: ")[: dice.randint(0, 2) or 1]
            if alias == "" or dice.random() < 0.3
        ]
        unique = {text.split("{")[0]: text for text in fields}
        text = "query($x: Boolean!, $y: Boolean!) { " + " ".join(unique.values()) + " }"
        used = " alias: __typename @include(if: $x) other: __typename @skip(if: $y) }"
        return text[:-2] + used, {"x": dice.random() < 0.5, "y": dice.random() < 0.5}

    def selection(self, target: str, depth: int) -> str:
        if target == "Query":
            return self.root_again(depth)
        if target in self.world.abstract:
            return self.abstract(target, depth)
        return "{ " + self.fields(target, depth, "") + " }"

    def root_again(self, depth: int) -> str:
        item = self.dice.choice([*self.world.roots.values()])
        if depth < 2 or self.left < 0:
            return "{ __typename }"
        return "{ " + f"{item.name} {self.selection(item.target or '', depth - 2)}" + " }"

    def abstract(self, target: str, depth: int) -> str:
        dice = self.dice
        parts = ["__typename"] if dice.random() < 0.5 else []
        if target in self.world.interfaces:
            shared = list(self.world.interfaces[target])
            for name in dice.sample(shared, dice.randint(0, len(shared))):
                if name != "friend":
                    parts.append(name)
                elif depth > 0 and self.left > 0:
                    parts.append(f"friend {self.selection('I', depth - 1)}")
        for member in self.world.members(target):
            if dice.random() < 0.7:
                # keys of their own, so that equal keys never mean two shapes
                inner = self.fields(member, depth, f"{member}_")
                parts.append(f"... on {member} {{ {inner} }}")
        return "{ " + (" ".join(parts) or "__typename") + " }"

    def fields(self, name: str, depth: int, prefix: str) -> str:
        dice = self.dice
        parts = []
        for item in self.world.kinds[name].fields.values():
            if dice.random() < 0.55 or (item.target and (depth <= 0 or self.left <= 0)):
                continue
            self.left -= 1
            when = dice.choice(["", "", "", " @include(if: $x)", " @skip(if: $y)"])
            call = f"(n: {dice.randint(1, 2)})" if item.argument and dice.random() < 0.7 else ""
            key = f"{prefix}{item.name}: " if prefix else ""
            if dice.random() < 0.15 and not prefix:
                key = f"{dice.choice(['id', 'f0', 'z'])}_: "
            below = f" {self.selection(item.target, depth - 1)}" if item.target else ""
            parts.append((key or item.name, f"{key}{item.name}{call}{when}{below}"))
        unique = dict(parts)
        return " ".join(unique.values()) or "__typename"
