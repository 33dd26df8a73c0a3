"""The filter of an export is stored as JSON and read back."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import orjson

from customers.exports.commands.stored_filter import filter_of, search_of
from customers.pool.store.customer_search import Search


def test_reads_back_what_was_stored() -> None:
    ids = [UUID(int=1), UUID(int=2)]
    search = Search(
        text="华宁",
        kinds=["PERSON"],
        owners=ids,
        departments=ids,
        projects=ids,
        in_pool=False,
        tags=ids,
        updated_after=datetime(2026, 11, 2, tzinfo=UTC),
        ids=ids,
    )

    assert search_of(orjson.loads(orjson.dumps(filter_of(search)))) == search


def test_stores_only_conditions_that_are_set() -> None:
    assert filter_of(Search(in_pool=True)) == {"in_pool": True}
