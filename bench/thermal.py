"""The headline table of the thermal chart over several data sets: ``python -m bench.thermal``.

One row per temperature: mean over data sets +- their standard deviation, which is larger than the
Monte-Carlo error of any one of them. After arXiv:2304.01335.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import thalweg as tw
from thalweg.protocols import ThermalChart, thermal_chart
from thalweg.protocols.tables import table, value_with_error

TEMPERATURES = np.geomspace(1e-6, 1e-2, 5)
# (activation, samples, box, step): the step keeps step * |grad margin| below 0.3.
CASES = (("tanh", 20, 5.0, 0.05), ("tanh", 40, 5.0, 0.05), ("tanh", 80, 5.0, 0.05),
         ("relu", 40, 2.0, 0.02))  # fmt: skip


def chart(activation: str, samples: int, box: float, step: float, seed: int) -> ThermalChart:
    """One data set's chart."""
    data = tw.datasets.random_labels(samples=samples, features=10, rng=seed)
    land = tw.MLP([10, 50, 1], activation, "logistic", parameterization="ntk", data=data)
    return thermal_chart(
        land, TEMPERATURES, confinement=box, step_size=step, rng=seed, progress=False
    )


def columns(charts: list[ThermalChart]) -> list[tuple[str, list[np.ndarray]]]:
    """Name and values [seeds][M] of every column."""
    return [
        ("k", [c.k()[0] for c in charts]),
        ("d(var)/2", [c.dimension_from_variance()[0] / 2 for c in charts]),
        ("n_b", [c.boundary.points_near_boundary()[0] for c in charts]),
        ("n_b/k", [c.boundary.points_near_boundary()[0] / c.k()[0] for c in charts]),
        ("tilted", [c.predicted_points_near_boundary() for c in charts]),
        ("n_part", [c.boundary.participation()[0] for c in charts]),
        ("KS", [c.gamma_distance()[0] for c in charts]),
        ("virial", [c.virial_ratio()[0] for c in charts]),
        ("T_conf/T", [c.configurational_temperature()[0] for c in charts]),
        ("Tr H", [c.curvature.trace()[0] for c in charts]),
        ("lambda_max", [c.curvature.largest()[0] for c in charts]),
        ("d_quad", [c.curvature.quadratic_dimension()[0] for c in charts]),
    ]


def report(name: str, charts: list[ThermalChart]) -> str:
    """The table of one case, with the exponents and the verdicts under it."""
    made = columns(charts)
    rows = [
        [f"{t:.0e}"]
        + [value_with_error(np.mean(v, 0)[m], np.std(v, 0, ddof=1)[m]) for _, v in made]
        for m, t in enumerate(TEMPERATURES)
    ]
    slopes = np.array([c.exponent()[0] for c in charts])
    traces, largest, newton = np.array(
        [[pair[0] for pair in c.curvature.exponents(c.temperatures)] for c in charts]
    ).T
    against = [
        f"  data {i}, {verdict}"
        for i, c in enumerate(charts)
        for verdict in c.verdicts()
        if not verdict.equilibrated
    ]
    total = len(charts) * len(TEMPERATURES)
    return "\n".join([
        name,
        table(["T", *(column for column, _ in made)], rows),
        f"<L> ~ T^{spread(slopes)}; Tr H ~ T^{spread(traces)}; lambda_max ~ T^{spread(largest)}; "
        f"Tr H_GN ~ T^{spread(newton)}; equilibrated: {total - len(against)} of {total}",
        *against,
    ])  # fmt: skip


def spread(values: np.ndarray) -> str:
    """Mean +- standard deviation over data sets."""
    return value_with_error(values.mean(), values.std(ddof=1))


def main() -> None:
    """Run all cases and print their tables and the time they took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="data sets of each case")
    seeds = parser.parse_args().seeds
    begin = time.perf_counter()
    for activation, samples, box, step in CASES:
        charts = [chart(activation, samples, box, step, seed) for seed in range(seeds)]
        print(report(f"{activation}, N = {samples}, box {box:g}", charts), "\n")
    print(f"{len(CASES) * seeds} charts in {time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main()
