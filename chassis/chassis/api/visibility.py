"""How openly a value is shown, as every schema calls it. Declared once: a second declaration of the same
enum would be another type to whatever schema meets both."""

from __future__ import annotations

import strawberry

from chassis.policy.masks import Visibility as Visibility

strawberry.enum(
    Visibility,
    description="CLEAR: all of the value. MASKED: part of it, or only its shape. HIDDEN: none of it, not "
    "even whether there is one.",
)
