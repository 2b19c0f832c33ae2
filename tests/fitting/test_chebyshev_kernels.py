from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial import chebyshev

from ltvforecast.fitting.chebyshev_kernels import polynomials, slopes


@pytest.mark.parametrize("z", [-0.3, 0.9, 1.4, -1.7])
def test_polynomials_and_their_derivatives(z: float) -> None:
    made = np.empty((2, 3, 7))
    polynomials(z, made, 1)
    slopes(z, made, 1)
    value, slope, bend = made[1]
    near = np.clip(z, -1, 1)
    for k, one in enumerate(np.eye(7)):
        first = chebyshev.chebval(near, chebyshev.chebder(one))
        straight = chebyshev.chebval(near, one) + first * (z - near)
        assert value[k] == pytest.approx(straight)
        assert slope[k] == pytest.approx(first)
        assert bend[k] == pytest.approx(chebyshev.chebval(near, chebyshev.chebder(one, 2)))
