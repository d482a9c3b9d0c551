"""Small landscapes with known saddles, made of functions of their coordinates."""

import numpy as np

import thalweg as tw

MULLER_BROWN = tw.MullerBrown()


def user(energy, gradient, dim, **options):
    """A landscape of functions of the columns; its Hessian products are differences."""
    return tw.UserLandscape(
        lambda x: energy(*x.T), lambda x: np.stack(gradient(*x.T), axis=1), dim=dim, **options
    )


# Minima (-1, 1) and (1, 1), saddle (0, 0), barrier 1 along y = x^2; on the straight line 1 + 5.
VALLEY = user(
    lambda x, y: (x**2 - 1) ** 2 + 5 * (y - x**2) ** 2,
    lambda x, y: (4 * x * (x**2 - 1) - 20 * x * (y - x**2), 10 * (y - x**2)),
    dim=2,
)
VALLEY_MINIMA = np.array([[-1.0, 1.0], [1.0, 1.0]])
