"""The GraphQL enum of how much of a value is shown.

It is registered once: a second registration would be another type to a schema that uses both.
"""

from __future__ import annotations

import strawberry

from chassis.policy.masks import Visibility as Visibility

strawberry.enum(
    Visibility,
    description="How much of a value is shown. CLEAR: all of it. MASKED: part of it, or only its "
    "shape. HIDDEN: nothing, not even whether there is a value.",
)
