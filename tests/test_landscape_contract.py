"""What every landscape promises, checked on every row x precision x target of this machine.

Finite differences carry their own error estimate, so no tolerance is guessed: the difference of
two step lengths bounds the truncation (fifteen times over), the precision bounds the rounding,
and each test also asserts that the resulting tolerance is narrow enough to notice a wrong
derivative.
"""

from __future__ import annotations

import numpy as np
import pytest
from cases import generator, rows_where, small
from numpy.linalg import norm

# A row without H v says so in a warning; that it does is tested in test_user_landscape.py.
pytestmark = pytest.mark.filterwarnings("ignore:hvp. no function:UserWarning")

STATED_ERROR = {"float64": 1e-6, "float32": 1e-3}  # of H v by differences, as its class documents
ROWS = 12
CANDIDATES = 96  # points drawn where a stencil must not straddle a kink
SUM = 8  # rounding errors that add up in one energy or one component


class View:
    """A landscape with float64 arrays outside and its own precision inside."""

    def __init__(self, case, dtype, target, rows):
        self.landscape = landscape = case.build(dtype, target, rows=rows)
        self.dim, self.rows = landscape.dim, rows
        self.real = np.dtype(landscape.dtype)
        self.eps = float(np.finfo(self.real).eps)

    def cast(self, x):
        return np.ascontiguousarray(x, dtype=self.real)

    def energy(self, x):
        return self.landscape.energy(self.cast(x)).astype(float)

    def gradient(self, x):
        return self.landscape.gradient(self.cast(x))[1].astype(float)

    def hvp(self, x, v):
        return self.landscape.hvp(self.cast(x), self.cast(v)).astype(float)


def step_of(case, dtype):
    return case.step * (1 if dtype == "float64" else 10)


def problem(case, dtype, target):
    """A view, points [R, P], directions [R, P]; no stencil along a direction crosses a kink."""
    kinked = case.reads_data and ("relu" in case.activation or "hinge" in case.loss)
    rows = np.arange(CANDIDATES if kinked else ROWS)
    x = case.points(rows.size)
    v = generator(case.name, 1).choice([-1.0, 1.0], size=x.shape)
    if kinked:
        reach = 4 * step_of(case, dtype)
        stops = [case.sides(x + t * v, rows) for t in np.linspace(-reach, reach, 9)]
        rows = rows[np.all(np.array(stops) == stops[0], axis=(0, 2))][:ROWS]
        assert rows.size >= 5, "too few points are clear of kinks: the test would check nothing"
        assert case.sides(x, np.arange(CANDIDATES)).any(), "no kink is ever active"
    return View(case, dtype, target, rows), x[rows], v[rows]


def slope(f, x, v, h):
    """Fourth-order central difference of f along v."""
    near, far = f(x + h * v) - f(x - h * v), f(x + 2 * h * v) - f(x - 2 * h * v)
    return (8 * near - far) / (12 * h)


def test_gradient_is_the_derivative_of_energy(case, dtype, target):
    view, x, v = problem(case, dtype, target)
    h = step_of(case, dtype)
    gradient = view.gradient(x)
    fine, coarse = slope(view.energy, x, v, h), slope(view.energy, x, v, 2 * h)
    # In float32 the displaced points are rounded too; that moves the energy by at most eps |g||x|.
    noise = SUM * view.eps * (np.abs(view.energy(x)) + case.magnitude)
    noise += view.eps * (np.abs(gradient) * (np.abs(x) + h)).sum(axis=1)
    tolerance = np.abs(fine - coarse) + 1.5 / h * noise
    size = norm(gradient, axis=1)
    assert np.median(tolerance / size) < (1e-7 if dtype == "float64" else 1e-2)
    assert np.all(np.abs((gradient * v).sum(axis=1) - fine) <= tolerance)


def test_every_component_of_the_gradient_is_a_derivative(case):
    """One random direction can hide two swapped small components; single coordinates cannot."""
    view, x, _ = problem(case, "float64", "cpu")
    coordinates = generator(case.name, 2).permutation(view.dim)[:40]
    gradient, h = view.gradient(x), case.step / 10
    for j in coordinates:
        v = np.zeros_like(x)
        v[:, j] = 1
        fine, coarse = slope(view.energy, x, v, h), slope(view.energy, x, v, 2 * h)
        noise = SUM * view.eps * (np.abs(view.energy(x)) + case.magnitude)
        tolerance = np.abs(fine - coarse) + 1.5 / h * noise
        assert np.median(tolerance) < 1e-6 * np.median(norm(gradient, axis=1))
        assert np.all(np.abs(gradient[:, j] - fine) <= tolerance), f"component {j}"


def test_hvp_is_the_derivative_of_the_gradient(case, dtype, target):
    view, x, v = problem(case, dtype, target)
    h = step_of(case, dtype)
    product = view.hvp(x, v)
    fine, coarse = slope(view.gradient, x, v, h), slope(view.gradient, x, v, 2 * h)
    size = norm(product, axis=1)
    noise = SUM * view.eps * (norm(view.gradient(x), axis=1) + case.magnitude / (100 * case.step))
    noise += view.eps * size * (norm(x, axis=1) + h)
    tolerance = norm(fine - coarse, axis=1) + 1.5 / h * noise + stated_error(case, view, x, v)
    narrow = 3e-2 if dtype == "float32" else 1e-5 if case.differences else 2e-6
    assert np.median(tolerance / size) < narrow
    assert np.all(norm(product - fine, axis=1) <= tolerance)


def stated_error(case, view, x, v):
    """Error that the landscape itself announces for its H v; zero where it is exact."""
    if not case.differences:
        return 0.0
    size = norm(view.landscape.hessian(view.cast(x)).astype(float), axis=(1, 2))
    return STATED_ERROR[view.real.name] * size * norm(v, axis=1)


def bilinear_tolerance(case, view, x, u, v):
    """Bound on the rounding of u.Hv: each H v is good to a few hundred eps of |H||v|."""
    size = norm(view.hvp(x, u), axis=1) * norm(v, axis=1)
    size += norm(view.hvp(x, v), axis=1) * norm(u, axis=1)
    scale = case.magnitude / (100 * case.step) ** 2
    rounding = 64 * view.eps * (size + scale * norm(u, axis=1) * norm(v, axis=1))
    announced = 0.0
    if case.differences:
        announced = 2 * norm(u, axis=1) * stated_error(case, view, x, v)
    return rounding + announced


def directions(case, shape):
    draws = generator(case.name, 3)
    return draws.normal(size=shape), draws.normal(size=shape)


def test_hessian_is_symmetric(case, dtype, target):
    view, x, _ = problem(case, dtype, target)
    u, v = (view.cast(w).astype(float) for w in directions(case, x.shape))
    left, right = (u * view.hvp(x, v)).sum(axis=1), (v * view.hvp(x, u)).sum(axis=1)
    tolerance = bilinear_tolerance(case, view, x, u, v)
    assert np.all(np.abs(left - right) <= tolerance)


@rows_where(lambda case: not case.differences)  # those are linear to their stated error only
def test_hvp_is_linear_in_its_direction(case, dtype, target):
    view, x, _ = problem(case, dtype, target)
    u, v = directions(case, x.shape)
    together = view.hvp(x, 2 * u - 0.5 * v)
    apart = 2 * view.hvp(x, u) - 0.5 * view.hvp(x, v)
    size = 2 * norm(view.hvp(x, u), axis=1) + 0.5 * norm(view.hvp(x, v), axis=1)
    scale = case.magnitude / (100 * case.step) ** 2 * (norm(u, axis=1) + norm(v, axis=1))
    assert np.all(norm(together - apart, axis=1) <= 64 * view.eps * (size + scale))
    assert not view.hvp(x, 0 * v).any(), "H 0 is not 0"


def test_gradient_returns_the_energy(case, dtype, target):
    """Bit for bit: runs that end take the energy alone where those that go on take both."""
    view, x, _ = problem(case, dtype, target)
    alone, beside = view.energy(x), view.landscape.gradient(view.cast(x))[0]
    assert np.array_equal(alone, beside)


@rows_where(lambda case: small(case) or case.name in ("m1", "wide_many_samples"))
def test_hessian_times_direction_is_hvp(case, dtype, target):
    view, x, _ = problem(case, dtype, target)
    x = x if view.dim <= 1000 else x[:1]
    v = view.cast(directions(case, x.shape)[0]).astype(float)
    hessian = view.landscape.hessian(view.cast(x)).astype(float)
    assert hessian.shape == (len(x), view.dim, view.dim)
    product = view.hvp(x, v)
    scale = norm(hessian, axis=(1, 2)) * norm(v, axis=1)
    scale += case.magnitude / (100 * case.step) ** 2 * norm(v, axis=1)
    error = norm(np.einsum("rij,rj->ri", hessian, v) - product, axis=1)
    announced = np.sqrt(view.dim) * stated_error(case, view, x, v)
    assert np.all(error <= 16 * view.eps * scale + announced)


QUANTITIES = {
    "energy": lambda view, x, v: view.energy(x)[:, None],
    "gradient": lambda view, x, v: view.gradient(x),
    "hvp": lambda view, x, v: view.hvp(x, v),
}


@rows_where(lambda case: not case.differences)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_float32_is_as_good_as_the_problem_allows(case, target, quantity):
    """float32 differs from float64 by no more than a few float32 roundings of the input would.

    Rounding inside a computation acts like a perturbation of what enters it, so the tolerance is
    16 times the largest change that float64 shows when every parameter moves by one float32
    rounding, plus 16 roundings of the result and of the terms that cancel in it.
    """
    evaluate = QUANTITIES[quantity]
    single, x, v = problem(case, "float32", target)
    double, eps = View(case, "float64", target, single.rows), single.eps
    truth = evaluate(double, x, v)
    shifts = generator(case.name, 4).choice([-1.0, 1.0], size=(6, *x.shape))
    moved = [norm(evaluate(double, x * (1 + eps * s), v) - truth, axis=1) for s in shifts]
    terms = {"energy": 1.0, "gradient": 0.01 / case.step, "hvp": (0.01 / case.step) ** 2}
    floor = case.magnitude * terms[quantity] * (norm(v, axis=1) if quantity == "hvp" else 1)
    tolerance = 16 * np.max(moved, axis=0) + 16 * eps * (norm(truth, axis=1) + floor)
    assert np.median(tolerance / norm(truth, axis=1)) < 5e-3
    assert np.all(norm(evaluate(single, x, v) - truth, axis=1) <= tolerance)
