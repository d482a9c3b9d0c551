"""Exponential walls: one-sided, under a lid (W1), without end (flat) or tilted (W1')."""

from __future__ import annotations

import numpy as np
from scipy.special import exp1, gammainc, gammaincc, gammaln, xlogy

from .._checks import finite_array, positive

BOUNDARY_LEVEL = 0.2647370104515432
"""c* with E1(c*) = 1: of flat walls k have u_i > c* T. They lie within ln(1/c*) = 1.33 nats."""


# --- W1: exponential walls under a lid. ---


def _fraction(x, terms: int = 60):
    """1/(x+3 - 4/(x+5 - 9/(x+7 - ...))): 1 + x - 1/(e^x E1(x)), full precision from x = 10."""
    tail = np.zeros_like(x)
    for j in range(terms, 0, -1):
        tail = j * j / (x + 2 * j + 1 - tail)
    return tail


def _lidded(temperature, lid, amplitude):
    """Return eps = A e^-M / T, m = <u>/T of one wall, and 1 + eps - m without cancellation."""
    temperature, amplitude = positive(temperature=temperature, amplitude=amplitude)
    log_eps = np.log(amplitude / temperature) - finite_array("lid", lid)
    eps = np.exp(np.minimum(log_eps, 700.0))
    small, large = np.clip(eps, 1e-300, 10.0), np.maximum(eps, 10.0)
    volume = np.where(log_eps < -100, -log_eps - np.euler_gamma, exp1(small))  # E1(eps)
    slack = np.where(eps > 10, _fraction(large), 1 + eps - np.exp(-small) / volume)
    return eps, np.where(eps > 10, 1 + eps - slack, np.exp(-small) / volume), slack


def lidded_k(temperature, count, lid, amplitude=1.0):
    """<V>/T of n walls ``V = sum_i A exp(-x_i)``, x_i < M (model W1).

    With u = A e^-x a wall has Z = integral of u^-1 e^(-u/T) du from A e^-M up = E1(eps),
    eps = A e^-M / T, and <u>/T = e^-eps / E1(eps): k = n e^-eps / E1(eps). For eps << 1, where
    E1(eps) = ln(1/eps) - 0.5772, it depends on T only logarithmically. The trace of the Hessian
    is V itself, so its mean is k T.

    Parameters
    ----------
    temperature, count, lid, amplitude : float or array
        T, n, M and A.

    Examples
    --------
    >>> from thalweg.theory import walls
    >>> walls.lidded_k([1e-3, 1e-6], count=40, lid=20.0).round(3)
    array([3.196, 7.116])
    """
    return positive(count=count)[0] * _lidded(temperature, lid, amplitude)[1]


def lidded_variance(temperature, count, lid, amplitude=1.0):
    """Var(V)/T^2 of the walls of `lidded_k`: ``k (1 + eps) - k^2 / n``.

    <u^2>/T^2 = (1 + eps) e^-eps / E1(eps) for one wall, by parts. Twice this is a dimension.

    Examples
    --------
    >>> from thalweg.theory import walls
    >>> float(2 * walls.lidded_variance(1e-3, count=40, lid=20.0).round(2))
    5.88
    """
    _, mean, slack = _lidded(temperature, lid, amplitude)
    return positive(count=count)[0] * mean * slack


def lidded_points_near_boundary(temperature, count, lid, amplitude=1.0, level=BOUNDARY_LEVEL):
    """Mean number of the walls of `lidded_k` with u_i > c T: ``n E1(max(c, eps)) / E1(eps)``.

    `level` is c. The tail of the density u^-1 e^(-u/T) over its whole; no u is below eps T.

    Examples
    --------
    >>> from thalweg.theory import walls
    >>> float(walls.lidded_points_near_boundary(1e-3, count=40, lid=20.0).round(3))
    3.196
    """
    count, level = positive(count=count, level=level)
    eps, mean, _ = _lidded(temperature, lid, amplitude)
    # mean = e^-eps / E1(eps), so E1(c) / E1(eps) = mean e^eps E1(c); 1 where c is below eps.
    reach = np.maximum(level, eps)
    tail = np.where(reach > 10, 1 / (1 + reach - _fraction(np.maximum(reach, 10.0))),
                    np.exp(np.minimum(reach, 10.0)) * exp1(np.minimum(reach, 10.0)))  # fmt: skip
    return count * np.where(level > eps, mean * tail * np.exp(eps - reach), 1.0)


# --- Flat walls: W1 for n to infinity at fixed k. ---


def energy_density(energy, k, temperature):
    """Density of the energy of flat walls at V = E: Gamma(k, T), ``E^(k-1) e^(-E/T)``.

    The Laplace transform of one wall is E1(eps (1 + s T)) / E1(eps); its n-th power tends to
    (1 + s T)^-k. The law of a harmonic well of 2 k dimensions, and of every landscape in which
    the volume below E grows as E^k; hence these statistics do not imply a quadratic minimum.

    Examples
    --------
    >>> from thalweg.theory import walls
    >>> float(walls.energy_density(2.0, k=1.0, temperature=2.0).round(4))  # exp(-1) / 2
    0.1839
    """
    energy, k, temperature = positive(energy=energy, k=k, temperature=temperature)
    u = energy / temperature
    return np.exp(xlogy(k - 1, u) - u - gammaln(k)) / temperature


def energy_distribution(energy, k, temperature):
    """Probability that the energy of flat walls is below E: the integral of `energy_density`.

    Examples
    --------
    >>> from thalweg.theory import walls
    >>> float(walls.energy_distribution(2.0, k=1.0, temperature=2.0).round(4))  # 1 - exp(-1)
    0.6321
    """
    energy, k, temperature = positive(energy=energy, k=k, temperature=temperature)
    return gammainc(k, energy / temperature)


def flat_points_near_boundary(k, level=BOUNDARY_LEVEL):
    """Mean number of flat walls with u_i > c T: ``k E1(c)``, which is k at the default level.

    The u_i are a Poisson process of density k u^-1 e^(-u/T).

    Examples
    --------
    >>> from thalweg.theory import walls
    >>> float(walls.flat_points_near_boundary(5.0))
    5.0
    """
    k, level = positive(k=k, level=level)
    return k * exp1(level)


def flat_participation(k):
    """``1 / <sum_i p_i^2> - 1 = k`` for the shares p_i = u_i / sum u of flat walls.

    They are Poisson-Dirichlet(k): <sum p^2> = integral of k p^-1 (1-p)^(k-1) p^2 dp = 1/(1+k).
    J. F. C. Kingman, J. R. Statist. Soc. B 37, 1 (1975).

    Examples
    --------
    >>> from thalweg.theory import walls
    >>> float(walls.flat_participation(5.0))
    5.0
    """
    return positive(k=k)[0][()]


# --- W1': walls whose far side is tilted. ---


def tilted_points_near_boundary(k, samples, level=BOUNDARY_LEVEL):
    """Mean number of N tilted walls with u_i > c T: ``N Q(k/N, c)`` (model W1').

    If past the wall the volume of a coordinate falls as e^(-a x), then u = A e^-x has the density
    u^(a-1) e^(-u/T): Gamma(a, T), the sum is Gamma(N a, T), and k = N a. Q is the regularised upper
    incomplete gamma function. No free parameter once k is measured; tends to
    `flat_points_near_boundary` for k << N.

    Parameters
    ----------
    k, samples, level : float or array
        k = <V>/T, N and c.

    Examples
    --------
    >>> from thalweg.theory import walls
    >>> float(walls.tilted_points_near_boundary(18.0, samples=40).round(2))
    17.06
    """
    k, samples, level = positive(k=k, samples=samples, level=level)
    return samples * gammaincc(k / samples, level)


def tilted_participation(k, samples):
    """``1 / <sum_i p_i^2> - 1`` of N tilted walls: ``(1 + k) / (1 + k/N) - 1``.

    Shares of independent Gamma(a) are Dirichlet(a, ..., a): <sum p^2> = (1 + a)/(1 + N a), a = k/N.

    Examples
    --------
    >>> from thalweg.theory import walls
    >>> float(walls.tilted_participation(18.0, samples=40).round(2))
    12.1
    """
    k, samples = positive(k=k, samples=samples)
    return (1 + k) / (1 + k / samples) - 1
