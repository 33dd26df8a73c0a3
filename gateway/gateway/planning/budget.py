"""Limits the work that one operation may cause to plan.

Work is counted in steps instead of time, so that a limit means the same on every machine.
"""

from __future__ import annotations

from gateway.errors import TooComplex

# A step is one to two microseconds of CPU; `python -m benchmarks planning` prints both. The biggest
# query of the public benchmarks takes 1,000 steps in all, the largest of the federation audit 700.
EXPANDING = 50_000  # flattening selections by type, writing requests, compiling the answer's shape
SEARCHING = 150_000  # trying subgraphs; "many plans", 4^4 positions in 7 subgraphs, takes 82,000


class Budget:
    """Hold the steps that are left; all work that a client can multiply spends some."""

    def __init__(self, expanding: int = EXPANDING, searching: int = SEARCHING) -> None:
        self.expanding = expanding
        self.searching = searching

    def expand(self, steps: int) -> None:
        """Spend steps for work that grows with fields and runtime types.

        Raises TooComplex if none are left.
        """
        self.expanding -= steps
        if self.expanding < 0:
            raise TooComplex(
                "The operation selects too many combinations of fields and runtime types to be "
                "planned; select fewer at once.",
                "该操作涉及的字段与运行时类型组合过多，无法规划；请减少一次选择的数量。",
            )

    def search(self, steps: int) -> None:
        """Spend steps for work that grows with the paths through subgraphs.

        Raises TooComplex if none are left.
        """
        self.searching -= steps
        if self.searching < 0:
            raise TooComplex(
                "The operation has too many possible paths through the subgraphs to be planned; "
                "select fewer fields at once.",
                "该操作在子图间的可选路径过多，无法规划；请减少一次选择的字段。",
            )
