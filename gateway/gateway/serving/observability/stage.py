"""The seam through which work tells the trace that a stage of it begins and ends."""

from collections.abc import Callable
from contextlib import AbstractContextManager

Stage = Callable[[str], AbstractContextManager[object]]
"""Opens a span around one stage of the work, by the span's name."""
