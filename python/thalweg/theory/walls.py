"""Wells with exact thermal statistics: exponential, tilted, cosh and logistic walls.

Models of independent coordinates at temperature T (k_B = 1, in units of the energy V; `amplitude`
likewise), with k = <V>/T throughout: a harmonic well of 2 k dimensions has the same.

=====  =======================================================  ==============================
W1     n walls ``A exp(-x)``, x < lid                           ``lidded_...``
flat   W1 for n to infinity at fixed k                          ``flat_...``, ``energy_...``
W1'    N walls, the volume beyond falls as ``exp(-a x)``        ``tilted_...``
W2     ``A cosh(kappa x)``                                      ``cosh_...``
W3     ``log(1 + exp(-m)) / N``, m ~ N(0, s^2)                  ``logistic_...``
=====  =======================================================  ==============================

All arguments may be arrays and broadcast; they must be finite and positive (a lid has any sign),
else ``ValueError``. Derived here, after the idea of N. Jules, G. Brener, T. Kachman, N. Levi,
Y. Bar-Sinai, arXiv:2304.01335, that walls explain the thermal statistics of networks; which model
applies when is in ``docs/theory/walls.md``.
"""

from .exponential_walls import (
    BOUNDARY_LEVEL,
    energy_density,
    energy_distribution,
    flat_participation,
    flat_points_near_boundary,
    lidded_k,
    lidded_points_near_boundary,
    lidded_variance,
    tilted_participation,
    tilted_points_near_boundary,
)
from .soft_walls import (
    cosh_curvature,
    cosh_k,
    cosh_mean_energy,
    cosh_variance,
    logistic_k,
    logistic_k_cold,
)

__all__ = [
    "BOUNDARY_LEVEL",
    "cosh_curvature",
    "cosh_k",
    "cosh_mean_energy",
    "cosh_variance",
    "energy_density",
    "energy_distribution",
    "flat_participation",
    "flat_points_near_boundary",
    "lidded_k",
    "lidded_points_near_boundary",
    "lidded_variance",
    "logistic_k",
    "logistic_k_cold",
    "tilted_participation",
    "tilted_points_near_boundary",
]
