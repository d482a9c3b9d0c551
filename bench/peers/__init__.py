"""One file per engine, each with ``engines(problem) -> {name: task}``.

A task is called as ``task(noise)`` and returns one array: the final points [R, P] of dynamics, or
what was asked for (gradients [R, P], products [R, P], energies [R], Hessians [R, P, P]). With
``noise=False`` Langevin dynamics runs at temperature zero, so that all engines can be compared
number by number.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable

import numpy as np

from ..cases import Problem

Task = Callable[[bool], np.ndarray]

# module of this package -> library it needs
PEERS = {
    "thalweg_engine": "thalweg",
    "jax_vmap": "jax",
    "numpy_by_hand": "numpy",
    "torch_func": "torch",
}


def installed_engines(problem: Problem) -> dict[str, Task]:
    """Every engine whose library is installed, ready to run `problem`; ours comes first."""
    tasks: dict[str, Task] = {}
    for module, library in PEERS.items():
        if importlib.util.find_spec(library) is None:
            continue
        tasks.update(importlib.import_module(f"{__name__}.{module}").engines(problem))
    return tasks
