"""Every fact that customers records, registered once."""

from __future__ import annotations

from chassis.facts.types import FactType

CUSTOMER_CHANGED = FactType(
    "customers.customer.changed",
    "Customers changed; carries who may see each of them, at which version.",
)
CUSTOMER_MERGED = FactType(
    "customers.customer.merged", "Customers became one; carries the survivor and who may see it."
)
CUSTOMER_UNMERGED = FactType(
    "customers.customer.unmerged", "A merge was undone; carries the customers as they are again."
)
EXPORT_CHANGED = FactType(
    "customers.export.changed", "An export waits for approval, was decided, made, fetched or ended."
)
FACTS = (CUSTOMER_CHANGED, CUSTOMER_MERGED, CUSTOMER_UNMERGED, EXPORT_CHANGED)
