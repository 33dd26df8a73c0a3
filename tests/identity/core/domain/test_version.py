"""A change of an outdated version is refused."""

from __future__ import annotations

import pytest

from chassis.errors import Conflict
from identity.core.domain.version import refuse_stale


def test_a_stale_version_is_a_conflict_with_the_present_one() -> None:
    refuse_stale(3, None)
    refuse_stale(3, 3)
    with pytest.raises(Conflict) as refused:
        refuse_stale(3, 2)
    assert refused.value.extra["version"] == 3
