"""Minima with known learning coefficients, and exact localised averages at finite T."""

from __future__ import annotations

import numpy as np

import thalweg as tw


def agrees(pair, exact, at_most):
    """Within four standard errors, and the errors themselves small enough to mean something."""
    value, error = pair
    assert (error < at_most * np.abs(exact)).all(), error / exact
    # Sixteen chains: Student's t with 15 degrees of freedom exceeds 4 once in 900.
    np.testing.assert_array_less(np.abs(value - exact), 4 * error)


def harmonic(spectrum, temperature, gamma):
    """<L>/T and Var(L)/T^2 of a quadratic: each direction has variance 1/(h/T + gamma)."""
    share = spectrum / (spectrum + gamma * temperature)
    return share.sum() / 2, (share**2).sum() / 2, (1 - share).mean()


def crossing(powers):
    """L(w) = prod_i w_i^(2 k_i): lambda = min 1/(2 k_i), multiplicity how many attain it."""

    def factors(w):
        squares = w * w
        return [squares[:, i] ** k for i, k in enumerate(powers)]

    def energy(w):
        return np.prod(factors(w), axis=0)

    def gradient(w):
        each, slopes = factors(w), np.empty_like(w)
        for i, k in enumerate(powers):
            own = 2 * k * w[:, i] * (w[:, i] ** 2) ** (k - 1)
            slopes[:, i] = own * np.prod(each[:i] + each[i + 1 :], axis=0)
        return np.prod(each, axis=0), slopes

    return tw.UserLandscape(energy, gradient, dim=len(powers))


def localised(powers, temperature, gamma=1.0, volume=None, scale=1.0):
    """<L>/T and Var(L)/T^2 of L = scale * prod r_i^(2 k_i) under exp(-L/T - gamma |w|^2/2).

    r_i is the length of a vector of volume_i components (1: a coordinate). By the trapezoidal rule
    in ln r_i, where the integrand is smooth and decays at both ends.
    """
    volume = np.ones(len(powers)) if volume is None else np.asarray(volume)
    low = np.log(temperature) / 2 - 30
    logs = np.meshgrid(*[np.arange(low, np.log(12 / np.sqrt(gamma)), 0.05)] * len(powers))
    u = scale * np.exp(sum(2 * k * x for k, x in zip(powers, logs, strict=True))) / temperature
    exponent = sum(v * x - gamma / 2 * np.exp(2 * x) for v, x in zip(volume, logs, strict=True)) - u
    weight = np.exp(exponent - exponent.max())
    weight /= weight.sum()
    mean = (weight * u).sum()
    return mean, (weight * (u - mean) ** 2).sum()


def linear_network(hidden, true_rank):
    """A linear network B A x, A [H, 2], B [2, H], on whitened data of a map of rank 0 or 1.

    L = |B A - C|^2 / 2 with C = 0 or C = [[1, 0], [0, 0]]; parameters (A, B).
    """
    inputs = np.array([[1.0, 1.0], [1.0, -1.0]])
    targets = inputs @ np.diag([float(true_rank), 0.0])
    data = tw.datasets.from_arrays(inputs, targets)
    return tw.MLP([2, hidden, 2], "identity", "mse", bias=False, data=data)


def localised_two_by_two(temperature, gamma=1.0):
    """<L>/T of L = |B A|^2 / 2, A and B 2 x 2, under exp(-L/T - gamma (|A|^2 + |B|^2)/2).

    Given A, with singular values s_j, the rows of B are Gaussian with precision s_j^2/T + gamma:
    they leave prod 1/(s_j^2/T + gamma) and a mean of sum s_j^2/(s_j^2 + gamma T). The density of
    singular values is |s_1^2 - s_2^2| exp(-gamma |s|^2/2). By the trapezoidal rule in
    ln s_1 and in v, s_2/s_1 = 1/(1 + e^-v).
    """
    u = np.arange(np.log(temperature) / 2 - 20, np.log(12 / np.sqrt(gamma)), 0.05)[:, None]
    v = np.arange(-50, 50, 0.05)
    ratio, rest = 1 / (1 + np.exp(-v)), 1 / (1 + np.exp(v))
    s = np.array([np.broadcast_to(np.exp(u), (len(u), len(v))), np.exp(u) * ratio])
    jacobian = s[0] ** 2 * ratio * rest
    density = s[0] ** 2 * rest * (1 + ratio) * np.exp(-gamma * (s**2).sum(0) / 2)
    share = s**2 / (s**2 + gamma * temperature)
    weight = jacobian * density / np.prod(s**2 / temperature + gamma, axis=0)
    return (weight * share.sum(0)).sum() / weight.sum()


def reduced_rank_coefficient(inputs, hidden, outputs, rank):
    """Return lambda and multiplicity of reduced-rank regression.

    M. Aoyagi, S. Watanabe, Neural Networks 18, 924 (2005), doi:10.1016/j.neunet.2005.03.014.
    """
    m, h, n, r = inputs, hidden, outputs, rank
    if m + h < n + r:
        return (h * m - h * r + n * r) / 2, 1
    if n + h < m + r:
        return (h * n - h * r + m * r) / 2, 1
    if m + n < h + r:
        return m * n / 2, 1
    odd = (m + h + n + r) % 2
    squares = -((h + r) ** 2) - m**2 - n**2
    return (squares + 2 * (h + r) * (m + n) + 2 * m * n + odd) / 8, 1 + odd
