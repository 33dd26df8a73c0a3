"""How much work one operation may cause, counted in steps and not by the clock: the same everywhere, every time."""

from __future__ import annotations

from gateway.errors import TooComplex

# A step is one to two microseconds of CPU; `python -m benchmarks planning` prints both. The biggest
# query of the public benchmarks takes 1,000 steps in all, the largest of the federation audit 700.
EXPANDING = (
    50_000  # flattening selections type by type, writing requests, compiling the answer's shape
)
SEARCHING = 150_000  # trying subgraphs; "many plans", 4^4 positions in 7 subgraphs, takes 82,000


class Budget:
    """The steps that are left; every part of planning whose work a client can multiply spends some."""

    def __init__(self, expanding: int = EXPANDING, searching: int = SEARCHING) -> None:
        self.expanding = expanding
        self.searching = searching

    def expand(self, steps: int) -> None:
        """Count work that grows with fields and runtime types; raise TooComplex when it is spent."""
        self.expanding -= steps
        if self.expanding < 0:
            raise TooComplex(
                "The operation spreads over too many fields and runtime types to be planned; select "
                "fewer at once.",
                "该操作涉及的字段和运行时类型过多，无法规划；请减少一次选择的数量。",
            )

    def search(self, steps: int) -> None:
        """Count work that grows with the ways through the subgraphs; raise TooComplex likewise."""
        self.searching -= steps
        if self.searching < 0:
            raise TooComplex(
                "The operation has too many ways through the subgraphs to choose from; select fewer "
                "fields at once.",
                "该操作在子图间的可选路径过多；请减少一次选择的字段。",
            )
