"""Random worlds are answered by the Python that is written for plans;
hand-written plans are followed both ways."""

from collections.abc import Iterator

import pytest

from gateway.execution import executable


@pytest.fixture(autouse=True, scope="module")
def written() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executable, "RUNS_BEFORE_COMPILING", 1)
        yield
