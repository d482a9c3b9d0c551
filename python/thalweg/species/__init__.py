"""How many minima are still missing: estimates from how often each found one was hit.

Runs that end in minima are draws of species, with the (unknown) basin volumes as weights. Notation:
m draws that ended in a minimum, S minima found, f_j of them hit exactly j times. Coverage, the
share of the total weight that was found, is reliable; the *number* of minima is only ever bounded
from below, because minima with basins too small to be hit leave no trace.
"""

from __future__ import annotations

from .coverage import coverage_statement, esty_interval, good_turing_coverage
from .discovery import coupon_collector_runs, discovery_curve, expected_new, rarefaction_curve
from .richness import ace, chao1, chao1_interval

__all__ = [
    "ace",
    "chao1",
    "chao1_interval",
    "coupon_collector_runs",
    "coverage_statement",
    "discovery_curve",
    "esty_interval",
    "expected_new",
    "good_turing_coverage",
    "rarefaction_curve",
]
