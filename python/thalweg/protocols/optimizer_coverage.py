"""Which of the known minima optimizers find, and which they miss.

A landscape whose minima are all known marks optimizers: black holes as such a landscape are from
arXiv:2306.14817.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .. import rng as random
from .._checks import closest, flag, integer, known_options, message, real, show
from ..dynamics import Dynamics
from ..errors import Interrupted
from ..landscapes import Superpotential
from .count_minima import count_minima
from .minima_pool import MinimaPool
from .minima_result import MinimaCount
from .optimizer_result import OptimizerCoverage
from .optimizer_runs import SOLVERS, Reader, make_run

FIRST_LOOK = 10  # gradients


@known_options
def optimizer_coverage(
    landscape: Superpotential,
    optimizers: dict[str, Any],
    budget: int = 20_000,
    starts: int = 400,
    scale: float = 1.0,
    looks: int = 8,
    tolerance: float = 1e-8,
    known: MinimaCount | None = None,
    rng: Any = None,
    threads: int | None = None,
    progress: bool = False,
) -> OptimizerCoverage:
    """Run optimizers from the same random starts and mark them against the known minima.

    Parameters
    ----------
    landscape : Superpotential
        Of degree 3 at most.
    optimizers : dict of name to optimizer
        A dynamics (``tw.SGD(...)``), "newton" (full steps), "lm" (Levenberg-Marquardt), or any
        object with ``run(landscape, theta, steps=, record_every=, rng=, threads=)`` whose result
        has ``final`` [R, P] and ``resume(steps, threads=)``.
    budget : int
        Gradient evaluations of one start at most. A step of a dynamics is one gradient
        (Runge-Kutta: four); a step of "newton" or "lm" evaluates the residuals and their
        Jacobian once and counts as one, its linear algebra not included; at most 400 are made.
    starts : int
        R, random starts, the same for all optimizers.
    scale : float
        Root mean square modulus of each complex variable of a start.
    looks : int
        K, at how many budgets up to `budget`, geometrically spaced, to look at the points.
    tolerance : float
        A point has converged to a minimum by itself when V is no larger.
    known : MinimaCount, optional
        The known minima. Default: `count_minima` with the same seed.
    rng : None, int, SeedSequence or Generator
        The seed used is in ``provenance``. It decides starts and noise; the result for one
        optimizer does not depend on the others.
    threads : int, optional
        The result does not depend on it.
    progress : bool
        Show the budget spent and the minima found.

    Returns
    -------
    OptimizerCoverage
        Everything twice: as the optimizer left the points, and after Levenberg-Marquardt has
        polished them. The polish is not charged to the budget: at small budgets it does all the
        work, and finds what "lm" finds.

    Raises
    ------
    TypeError, ValueError
        For an argument out of range, before anything is computed.
    Interrupted
        On Ctrl-C; ``.result`` holds the optimizers and budgets that were finished.

    References
    ----------
    arXiv:2306.14817 (gradient descent on black-hole landscapes finds some minima, not all).

    Examples
    --------
    >>> import thalweg as tw
    >>> hole = tw.BlackHole((1, 1, 1, 1), rng=0)
    >>> gym = tw.protocols.optimizer_coverage(
    ...     hole, {"lm": "lm", "sgd": tw.SGD(0.002, momentum=0.9)}, budget=400, starts=200, rng=0
    ... )
    >>> gym.missed("lm").size, gym.missed("sgd", polished=False).size
    (0, 12)
    """
    if not isinstance(landscape, Superpotential):
        raise TypeError(message("landscape", "a Superpotential or BlackHole", show(landscape)))
    checked = _optimizers(optimizers, landscape)
    settings = {
        "budget": integer("budget", budget),
        "starts": integer("starts", starts),
        "scale": real("scale", scale, above=0),
        "looks": integer("looks", looks),
        "tolerance": real("tolerance", tolerance, above=0),
    }
    flag("progress", progress)
    seed = random.seed_from(rng)
    gym = Gym(landscape, checked, settings, _known(landscape, known, seed, threads), seed, threads)
    try:
        gym.run(progress)
    except KeyboardInterrupt:
        done = ", ".join(f"{n}: {k}" for n, k in zip(checked, gym.reached, strict=True))
        text = f"interrupted; .result holds the looks that were finished ({done})"
        raise Interrupted(text, gym.result()) from None
    return gym.result()


def _optimizers(given: Any, landscape: Any) -> dict[str, Any]:
    """Return the optimizers by name, checked."""
    expected = "a dict of names to dynamics, 'newton' or 'lm'"
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise TypeError(message("optimizers", expected, show(given)))
    if not given:
        raise ValueError(message("optimizers", expected, "an empty dict"))
    for name, optimizer in given.items():
        if isinstance(optimizer, str):
            if optimizer not in SOLVERS:
                fix = closest(optimizer, SOLVERS) or "Other optimizers are dynamics: tw.SGD(...)."
                raise ValueError(message(f"optimizers[{name!r}]", expected, repr(optimizer), fix))
        elif isinstance(optimizer, type) or not hasattr(optimizer, "run"):
            fix = "Write tw.SGD(0.002), not tw.SGD."
            raise TypeError(message(f"optimizers[{name!r}]", expected, show(optimizer), fix))
        elif isinstance(optimizer, Dynamics):
            optimizer.rule(landscape)  # raises if it cannot run here, as minibatches cannot
    return dict(given)


def _known(landscape: Any, known: Any, seed: int, threads: int | None) -> MinimaCount:
    """Return the minima to mark against: those given, or those found here."""
    if known is None:
        method = "hybrid" if len(landscape.couplings) else "multistart"
        known = count_minima(landscape, method, certify=False, rng=seed, threads=threads)
    if not isinstance(known, MinimaCount):
        fix = "thalweg.protocols.count_minima makes one."
        raise TypeError(message("known", "a MinimaCount of this landscape", show(known), fix))
    if known.provenance["landscape"] != landscape.describe():
        got = f"one of {show(known.provenance['landscape'], 200)}"
        raise ValueError(message("known", f"a count of {show(landscape.describe(), 200)}", got))
    if known.count == 0:
        fix = "Raise starts= of count_minima."
        raise ValueError(message("known", "at least one minimum", "none", fix))
    return known


class Gym:
    """Optimizers under way, and what was seen of them."""

    def __init__(
        self,
        landscape: Any,
        optimizers: dict[str, Any],
        settings: dict[str, Any],
        known: MinimaCount,
        seed: int,
        threads: int | None,
    ) -> None:
        self.landscape, self.optimizers, self.settings = landscape, optimizers, settings
        self.known, self.seed, self.threads = known, seed, threads
        pool = MinimaPool(landscape)
        pool.add(np.ascontiguousarray(known.solutions[:: pool.multiplicity]))
        self.reader = Reader(landscape, pool, settings["tolerance"], threads)
        last = settings["budget"]
        looks = np.geomspace(min(FIRST_LOOK, last), last, settings["looks"])
        self.budgets = np.unique(np.append(looks, last).round().astype(np.int64))
        count, shape = len(optimizers), (len(optimizers), settings["starts"])
        self.before = np.full((count, len(self.budgets), settings["starts"]), -1, dtype=np.int32)
        self.after = self.before.copy()
        self.outcomes = np.full(shape, -1, dtype=np.int32)
        self.energies, self.polished = np.full(shape, np.nan), np.full(shape, np.nan)
        self.evaluations = np.zeros(shape, dtype=np.int64)
        self.reached, self.seconds = [0] * count, np.zeros(count)

    def run(self, progress: bool) -> None:
        """Every optimizer to every budget."""
        bar = None
        if progress:
            from tqdm import tqdm

            bar = tqdm(total=len(self.optimizers) * int(self.budgets[-1]), unit="gradient")
        try:
            for number, (name, optimizer) in enumerate(self.optimizers.items()):
                self._one(number, optimizer, bar, name)
        finally:
            if bar is not None:
                bar.close()

    def _one(self, number: int, optimizer: Any, bar: Any, name: str) -> None:
        """One optimizer to every budget."""
        starts = (
            self.settings["scale"]
            / np.sqrt(2)
            * random.normals(
                self.seed,
                stream="initialization",
                replicas=self.settings["starts"],
                count=self.landscape.dim,
            )
        )
        run = make_run(
            optimizer, self.landscape, starts, int(self.budgets[-1]), self.seed, self.threads
        )
        for look, budget in enumerate(self.budgets):
            begin = time.perf_counter()
            points, spent = run.advance(int(budget))
            seconds = time.perf_counter() - begin
            before = self.reader.converged(points)
            after, outcomes, polished = self.reader.polished(points)
            self.before[number, look], self.after[number, look] = before, after
            self.outcomes[number], self.polished[number] = outcomes, polished
            self.energies[number], self.evaluations[number] = self.reader.energies(points), spent
            self.seconds[number] += seconds
            self.reached[number] = look + 1
            if bar is not None:
                found = len(set(before[before >= 0])), len(set(after[after >= 0]))
                bar.set_postfix_str(f"{name}: {found[0]} minima, {found[1]} polished")
                bar.update(int(budget - (self.budgets[look - 1] if look else 0)))

    def result(self) -> OptimizerCoverage:
        """Everything seen so far."""
        from .. import __version__

        land, known = self.landscape, self.known
        _, hessians = land.linearized(known.solutions)
        singular = np.linalg.svd(hessians, compute_uv=False)
        optimizers = {
            name: each if isinstance(each, str) else repr(each)
            for name, each in self.optimizers.items()
        }
        return OptimizerCoverage(
            optimizers=tuple(self.optimizers),
            budgets=self.budgets,
            reached=np.array(self.reached),
            before=self.before,
            after=self.after,
            outcomes=self.outcomes,
            energies=self.energies,
            polished_energies=self.polished,
            evaluations=self.evaluations,
            seconds=self.seconds,
            solutions=known.solutions,
            conditioning=singular[:, land.variables - len(land.symmetries) - 1],
            complete=known.complete,
            provenance={
                "version": __version__,
                "target": land.target,
                "landscape": land.describe(),
                "seed": self.seed,
                "optimizers": optimizers,
                **self.settings,
            },
        )
