"""A thermal chart that is made at once."""

import thalweg as tw


def short(landscape=None, **changes):
    """A quick chart whose numbers do not matter, only what becomes of them."""
    quick = {"confinement": 1.0, "step_size": 0.05, "steps": 400, "record_every": 5, "rng": 5}
    landscape = landscape or tw.Quadratic(1.0, dim=6)
    return tw.protocols.thermal_chart(landscape, [0.01, 0.1], **(quick | changes))
