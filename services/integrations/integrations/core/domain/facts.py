"""Every fact that integrations records, registered once: none beside those of every service."""

from __future__ import annotations

from chassis.facts.types import FactType

FACTS: tuple[FactType, ...] = ()
