"""One row per landscape: what every landscape test runs over. Adding a landscape is adding a row.

Every number that enters a case (points, data) is a float32 value held in a float64 array, so the
two precisions see the *same* problem and float64 can be the measure of float32.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy_mlp import NumpyMlp

import thalweg as tw

POOL = 1000  # replicas for which per-replica data exist


def generator(name: str, salt: int = 0) -> np.random.Generator:
    """A stream of its own for each case and purpose, the same in every process."""
    return np.random.default_rng([zlib.crc32(name.encode()), salt])


def in_float32(x: np.ndarray) -> np.ndarray:
    """The nearest float32 values, as float64."""
    return x.astype(np.float32).astype(np.float64)


@dataclass(frozen=True)
class SurfaceCase:
    """A landscape without data: how to build it, where to look at it, and on what scale."""

    name: str
    make: Callable  # (dtype, device) -> landscape
    spread: float = 1.0  # points are center + spread * normal
    center: tuple | float = 0.0
    step: float = 1e-3  # finite-difference step, small against the landscape's length scale
    magnitude: float = 0.0  # size of terms that cancel in the energy (0: nothing cancels)
    shares_rows: bool = True
    reads_data: bool = False
    differences: bool = False  # H v is a central difference, with the error the class states

    def build(self, dtype="float64", device="cpu", rows=None):
        return self.make(dtype, device)

    def points(self, count: int, salt: int = 0) -> np.ndarray:
        dim = self.build().dim
        noise = generator(self.name, salt).normal(size=(count, dim))
        return in_float32(np.asarray(self.center) + self.spread * noise)

    def sides(self, theta, rows) -> np.ndarray:
        """Sides of kinks [R, 0]: every surface here is smooth."""
        return np.zeros((len(theta), 0), bool)


@dataclass(frozen=True)
class MlpCase:
    """A network on random data; inputs and targets shared by all replicas or one set for each."""

    name: str
    layer_sizes: tuple
    activation: str = "tanh"
    loss: str = "mse"
    parameterization: str = "standard"
    bias: bool = True
    weight_decay: float = 0.0
    samples: int = 9
    own: tuple = ()  # which of "inputs", "targets" each replica has for itself
    spread: float = 0.7
    step: float = 1e-3
    magnitude: float = 0.0
    reads_data: bool = True
    differences: bool = False
    cache: dict = field(default_factory=dict, repr=False, compare=False)

    @property
    def shares_rows(self) -> bool:
        return not self.own

    @property
    def reference(self) -> NumpyMlp:
        return NumpyMlp(
            list(self.layer_sizes),
            self.activation,
            self.loss,
            self.parameterization,
            self.bias,
            self.weight_decay,
        )

    def _draw_targets(self, draws, shape):
        outputs = self.layer_sizes[-1]
        if self.loss == "mse":
            return in_float32(draws.normal(size=(*shape, outputs)))
        if self.loss == "cross_entropy":
            return draws.integers(0, outputs, size=(*shape, 1)).astype(float)
        return draws.choice([-1.0, 1.0], size=(*shape, 1))

    def pool(self):
        """Inputs [N, d] or [POOL, N, d] and targets [N, o] or [POOL, N, o], drawn once."""
        if not self.cache:
            draws = generator(self.name, 99)
            lead = {key: (POOL,) if key in self.own else () for key in ("inputs", "targets")}
            shape = (*lead["inputs"], self.samples, self.layer_sizes[0])
            self.cache["inputs"] = in_float32(draws.normal(size=shape))
            self.cache["targets"] = self._draw_targets(draws, (*lead["targets"], self.samples))
        return self.cache["inputs"], self.cache["targets"]

    def arrays(self, rows=None):
        """Inputs and targets of the replicas `rows` (of all of the pool when None)."""
        rows = slice(None) if rows is None else rows
        inputs, targets = self.pool()
        inputs = inputs[rows] if "inputs" in self.own else inputs
        targets = targets[rows] if "targets" in self.own else targets
        return inputs, targets

    def build(self, dtype="float64", device="cpu", rows=None):
        inputs, targets = self.arrays(rows)
        if self.loss != "mse":
            targets = targets[..., 0]
        if self.loss == "cross_entropy":
            targets = targets.astype(int)
        return tw.MLP(
            list(self.layer_sizes),
            activation=self.activation,
            loss=self.loss,
            parameterization=self.parameterization,
            bias=self.bias,
            weight_decay=self.weight_decay,
            data=tw.datasets.from_arrays(inputs, targets),
            dtype=dtype,
            device=device,
        )

    def points(self, count: int, salt: int = 0) -> np.ndarray:
        noise = generator(self.name, salt).normal(size=(count, self.reference.dim))
        return in_float32(self.spread * noise)

    def data_of(self, row: int):
        """Inputs [N, d] and targets [N, o] that replica `row` sees."""
        inputs, targets = self.pool()
        return (
            inputs[row] if "inputs" in self.own else inputs,
            targets[row] if "targets" in self.own else targets,
        )

    def sides(self, theta, rows) -> np.ndarray:
        """On which side of every relu and hinge kink each point is [R, number of kinks]."""
        return np.array(
            [self.reference.signs(t, *self.data_of(r)) for t, r in zip(theta, rows, strict=True)]
        )


# Products, not powers: NumPy's pow rounds differently in the vector part and in the tail of an
# array, so that a row would know its batch.
def _user_energy(x):
    return (x * x * (x * x / 4 - 0.5)).sum(axis=1) + x[:, 0] * x[:, 1]


def _user_gradient(x):
    slope = x * x * x - x
    slope[:, 0] += x[:, 1]
    slope[:, 1] += x[:, 0]
    return _user_energy(x), slope


def _user_hvp(x, v):
    product = (3 * x * x - 1) * v
    product[:, 0] += v[:, 1]
    product[:, 1] += v[:, 0]
    return product


def user_landscape(dtype="float64", device="cpu", hvp=_user_hvp):
    """Coupled double wells in five dimensions, written by a user in NumPy."""
    return tw.UserLandscape(
        _user_energy, _user_gradient, hvp=hvp, dim=5, dtype=dtype, device=device
    )


def _confined(dtype, device):
    """A rugged surface with a network's worth of dimensions, tied down by a spring."""
    return tw.Rastrigin(6, amplitude=3.0, dtype=dtype, device=device) + tw.Quadratic(
        0.7, dim=6, center=0.25, dtype=dtype, device=device
    )


def _rotated(dtype, device):
    return tw.Quadratic(
        np.geomspace(0.1, 10, 37), center=0.5, rotation=3, dtype=dtype, device=device
    )


COUPLINGS = in_float32(np.array([[1, 0.3], [0.7, -0.6], [-0.4, 0.9], [0.5, 1.1], [-1.2, 0.2],
                                 [0.3, -0.8]])).view(complex)[:, 0]  # fmt: skip


def _black_hole(dtype, device):
    return tw.BlackHole((1, 1, 1, 2), couplings=COUPLINGS, dtype=dtype, device=device)


def _mixed_degrees(dtype, device):
    """Every degree that is compiled, with repeated variables and complex coefficients."""
    terms = [((0,), 1 - 0.5j), ((1, 1), 0.5), ((0, 2), 1j), ((0, 1, 2), -1.0), ((2, 2, 2), 0.25),
             ((0, 1, 1, 2), 0.5j), ((0, 1, 2, 2, 2), 0.125),
             ((1, 1, 1, 0, 0, 2), 0.0625)]  # fmt: skip
    return tw.Superpotential(3, terms, dtype=dtype, device=device)


def _diagonal(dtype, device):
    spectrum = [0.5, 1.0, 2.0, 0.0, -0.75]
    return tw.Quadratic(spectrum, center=-0.25, dtype=dtype, device=device)


SURFACES = [
    SurfaceCase("quadratic", _diagonal),
    SurfaceCase("quadratic_rotated", _rotated),
    SurfaceCase(
        "muller_brown",
        lambda dtype, device: tw.MullerBrown(dtype=dtype, device=device),
        center=(-0.3, 0.7),
        spread=0.4,
        step=2e-4,
        magnitude=400,
    ),
    SurfaceCase(
        "rastrigin",
        lambda dtype, device: tw.Rastrigin(6, dtype=dtype, device=device),
        step=3e-4,
        magnitude=120,
    ),
    SurfaceCase(
        "exponential_walls",
        lambda dtype, device: tw.ExponentialWalls(7, amplitude=1.5, dtype=dtype, device=device),
        center=3.0,
        spread=2.0,
    ),
    SurfaceCase(
        "cosh_well",
        lambda dtype, device: tw.CoshWell(5, amplitude=0.8, kappa=1.3, dtype=dtype, device=device),
    ),
    SurfaceCase("black_hole", _black_hole, spread=0.7),
    SurfaceCase("superpotential", _mixed_degrees, spread=0.6),
    SurfaceCase("sum", _confined, step=3e-4, magnitude=60),
    SurfaceCase("user", user_landscape, magnitude=5),
    SurfaceCase(
        "sum_with_user",
        lambda dtype, device: (
            user_landscape(dtype, device) + tw.CoshWell(5, dtype=dtype, device=device)
        ),
        magnitude=5,
    ),
    SurfaceCase(
        "user_without_hvp",
        lambda dtype, device: user_landscape(dtype, device, hvp=None),
        magnitude=5,
        differences=True,
    ),
]

NETWORKS = [
    MlpCase("m1", (10, 50, 1), "tanh", "logistic", "ntk", samples=40, spread=1.0),
    MlpCase("tanh_mse", (3, 7, 2), "tanh", "mse"),
    MlpCase("relu_cross_entropy", (6, 9, 7, 4), "relu", "cross_entropy", step=1e-4),
    MlpCase("relu_hinge", (4, 11, 1), "relu", "hinge_squared", step=1e-4),
    MlpCase("softplus_mean_field", (5, 8, 3, 2), "softplus", "mse", "mean_field", spread=1.5),
    MlpCase("logistic_ntk", (4, 6, 5, 1), "logistic", "logistic", "ntk", spread=1.5),
    MlpCase("sin_no_bias", (5, 9, 3), "sin", "cross_entropy", bias=False),
    MlpCase("linear", (7, 3), "identity", "cross_entropy"),
    MlpCase("many_outputs", (2, 3, 11), "tanh", "cross_entropy"),
    MlpCase("hinge_linear", (6, 1), "identity", "hinge_squared", samples=17, step=1e-4),
    MlpCase("one_of_everything", (1, 1, 1), "tanh", "mse", samples=1),
    MlpCase("eight_layers", (3, 5, 4, 6, 4, 5, 3, 4, 2), "tanh", "mse", spread=0.6),
    MlpCase("identity_decay", (4, 5, 3, 2), "identity", "mse", weight_decay=0.3),
    MlpCase("own_inputs", (3, 6, 1), "tanh", "logistic", own=("inputs",)),
    MlpCase("own_targets", (3, 6, 3), "tanh", "cross_entropy", own=("targets",), samples=6),
    MlpCase("own_both", (2, 5, 2), "softplus", "mse", own=("inputs", "targets"), samples=5),
    # Large enough for the schedule with hidden units in lanes, and no multiple of any lane count.
    MlpCase("wide", (33, 67, 45, 10), "tanh", "cross_entropy", samples=5, spread=0.2, step=3e-4),
    # More samples than either schedule takes at a time.
    MlpCase("many_samples", (3, 6, 2), "tanh", "mse", weight_decay=0.1, samples=600, spread=0.5),
    MlpCase(
        "wide_many_samples",
        (20, 190, 4),
        "tanh",
        "cross_entropy",
        weight_decay=0.1,
        samples=160,
        spread=0.2,
        step=3e-4,
    ),
    MlpCase(
        "wide_own_data",
        (21, 80, 40, 1),
        "softplus",
        "logistic",
        own=("inputs", "targets"),
        samples=3,
        spread=0.2,
        step=3e-4,
    ),
]

CASES = {case.name: case for case in [*SURFACES, *NETWORKS]}


def rows_where(keep: Callable) -> pytest.MarkDecorator:
    """Parametrise a test by the rows that `keep` accepts, instead of by all."""
    rows = [case for case in CASES.values() if keep(case)]
    return pytest.mark.parametrize("case", rows, ids=lambda case: case.name)


def small(case) -> bool:
    """Whether a batch of Hessians [R, P, P] of this row fits a quick test."""
    return case.build().dim <= 200
