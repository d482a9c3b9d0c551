"""The one check of hit counts, and the normal quantile, shared by all estimators."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np

from .._checks import message, real, show


def checked_hits(hits: Any) -> tuple[np.ndarray, int, int]:
    """Return the counts of the minima that were hit [S], and how many of them once and twice."""
    counts = np.asarray(hits)
    expected = "how often each found minimum was hit, integers [S] with S >= 1"
    if counts.size and counts.dtype.kind not in "iu":
        raise TypeError(message("hits", expected, show(counts)))
    if counts.ndim != 1:
        raise ValueError(message("hits", expected, f"shape {list(counts.shape)}"))
    if counts.size and counts.min() < 0:
        raise ValueError(message("hits", expected, f"{counts.min()}"))
    counts = counts[counts > 0].astype(np.int64)
    if counts.size == 0:
        fix = "No run ended in a minimum: nothing can be estimated."
        raise ValueError(message("hits", expected, "no minimum that was hit", fix))
    return counts, int((counts == 1).sum()), int((counts == 2).sum())


def normal_quantile(confidence: float) -> float:
    """Return z such that a normal variable lies within +- z with this probability."""
    return NormalDist().inv_cdf((1 + real("confidence", confidence, above=0, below=1)) / 2)
