"""Mode connectivity: how high one must climb to get from one minimum of a landscape to another.

Straight lines, relaxed paths (string method, nudged elastic band) with a climbing image, the
saddles on them, and minimax ways over the graph of minima.
"""

from __future__ import annotations

import time
import warnings
from contextlib import nullcontext
from typing import Any

import numpy as np

from .._checks import choice, finite_array, flag, integer, known_options, message, real, show
from .._memory import require_memory
from ..errors import DivergenceWarning, Interrupted, caller
from ..landscapes import Landscape, UserLandscape
from .connectivity_result import ModeConnectivity
from .path_graph import Graph, lines
from .path_search import polygon_tops
from .paths import Rule
from .surface import LIMIT, Surface, out_of_range

METHODS = ("string", "neb")
COPIES = 10  # of all paths that are in memory at once


@known_options
def mode_connectivity(
    landscape: Landscape,
    minima,
    pairs=None,
    method: str = "string",
    images: int = 17,
    steps: int = 1000,
    rounds: int = 3,
    tolerance: float = 0.05,
    climb: bool = True,
    spring: float = 1.0,
    start=None,
    threads: int | None = None,
    progress: bool = False,
) -> ModeConnectivity:
    """Find paths between minima, the saddles on them, and the lowest ways through all of them.

    All images of all paths that still move are one batch [R, P]. Each path starts as the straight
    line and falls, by steps it adapts for itself, until no image is pushed across it; then its
    highest image climbs. Every local maximum of a relaxed path is refined to a saddle by Newton
    steps. A path that turns out to lie on a ridge is pushed off it; one that passes through further
    minima and does not come to rest is cut there, and its pieces are searched. Over the graph of
    all pairs the minimum spanning tree gives minimax barriers and the merge tree.

    Parameters
    ----------
    landscape : anything with ``dim``, ``dtype``, ``energy`` and ``gradient``; an exact ``hvp`` is
        used where there is one, else differences of gradients.
    minima : [K, P], K >= 2 different points. They are never moved: polish them before. (They may be
        other points, too, such as networks that were trained for a while.)
    pairs : int [Q, 2], which to join; default all K (K - 1) / 2.
    method : "string" (images kept at equal distances) or "neb" (nudged elastic band: springs).
    images : M >= 3 on each path, both ends counted. A barrier narrower than their distance is
        missed.
    steps : most steps (trials) of a path, in each round.
    rounds : how often paths that are not finished are cut at the minima that they pass through. The
        minima found so join the graph, after the K given ones, and the pieces are searched, as they
        were cut and from straight lines.
    tolerance : a path has converged when no image feels a force, other than along the path, above
        this times the path's mean slope (energy span over length).
    climb : whether the highest image climbs; it begins when the force has fallen to ten
        times `tolerance`.
    spring : stiffness of "neb" in units of mean slope per distance of images, > 0.
    start : [Q, M, P], initial paths; default straight lines. ``given_paths`` of an earlier result
        go on where it ended. Their ends must be the minima.
    threads : for landscapes that take it.
    progress : show a progress bar.

    Returns
    -------
    ModeConnectivity
        Energies in the units of the landscape. Nothing here is random.

    Raises
    ------
    ValueError, TypeError : for a bad argument, before anything is computed.
    MemoryError : if the paths do not fit.
    Interrupted : on Ctrl-C; ``.result`` holds the paths as they were, ready for `start`.

    Warns
    -----
    DivergenceWarning : if an image left the finite numbers; its path is left out and listed.

    References
    ----------
    String: W. E, W. Ren, E. Vanden-Eijnden, J. Chem. Phys. 126, 164103 (2007),
    doi:10.1063/1.2720838. Band and climbing image: G. Henkelman, B. P. Uberuaga, H. Jonsson,
    J. Chem. Phys. 113, 9901 (2000), doi:10.1063/1.1329672. Networks: F. Draxler, K. Veschgini,
    M. Salmhofer, F. A. Hamprecht, ICML 2018, arXiv:1803.00885.

    Examples
    --------
    >>> import thalweg as tw
    >>> surface = tw.MullerBrown()
    >>> ways = tw.protocols.mode_connectivity(surface, surface.minima)
    >>> ways.tops("path").round(4)     # pairs 0 - 1, 0 - 2, 1 - 2
    array([-40.6648, -40.6648, -72.2489])
    >>> ways.route(0, 1)
    [0, 2, 1]
    """
    landscape = _measurable(landscape)
    ends = _minima(minima, int(landscape.dim))
    joined = _pairs(pairs, ends, float(np.finfo(landscape.dtype).eps))
    stiffness = real("spring", spring, above=0)
    rule = Rule(
        spring=stiffness if choice("method", method, METHODS) == "neb" else None,
        climb=flag("climb", climb),
        tolerance=real("tolerance", tolerance, above=0),
        steps=integer("steps", steps),
        rounds=integer("rounds", rounds, least=0),
    )
    paths = _initial(start, ends, joined, integer("images", images, least=3))
    if threads is not None:
        integer("threads", threads)
    arguments = {"method": method, "images": int(images), "steps": int(steps), "spring": stiffness,
                 "tolerance": rule.tolerance, "climb": rule.climb, "start": start is not None,
                 "rounds": rule.rounds, "threads": threads, "given_minima": len(ends)}  # fmt: skip
    begun = time.perf_counter()
    surface = Surface(landscape, threads)
    _require_finite(surface, ends)
    graph = Graph(surface, rule, ends, joined, paths)
    try:
        with _progress_bar(flag("progress", progress), steps) as bar:
            graph.run(bar)
    except KeyboardInterrupt:
        text = (
            f"interrupted after {graph.steps} steps. This exception's .result holds all up to "
            f"there: give .result.given_paths as start= to go on, .result.save(path) keeps it."
        )
        raise Interrupted(text, _result(graph, arguments, begun)) from None
    result = _result(graph, arguments, begun)
    if result.lost:
        text = f"{len(result.lost)} of {len(joined)} paths diverged and are left out: {result.lost}"
        warnings.warn(text, DivergenceWarning, stacklevel=caller())
    return result


def _result(graph: Graph, arguments: dict[str, Any], begun: float) -> ModeConnectivity:
    """Fold the state of all searches, finished or not, into a result."""
    surface, parts = graph.surface, [search for _, search in graph.parts]
    energies, gradients = surface.gradient(graph.minima)
    pairs = np.concatenate([each for each, _ in graph.parts])
    first = np.cumsum([0, *(len(each) for each, _ in graph.parts)])

    def every(name):
        return np.concatenate([getattr(search.paths, name) for search in parts])

    def saddles(name):
        return np.concatenate([getattr(search.passes.saddles, name) for search in parts])

    return ModeConnectivity(
        minima=graph.minima,
        minimum_energies=energies,
        gradient_norms=np.linalg.norm(gradients, axis=1),
        given_minima=arguments.pop("given_minima"),
        pairs=pairs,
        given_pairs=int(first[1]),
        straight_energies=np.concatenate([search.straight for search in parts]),
        straight_tops=np.concatenate([search.straight_tops for search in parts]),
        paths=every("points"),
        path_energies=every("energies"),
        polygon_tops=np.concatenate([polygon_tops(surface, search.paths) for search in parts]),
        residuals=every("residuals"),
        status=every("status"),
        status_steps=every("status_steps"),
        bad_images=every("bad_images"),
        saddle_pairs=np.concatenate(
            [search.passes.rows + start for search, start in zip(parts, first, strict=False)]
        ),
        saddles=saddles("points"),
        saddle_energies=saddles("energies"),
        saddle_curvatures=saddles("curvatures"),
        saddle_found=saddles("found"),
        method=arguments["method"],
        steps=graph.steps,
        gradients=surface.gradients,
        seconds=time.perf_counter() - begun,
        provenance=_provenance(surface.landscape) | arguments,
    )


def _provenance(landscape: Any) -> dict[str, Any]:
    """Return what made a result: versions, target, precision, landscape."""
    from .. import __version__  # not at import time: the package may be importing this module

    return {
        "thalweg": __version__,
        "numpy": np.__version__,
        "target": landscape.target,
        "dtype": landscape.dtype,
        "landscape": landscape.describe(),
    }


def _measurable(landscape: Any) -> Any:
    """Return `landscape`, wrapped if it is not one of ours."""
    missing = [n for n in ("dim", "dtype", "energy", "gradient") if not hasattr(landscape, n)]
    if missing:
        fix = f"It lacks {', '.join(missing)}; tw.UserLandscape makes one from functions."
        raise TypeError(message("landscape", "a landscape", show(landscape), fix))
    ours = hasattr(landscape, "describe") and hasattr(landscape, "target")
    return landscape if ours else UserLandscape.wrap(landscape)


def _minima(minima: Any, dim: int) -> np.ndarray:
    """Return the minima [K, P] in float64."""
    checked = np.array(finite_array("minima", minima), dtype=np.float64)
    expected = f"at least two points, [K, {dim}] with K >= 2"
    if checked.ndim != 2 or checked.shape[1] != dim or len(checked) < 2:
        raise ValueError(message("minima", expected, f"shape {list(checked.shape)}"))
    return checked


def _require_finite(surface: Surface, minima: np.ndarray) -> None:
    """Refuse minima without an energy."""
    energies, gradients = surface.gradient(minima)
    bad = out_of_range(energies, gradients)
    if bad.any():
        worst = int(bad.argmax())
        steepest = np.abs(gradients[worst]).max()
        got = f"energy {energies[worst]:g}, gradient up to {steepest:g} at minimum {worst}"
        expected = f"points of finite energy and gradient, below {LIMIT:g}"
        raise ValueError(message("minima", expected, got))


def _pairs(pairs: Any, minima: np.ndarray, epsilon: float) -> np.ndarray:
    """Return pairs int [Q, 2] of minima that the landscape's precision can tell apart."""
    count = len(minima)
    if pairs is None:
        pairs = np.stack(np.triu_indices(count, 1), axis=1)
    checked = np.asarray(pairs)
    expected = f"pairs of different minima, integers [Q, 2] from 0 to {count - 1}"
    if checked.size and checked.dtype.kind not in "iu":
        raise TypeError(message("pairs", expected, show(pairs)))
    if checked.ndim != 2 or checked.shape[1] != 2 or not len(checked):
        raise ValueError(message("pairs", expected, f"shape {list(checked.shape)}"))
    if checked.min() < 0 or checked.max() >= count:
        raise ValueError(message("pairs", expected, f"{checked.min()} to {checked.max()}"))
    first, last = minima[checked[:, 0]], minima[checked[:, 1]]
    size = np.maximum(np.abs(first), np.abs(last)).max(axis=1)
    same = np.abs(last - first).max(axis=1) <= 1000 * epsilon * size
    if same.any():
        i, j = checked[np.argmax(same)]
        expected = f"points at least {1000 * epsilon:.0e} of their size apart"
        fix = "Remove duplicates: there is no path from a point to itself."
        raise ValueError(message("minima", expected, f"{i} and {j}, the same point", fix))
    return checked.astype(np.int64)


def _initial(start: Any, minima: np.ndarray, pairs: np.ndarray, images: int) -> np.ndarray:
    """Return initial paths [Q, M, P]: straight lines, or what was given."""
    shape = (len(pairs), images, minima.shape[1])
    size = COPIES * 8 * int(np.prod(shape, dtype=np.int64))
    require_memory({f"paths {list(shape)}": size}, "Give fewer pairs=, or fewer images.")
    straight = lines(minima, pairs, images)
    if start is None:
        return straight
    paths = np.array(finite_array("start", start), dtype=np.float64)
    if paths.shape != shape:
        raise ValueError(message("start", f"shape {list(shape)}", f"shape {list(paths.shape)}"))
    if not np.array_equal(paths[:, [0, -1]], straight[:, [0, -1]]):
        raise ValueError(message("start", "paths that end at the minima of each pair", "others"))
    return paths


def _progress_bar(wanted: bool, steps: int) -> Any:
    if not wanted:
        return nullcontext()
    from tqdm import tqdm  # type: ignore[import-untyped]  # importing it costs time

    return tqdm(total=steps, unit="step", desc="mode_connectivity")
