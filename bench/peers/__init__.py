"""One file per engine, each with ``engines(problem) -> {name: task}``.

A task is called as ``task(noise)`` and returns one array: the final points [R, P] of dynamics, or
what was asked for (gradients [R, P], products [R, P], energies [R], Hessians [R, P, P]). With
``noise=False`` Langevin dynamics runs at temperature zero and SGD on the minibatches of our engine,
so that all engines can be compared number by number.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable

import numpy as np

from ..cases import Problem

Task = Callable[[bool], np.ndarray]

# library -> the module of this package that uses it; ours comes first
PEERS = {
    "thalweg": "thalweg_engine",
    "jax": "jax_vmap",
    "numpy": "numpy_by_hand",
    "torch": "torch_func",
}


def installed_engines(
    problem: Problem, libraries: Iterable[str] = PEERS, *, best_only: bool = False
) -> dict[str, Task]:
    """Every engine of these libraries that is installed, ready to run `problem`.

    With `best_only` one engine per library, the quickest in a trial.
    """
    tasks: dict[str, Task] = {}
    for library in libraries:
        if importlib.util.find_spec(library) is not None:
            module = importlib.import_module(f"{__name__}.{PEERS[library]}")
            choose = getattr(module, "best", module.engines) if best_only else module.engines
            tasks.update(choose(problem))
    return tasks


def reference(problem: Problem, libraries: Iterable[str]) -> dict[str, Task]:
    """One engine to agree with, without the trials that a race is prepared by."""
    library = next((name for name in ("jax", "numpy") if name in libraries), None)
    if library is None:
        raise SystemExit("--engines: expected jax or numpy among them, to agree with")
    module = importlib.import_module(f"{__name__}.{PEERS[library]}")
    return getattr(module, "reference", module.engines)(problem)
