"""Walls with a finite bottom: the cosh well (W2) and logistic walls with a Gaussian prior (W3)."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import erfcx, k0e, k1e, lambertw, roots_genlaguerre

from .._checks import positive

# --- W2: the cosh well. ---


@cache
def _nodes():
    return roots_genlaguerre(40, -0.5)


def _thermal(temperature, amplitude):
    """Mean and variance of z = (V - A)/T, by quadrature where Bessel functions would cancel."""
    temperature, amplitude = positive(temperature=temperature, amplitude=amplitude)
    a = amplitude / temperature
    small = np.minimum(a, 10.0)
    energy = small * k1e(small) / k0e(small)  # <V>/T
    # z has the density z^-1/2 (1 + z/2a)^-1/2 e^-z: nodes for z^-1/2 e^-z, the rest is smooth.
    z, weight = _nodes()
    weights = weight / np.sqrt(1 + z / (2 * np.maximum(a, 10.0)[..., None]))
    weights /= weights.sum(-1, keepdims=True)
    mean = weights @ z
    variance = (weights * (z - mean[..., None]) ** 2).sum(-1)
    return (
        np.where(a > 10, mean, energy - small),
        np.where(a > 10, variance, energy - (energy - small) * (energy + small)),
    )


def cosh_mean_energy(temperature, amplitude=1.0):
    """<V> of one coordinate of ``V = A cosh(kappa x)``: ``A K1(a) / K0(a)``, a = A/T (model W2).

    Z = integral of e^(-a cosh x) dx = 2 K0(a), and <cosh> = -d ln Z / da. kappa does not matter.
    T << A: <V> = A + T/2, harmonic. T >> A: <V> = T / (ln(2T/A) - 0.5772), walls.

    Examples
    --------
    >>> from thalweg.theory import walls
    >>> walls.cosh_mean_energy([0.1, 1.0, 10.0]).round(4)
    array([1.0489, 1.4296, 4.06  ])
    """
    temperature, amplitude = positive(temperature=temperature, amplitude=amplitude)
    return amplitude * k1e(amplitude / temperature) / k0e(amplitude / temperature)


def cosh_k(temperature, amplitude=1.0):
    """(<V> - A)/T of one coordinate of the cosh well: 1/2 when cold, to 0 as 1/ln T when hot.

    The minimum A is taken off, as a loss would be counted from its minimum.

    Examples
    --------
    >>> from thalweg.theory import walls
    >>> walls.cosh_k([1e-6, 1.0, 1e6]).round(4)
    array([0.5   , 0.4296, 0.0718])
    """
    return _thermal(temperature, amplitude)[0][()]


def cosh_variance(temperature, amplitude=1.0):
    """Var(V)/T^2 = d<V>/dT of one coordinate of the cosh well: ``a r - a^2 (r^2 - 1)``, r = K1/K0.

    From K0' = -K1 and K1' = -K0 - K1/a.

    Examples
    --------
    >>> from thalweg.theory import walls
    >>> walls.cosh_variance([1e-6, 1.0, 1e6]).round(4)
    array([0.5   , 0.3858, 0.0666])
    """
    return _thermal(temperature, amplitude)[1][()]


def cosh_curvature(temperature, amplitude=1.0, kappa=1.0):
    """<V''> of one coordinate of the cosh well: ``kappa^2 <V>``, because V'' = kappa^2 V.

    A quadratic landscape has the same curvature at every temperature; this one has only below
    T = A, and above grows nearly in proportion to T.

    Examples
    --------
    >>> from thalweg.theory import walls
    >>> walls.cosh_curvature([0.1, 10.0], kappa=2.0).round(3)
    array([ 4.195, 16.24 ])
    """
    return positive(kappa=kappa)[0] ** 2 * cosh_mean_energy(temperature, amplitude)


# --- W3: logistic walls with a Gaussian prior on the margins. ---


def logistic_k(temperature, samples, width):
    """<L>/T of ``L = (1/N) sum_i log(1 + e^-m_i)`` with priors m_i ~ N(0, s^2) (model W3).

    One margin has the weight exp(-log(1 + e^-m)/(N T) - m^2/(2 s^2)); k = <log(1 + e^-m)>/T, by
    the trapezoidal rule, whose error falls as e^(-10/step) on this analytic weight.

    Parameters
    ----------
    temperature, samples, width : float or array
        T, N and s.

    Examples
    --------
    >>> from thalweg.theory import walls
    >>> walls.logistic_k([1e-6, 1e-3], samples=40, width=5.0).round(2)
    array([19.13, 10.45])
    """
    checked = positive(temperature=temperature, samples=samples, width=width)
    temperature, samples, width = np.broadcast_arrays(*checked)
    return np.vectorize(_logistic_k, otypes=[float])(temperature, samples, width)[()]


def _logistic_k(temperature: float, samples: float, width: float) -> float:
    """`logistic_k` of single numbers."""
    cost = samples * temperature
    # The weight is largest where m/s^2 = 1/((1 + e^m) cost), between W(s^2/2 cost) and
    # W(s^2/cost) (Lambert), ln 2 apart. It is log-concave with curvature >= 1/s^2.
    mode = lambertw(width**2 / cost).real
    step = min(width, 1.0) / 4
    margins = np.arange(mode - np.log(2) - 9 * width, mode + 9 * width + step, step)
    losses = np.logaddexp(0, -margins)
    exponent = -losses / cost - 0.5 * (margins / width) ** 2
    weights = np.exp(exponent - exponent.max())
    return weights @ losses / weights.sum() / temperature


def logistic_k_cold(temperature, samples, width):
    """Low-temperature form of `logistic_k`: ``(N/s) h(z)``, z = ln(1/NT)/s: points per unit margin.

    Cold walls are sharp: the margins are a Gaussian cut off at m = ln(1/NT), where its density is
    h(z)/s, h(z) = phi(z)/Phi(-z) the hazard rate. Each wall is felt over about one unit of margin.
    For wide priors the relative error tends to -0.5772 (h(z) - z)/s.

    Examples
    --------
    >>> from thalweg.theory import walls
    >>> walls.logistic_k_cold([1e-6, 1e-3], samples=40, width=5.0).round(2)
    array([19.17,  9.98])
    """
    temperature, samples, width = positive(temperature=temperature, samples=samples, width=width)
    z = -np.log(samples * temperature) / width
    return samples / width * np.sqrt(2 / np.pi) / erfcx(z / np.sqrt(2))
