"""Curvature: trace, diagonal, extreme eigenpairs and spectral density of Hessians, R at once.

Only Hessian-vector products are used, so that P may be large. Where a landscape has no formula for
them, they are central differences of its gradient, and results say so.
"""

from .density import SpectralDensity, spectral_density
from .eigenpairs import Eigenpairs, eigenpairs
from .probes import diagonal, trace

__all__ = ["Eigenpairs", "SpectralDensity", "diagonal", "eigenpairs", "spectral_density", "trace"]
