"""A reload swaps everything whole, warm, and leaves nothing of the old supergraph behind."""

import gc
import weakref
from contextlib import nullcontext
from pathlib import Path

from gateway.serving.documents.prepared_operation import PreparedOperation
from gateway.serving.state import State
from gateway.settings import Settings
from tests.gateway.serving.conftest import House


async def test_a_reload_keeps_the_busy_operations_warm_and_forgets_the_old_supergraph(
    house: House, tmp_path: Path
) -> None:
    file = tmp_path / "supergraph.graphql"
    file.write_text(house.supergraph.sdl)
    state = State(Settings(supergraph=file))
    await state.start()
    state.documents.prepare("{products{name}}", None, lambda _: nullcontext())
    old = weakref.ref(state.documents)

    file.write_text(house.supergraph.sdl + "\n# the same, but newer\n")
    await state.reload()
    await state.stop()

    gc.collect()
    assert old() is None
    assert isinstance(state.documents.cached("{products{name}}", None), PreparedOperation)
