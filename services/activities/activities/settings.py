"""The settings of activities: those of every service, how often it looks for due tasks, and where
notifications go."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from activities.notifications.domain.notification import ANSWERED_BY, Kind
from activities.notifications.domain.webhook import Format, Target
from chassis.settings import BadSettings, Settings


class ActivitiesSettings(Settings, frozen=True, kw_only=True):
    """Read from `HUICHI_ACTIVITIES_*` and `HUICHI_*`."""

    remind_every_seconds: Annotated[float, msgspec.Meta(ge=0.5, le=3600)] = 5.0
    """How often the scheduler looks for tasks whose time has come."""
    notify_url: Annotated[str, msgspec.Meta(pattern="^https?://[^\\s]+$")] | None = None
    """Where notifications go besides: a program, or a robot in a group chat. Left out: nowhere."""
    notify_format: Literal["json", "dingtalk", "feishu", "wecom"] = "json"
    """Who reads them there."""
    notify_secret: str | None = None
    """What they are signed with."""
    notify_kinds: str = "ACCESS_ALERT EMERGENCY_ACCESS"
    """Which ones, as words; of those that are for many."""
    notify_language: Literal["zh", "en"] = "zh"
    """In which language a group reads them."""

    @property
    def notify_target(self) -> Target | None:
        """Where notifications go, if anywhere."""
        if self.notify_url is None:
            return None
        return Target(self.notify_url, Format(self.notify_format), self.notify_secret)

    @property
    def notified_kinds(self) -> tuple[Kind, ...]:
        """Which of them. Raises `BadSettings` for a word that is none."""
        known = {kind.name: kind for kind in ANSWERED_BY}
        words = self.notify_kinds.replace(",", " ").split()
        if unknown := [word for word in words if word not in known]:
            raise BadSettings(
                f"HUICHI_ACTIVITIES_NOTIFY_KINDS: {unknown[0]} is none of {', '.join(sorted(known))}"
            )
        return tuple(known[word] for word in words)
