"""The settings of customers: those of every service, and how much of the pool one may ask and bring."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chassis.settings import Settings


class CustomersSettings(Settings, frozen=True, kw_only=True):
    """Read from `HUICHI_CUSTOMERS_*` and `HUICHI_*`."""

    public_url: str | None = None
    """Where browsers reach this service for uploads and downloads; left out: its own address."""
    duplicate_checks_a_day: Annotated[int, msgspec.Meta(ge=1)] = 500
    """How often one person may ask for duplicates a day, so that nobody reads the pool that way."""
    imports_every_seconds: Annotated[float, msgspec.Meta(ge=0.2, le=60)] = 1.0
    """How often the scheduler looks for imports that are due."""
    import_lease_seconds: Annotated[int, msgspec.Meta(ge=5, le=600)] = 60
    """After how long without a sign of life an import is given to another worker."""

    export_quota: Annotated[int, msgspec.Meta(ge=1)] = 10
    """How many exports one person may have in a period."""
    export_quota_rows: Annotated[int, msgspec.Meta(ge=1)] = 200_000
    """How many customers those may hold together."""
    export_quota_days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 30
    """How long the period is."""
    export_max_rows: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 100_000
    """How many customers one export may hold."""
    export_unapproved_rows: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Up to how many customers an export without sensitive columns needs no approval; 0: all do."""
    export_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 7
    """After how many days an export that waits, or its file, expires."""
    export_downloads: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    """How often one export may be downloaded."""
    export_link_seconds: Annotated[int, msgspec.Meta(ge=10, le=900)] = 120
    """How long the address of a download works, once."""

    @property
    def address(self) -> str:
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")
