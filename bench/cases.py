"""The one table of what is compared (networks, work, sizes) and the problem of each case."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

import thalweg as tw

STEP_SIZE, TEMPERATURE, LEARNING_RATE, SEED = 0.05, 1e-3, 0.05, 7


@dataclass(frozen=True)
class Case:
    """A network, its data, and the work timed: `steps` x `replicas` units of `work` per call.

    work is "langevin" (Euler-Maruyama steps on the full batch, with noise), "sgd" (steps on
    minibatches of `batch` samples, another order for each replica), "gradient", "hvp", "energy"
    or "hessian". Inputs are normal, `input_scale` times.
    """

    name: str
    layer_sizes: tuple[int, ...]
    activation: str
    loss: str
    samples: int
    replicas: int
    work: str
    steps: int = 1
    batch: int | None = None
    input_scale: float = 1.0

    @property
    def dim(self) -> int:
        return sum((n_in + 1) * n_out for n_in, n_out in pairwise(self.layer_sizes))

    @property
    def flops(self) -> float:
        """Floating point operations of the matrix products in one unit of work of one replica.

        F is the forward pass over all layers, G the same without the first layer (no derivative
        with respect to inputs). Gradient: 2 F + G. H v: 3 F + 5 G, no primal weight gradient.
        Hessian: N P^2, blocks of outer products with symmetry.
        """
        n = self.batch or self.samples
        products = [2.0 * n * n_in * n_out for n_in, n_out in pairwise(self.layer_sizes)]
        f, g = sum(products), sum(products[1:])
        return {
            "langevin": 2 * f + g,
            "sgd": 2 * f + g,
            "gradient": 2 * f + g,
            "hvp": 3 * f + 5 * g,
            "energy": f,
            "hessian": float(n * self.dim**2),
        }[self.work]


# Of one call of a slow engine; the orders of minibatches are drawn once for all steps of it.
CALL_SECONDS, MOST_STEPS, LEAST_STEPS = {"langevin": 0.1, "sgd": 0.5}, 200, 10


def slow_seconds(case: Case) -> float:
    """What a replica-step costs an engine that is not quick, roughly: only sizes calls."""
    units = (case.batch or case.samples) * sum(case.layer_sizes[1:])
    return case.flops / 2e10 + 3e-9 * units + 1e-8 * case.dim


def with_steps(case: Case, longest: float) -> Case:
    """The case with the steps of one call: 200 or an epoch, fewer where that takes seconds.

    At least 10, unless ten take longer than `longest` seconds: a run of few steps is mostly a call.
    """
    if case.work == "gradient":
        return case
    most = max(MOST_STEPS, -(-case.samples // case.batch) if case.batch else 0)
    per_step = case.replicas * slow_seconds(case)
    steps = max(CALL_SECONDS[case.work] / per_step, min(LEAST_STEPS, longest / per_step))
    return replace(case, steps=max(1, min(most, int(steps))))


THERMAL = ((10, 20, 20, 1), "tanh", "logistic", 100)
GLASS = ((64, 64, 10), "relu", "cross_entropy", 512)
TINY = ((2, 8, 1), "tanh", "mse", 32)
WIDE = ((64, 256, 256, 10), "relu", "cross_entropy", 1024)

CASES = {
    case.name: case
    for case in (
        Case("A", *THERMAL, 1024, "langevin", steps=50),
        Case("B", *GLASS, 64, "sgd", steps=200, batch=64),
        Case("C", *TINY, 16384, "langevin", steps=50),
        Case("D", *WIDE, 8, "gradient"),
        Case("EA", *THERMAL, 1024, "hvp"),
        Case("EB", *GLASS, 64, "hvp"),
        Case("ED", *WIDE, 8, "hvp"),
        Case("F", *THERMAL, 1024, "energy"),
        Case("HA", *THERMAL, 8, "hessian"),
        Case("HC", *TINY, 1024, "hessian"),
    )
}


@dataclass(frozen=True)
class Problem:
    """A case in one precision: the arrays that every engine is given, and must not change.

    `device` is where our engine and, if it is a GPU, the peers compute.
    """

    case: Case
    dtype: str
    threads: int = 1
    device: str = "cpu"

    @property
    def on_gpu(self) -> bool:
        return self.device.partition(":")[0] == "cuda"

    @cached_property
    def inputs(self) -> np.ndarray:
        draws = np.random.default_rng(SEED)
        shape = (self.case.samples, self.case.layer_sizes[0])
        return self._frozen(self.case.input_scale * draws.normal(size=shape))

    @cached_property
    def targets(self) -> np.ndarray:
        """Values [N, outputs], labels +-1 [N], or class numbers int [N]."""
        draws, n = np.random.default_rng(SEED + 1), self.case.samples
        if self.case.loss == "cross_entropy":
            return draws.integers(0, self.case.layer_sizes[-1], size=n)
        if self.case.loss == "logistic":
            return self._frozen(draws.choice([-1.0, 1.0], size=n))
        return self._frozen(draws.normal(size=(n, self.case.layer_sizes[-1])))

    @cached_property
    def landscape(self) -> tw.MLP:
        return tw.MLP(
            list(self.case.layer_sizes),
            activation=self.case.activation,
            loss=self.case.loss,
            data=tw.datasets.from_arrays(self.inputs, self.targets),
            dtype=self.dtype,
            device=self.device,
        )

    @cached_property
    def theta(self) -> np.ndarray:
        return self._frozen(self.landscape.init(self.case.replicas, scheme="he", rng=SEED))

    @cached_property
    def v(self) -> np.ndarray:
        return self._frozen(np.random.default_rng(SEED + 2).normal(size=self.theta.shape))

    @cached_property
    def batches(self) -> np.ndarray:
        """The samples of every minibatch, int32 [S, R, B]: those the engine draws by itself."""
        case = self.case
        epochs = -(-case.steps * case.batch // case.samples)
        orders = [
            tw.rng.permutations(
                SEED, stream="batch_order", step=epoch, replicas=case.replicas, count=case.samples
            )
            for epoch in range(epochs)
        ]
        used = np.concatenate(orders, axis=1)[:, : case.steps * case.batch]
        grid = used.reshape(case.replicas, case.steps, case.batch)
        return np.ascontiguousarray(grid.transpose(1, 0, 2))

    def _frozen(self, array: np.ndarray) -> np.ndarray:
        array = np.ascontiguousarray(array, dtype=self.dtype)
        array.flags.writeable = False
        return array
