"""The settings of activities: those of every service, reminders, and where notifications go."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from chassis.settings import Settings


class ActivitiesSettings(Settings, frozen=True, kw_only=True):
    """Read from `HUICHI_ACTIVITIES_*` and `HUICHI_*`."""

    remind_every_seconds: Annotated[float, msgspec.Meta(ge=0.5, le=3600)] = 5.0
    """Seconds between two checks for tasks that are due."""
    notify_url: Annotated[str, msgspec.Meta(pattern="^https?://[^\\s]+$")] | None = None
    """The address notifications are also posted to: a program's, or a group chat robot's."""
    notify_format: Literal["json", "dingtalk", "feishu", "wecom"] = "json"
    """The format of the posted notifications."""
    notify_secret: str | None = None
    """The secret that posted notifications are signed with; left out: they are not signed."""
    notify_kinds: str = "ACCESS_ALERT EMERGENCY_ACCESS"
    """The kinds to post, separated by spaces; only kinds that are not for a single user."""
    notify_language: Literal["zh", "en"] = "zh"
    """The language of the posted notifications."""
