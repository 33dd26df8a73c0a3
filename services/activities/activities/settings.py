"""The settings of activities: those of every service, and how often it looks for due tasks."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chassis.settings import Settings


class ActivitiesSettings(Settings, frozen=True, kw_only=True):
    """Read from `HUICHI_ACTIVITIES_*` and `HUICHI_*`."""

    remind_every_seconds: Annotated[float, msgspec.Meta(ge=0.5, le=3600)] = 5.0
    """How often the scheduler looks for tasks whose time has come."""
