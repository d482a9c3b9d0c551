"""Count the minima of a superpotential landscape, and say whether any is missing.

The black holes' number of minima is known from string dualities (arXiv:1405.0412); as a test of
optimizers: arXiv:2306.14817.
"""

from __future__ import annotations

import os
from typing import Any

from .._checks import choice, flag, integer, known_options, message, real, show
from ..errors import Interrupted
from ..landscapes import Superpotential
from ..results import check_writable
from .minima_result import MinimaCount
from .minima_search import METHODS, MinimaSearch


@known_options
def count_minima(
    landscape: Superpotential,
    method: Any = "hybrid",
    starts: int = 2000,
    scale: float = 3.0,
    steps: int = 100,
    loops: int = 30,
    patience: int = 4,
    dynamics_steps: int = 10_000,
    certify: bool = True,
    cubic_test: bool = False,
    resume: MinimaCount | str | os.PathLike[str] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    rng: Any = None,
    threads: int | None = None,
    progress: bool = False,
) -> MinimaCount:
    """Count the distinct minima at V = 0, up to the symmetries of the landscape.

    Parameters
    ----------
    landscape : Superpotential
        Of degree 3 at most; for monodromy with couplings.
    method : "hybrid" (default), "multistart", "monodromy" or a dynamics
        "multistart": Levenberg-Marquardt from random starts. "monodromy": the minima known are
        followed around random loops in the couplings; a permuted one may be new. "hybrid":
        starts while they pay, then loops. A dynamics (``tw.SGD(...)``) moves each start for
        `dynamics_steps` before Levenberg-Marquardt polishes it.
    starts : int
        Random starts at most; "monodromy" uses them until one has found a minimum.
    scale : float
        Root mean square modulus of each complex variable of a random start.
    steps : int
        Levenberg-Marquardt steps of one start.
    loops : int
        Monodromy loops at most.
    patience : int
        Loops without a new minimum after which to stop, where no certificate can say so earlier.
    dynamics_steps : int
    certify : bool
        Prove each minimum by Krawczyk's test, and that no two are the same.
    cubic_test : bool
        Test completeness at the end without any prediction, for the price of some three loops: is
        the sum of W^2 a cubic polynomial in the couplings?
    resume : MinimaCount or path, optional
        Go on from there, with the same landscape and seed: nothing found is lost, no start is
        searched again, and loops go on with the next one.
    checkpoint : path, optional
        Written every ten seconds and at the end, for `resume`.
    rng : None, int, SeedSequence or Generator
        The seed used is in ``provenance``. Not used with `resume`.
    threads : int, optional
        The result does not depend on it.
    progress : bool
        Show minima found, loops, paths and failures.

    Returns
    -------
    MinimaCount

    Raises
    ------
    TypeError, ValueError
        For an argument out of range, before anything is computed.
    Interrupted
        On Ctrl-C; ``.result`` is the count so far, which `resume` takes.

    References
    ----------
    T. Duff et al., IMA J. Numer. Anal. 39, 1421 (2019), arXiv:1609.08722 (monodromy).
    R. Krawczyk, Computing 4, 187 (1969), doi:10.1007/BF02234767 (proofs).

    Examples
    --------
    >>> import thalweg as tw
    >>> found = tw.protocols.count_minima(tw.BlackHole((1, 1, 1, 2), rng=0), rng=0)
    >>> found.count, found.complete
    (56, True)
    """
    if not isinstance(landscape, Superpotential):
        raise TypeError(message("landscape", "a Superpotential or BlackHole", show(landscape)))
    if not hasattr(method, "run"):
        choice("method", method, METHODS)
    settings = {
        "starts": integer("starts", starts, least=0),
        "scale": real("scale", scale, above=0),
        "steps": integer("steps", steps),
        "loops": integer("loops", loops, least=0),
        "patience": integer("patience", patience),
        "dynamics_steps": integer("dynamics_steps", dynamics_steps),
        "certify": flag("certify", certify),
        "cubic_test": flag("cubic_test", cubic_test),
    }
    if method in ("hybrid", "monodromy") and len(landscape.couplings) == 0:
        fix = "Give sources= and couplings=, or use method='multistart'."
        raise ValueError(message("landscape", "one with couplings to vary", "none", fix))
    file = check_writable(checkpoint, "checkpoint") if checkpoint is not None else None
    search = MinimaSearch(landscape, method, settings, file, rng, threads, progress)
    if resume is not None:
        search.go_on_from(resume if isinstance(resume, MinimaCount) else MinimaCount.load(resume))
    try:
        search.run()
    except KeyboardInterrupt:
        text = f"interrupted with {len(search.pool)} minima; give .result to resume= to go on"
        raise Interrupted(text, search.result()) from None
    return search.result()
