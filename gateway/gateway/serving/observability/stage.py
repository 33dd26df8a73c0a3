"""The seam through which work reports its stages to the trace."""

from collections.abc import Callable
from contextlib import AbstractContextManager

Stage = Callable[[str], AbstractContextManager[object]]
"""Opens a span around one stage of the work, by the span's name."""
