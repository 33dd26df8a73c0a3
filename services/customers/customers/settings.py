"""The settings of customers: those of every service, and limits of imports and exports."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chassis.settings import Settings


class CustomersSettings(Settings, frozen=True, kw_only=True):
    """Settings read from `HUICHI_CUSTOMERS_*` and `HUICHI_*`."""

    public_url: str | None = None
    """Public address of this service for uploads and downloads; left out: its own address."""
    duplicate_checks_a_day: Annotated[int, msgspec.Meta(ge=1)] = 500
    """Maximal duplicate checks of a user per day, so that no user can list the pool with them."""
    imports_every_seconds: Annotated[float, msgspec.Meta(ge=0.2, le=60)] = 1.0
    """Seconds between two searches of the scheduler for imports that are due."""
    import_lease_seconds: Annotated[int, msgspec.Meta(ge=5, le=600)] = 60
    """Seconds without a renewed lease after which an import is given to another worker."""

    export_quota: Annotated[int, msgspec.Meta(ge=1)] = 10
    """Maximal exports of a user in a period."""
    export_quota_rows: Annotated[int, msgspec.Meta(ge=1)] = 200_000
    """Maximal customers that the exports of a user in a period may hold together."""
    export_quota_days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 30
    """Length of that period in days."""
    export_max_rows: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 100_000
    """Maximal customers in one export."""
    export_unapproved_rows: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Maximal customers in an export without sensitive columns that needs no approval; 0: none."""
    export_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 7
    """Days after which an export that waits, or its file, expires."""
    export_downloads: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    """Maximal downloads of one export."""
    export_link_seconds: Annotated[int, msgspec.Meta(ge=10, le=900)] = 120
    """Seconds that a download address, which works once, is valid."""

    @property
    def address(self) -> str:
        """Return the public address, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")
