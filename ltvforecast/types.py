"""What all records share: arrays, the unit of time, the default seed.

Axis order is always (draw, group), (draw, customer), (draw, partner), (draw, partner, period).
*Expected* quantities carry parameter uncertainty only; *predicted* ones (no prefix) carry
everything that is random.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["DEFAULT_SEED", "FloatArray", "IntArray", "TimeUnit"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
TimeUnit = Literal["day", "week", "month"]
DEFAULT_SEED = 20_260_101
"""Seed of all randomness unless another is given."""
