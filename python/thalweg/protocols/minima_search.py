"""The search behind `count_minima`: random starts, monodromy loops, and what is kept of them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .. import rng as random
from .._checks import message
from .minima_certificates import CubicTest, cubic_test, sum_rule
from .minima_krawczyk import certify
from .minima_pool import MinimaPool
from .minima_result import MinimaCount

METHODS = ("hybrid", "multistart", "monodromy")
BATCH = 64  # starts, and paths at least, between two looks at the pool
MOST_PATHS = 512  # in one batch: many threads want many, a stop wants few
RICH = 0.6  # new minima per start: a start costs about this much of a path, which finds one
FEWEST = 2 * BATCH  # starts of "hybrid": the yield of fewer is mostly chance
SAVE_SECONDS = 10.0


class MinimaSearch:
    """A count under way."""

    def __init__(
        self,
        landscape: Any,
        method: Any,
        settings: dict[str, Any],
        checkpoint: Any,
        rng: Any,
        threads: int | None,
        progress: bool,
    ) -> None:
        self.landscape, self.method, self.settings = landscape, method, settings
        self.checkpoint, self.threads, self.progress = checkpoint, threads, progress
        self.seed = random.seed_from(rng)
        self.pool = MinimaPool(landscape)
        self.labels: list[int] = []
        self.outcomes: list[int] = []
        self.spurious: list[float] = []
        self.loops: list[list[int]] = []
        self.hub = np.empty((0, landscape.dim))  # minima of the pool, at the couplings of the hub
        self.begin = self.saved = time.perf_counter()
        self.earlier = 0.0
        self.bar: Any = None
        self.cubic_test: CubicTest | None = None
        self.certified: np.ndarray | None = None

    @property
    def name(self) -> str:
        """The method's name, or the class of the dynamics."""
        return self.method if isinstance(self.method, str) else type(self.method).__name__

    def go_on_from(self, before: MinimaCount) -> None:
        """Take over what an unfinished count found."""
        landscape = self.landscape.describe()
        if before.provenance["landscape"] != landscape:
            got = str(before.provenance["landscape"])
            raise ValueError(message("resume", f"a count of {landscape}", got))
        self.seed, self.earlier = before.provenance["seed"], before.seconds
        self.pool.add(np.ascontiguousarray(before.solutions[:: self.pool.multiplicity]))
        self.labels, self.outcomes = list(before.labels), list(before.outcomes)
        self.spurious, self.loops = list(before.spurious), before.loops.tolist()

    def run(self) -> None:
        """Starts, then loops, until complete or out of either."""
        if self.progress:
            from tqdm import tqdm

            self.bar = tqdm(unit="minimum", desc=self.name, total=self._expected())
        try:
            self._starts()
            if self.method in ("hybrid", "monodromy"):
                self._monodromy()
            if self.settings["certify"] and len(self.pool):
                proven = certify(self.landscape, self.pool.points, self.pool.multiplicity)
                self.certified = np.repeat(proven, self.pool.multiplicity)
            if self.settings["cubic_test"] and len(self.pool):
                self.cubic_test = cubic_test(
                    self.landscape, self.pool.points, self.seed, self.threads
                )
        finally:
            if self.bar is not None:
                self.bar.close()
            if self.checkpoint is not None:  # also when interrupted
                self.result().save(self.checkpoint)

    def _expected(self) -> int | None:
        return getattr(self.landscape, "index", None)

    def _complete(self) -> bool:
        """Whether the sum rule holds; at special couplings it may although some are lost."""
        rule = sum_rule(self.landscape, self.pool)
        return rule is not None and rule.holds and self._expected() in (None, len(self.pool))

    def _starts(self) -> None:
        """Random starts; "hybrid" stops when a batch brings little, "monodromy" after the first."""
        while len(self.labels) < self.settings["starts"]:
            if self.method != "multistart" and self.name in METHODS and self._enough_starts():
                return
            count = min(BATCH, self.settings["starts"] - len(self.labels))
            ids = np.arange(len(self.labels), len(self.labels) + count)
            noise = random.normals(
                self.seed, stream="initialization", replicas=ids, count=self.landscape.dim
            )
            self._take(self.settings["scale"] / np.sqrt(2) * noise)
            self._report(f"{len(self.labels)} starts")

    def _enough_starts(self) -> bool:
        if self.method == "monodromy" or self._complete():
            return len(self.pool) > 0
        if len(self.labels) < FEWEST:
            return False
        recent, before = self.labels[-BATCH:], set(self.labels[:-BATCH])
        return len(set(recent) - before - {-1}) < RICH * BATCH

    def _take(self, points: np.ndarray) -> None:
        """Search from a batch of starts and keep what was found."""
        if not isinstance(self.method, str):
            theta = points.astype(self.landscape.dtype)
            run = self.method.run(
                self.landscape,
                theta,
                steps=self.settings["dynamics_steps"],
                record_every=self.settings["dynamics_steps"],
                rng=[self.seed, len(self.labels)],
                threads=self.threads,
            )
            points = np.nan_to_num(run.final.astype(float))
        ends = self.landscape.find_zeros(points, self.settings["steps"], threads=self.threads)
        labels = np.full(len(points), -1)
        labels[ends.found] = self.pool.add(ends.points[ends.found])
        self.labels += labels.tolist()
        self.outcomes += ends.outcomes.tolist()
        stuck = ends.points[ends.outcomes == 1]
        if len(stuck):
            self.spurious += self.landscape.energy(stuck.astype(self.landscape.dtype)).tolist()

    def _monodromy(self) -> None:
        """Loop after loop, each until the minima known are closed under its permutation."""
        quiet = 0
        while len(self.loops) < self.settings["loops"] and len(self.pool):
            if self._complete() or quiet >= self.settings["patience"]:
                return
            before = len(self.pool)
            self._loop()
            quiet = quiet + 1 if len(self.pool) == before else 0

    def _corner(self, number: int) -> np.ndarray:
        """Random couplings, as large as the landscape's; number 0 is the hub of all loops."""
        here = self.landscape.couplings
        draws = random.normals(
            self.seed, stream="direction", replicas=[number], count=2 * len(here)
        )
        return draws.view(complex)[0] * np.abs(here).mean() / np.sqrt(2)

    def _loop(self) -> None:
        """Follow every minimum known, and those found on the way, around one triangle.

        All triangles share the side from the landscape's couplings to the hub: along it each
        minimum is followed once, not in every loop.
        """
        here, hub, corner = self.landscape.couplings, self._corner(0), self._corner(self.next_loop)
        before, done, failed, ends = len(self.pool), 0, 0, []
        self.loops.append([0, 0, 0, 0, before])
        while done < len(self.pool.points) and not self._complete():
            batch = min(max(BATCH, len(self.pool.points) // 8), MOST_PATHS)
            count = len(self.pool.points[done : done + batch])
            starts = self._at_hub(np.array([here, hub]), done, done + count)
            paths = self.landscape.follow(
                starts, np.array([hub, corner, here]), threads=self.threads
            )
            labels = self.pool.add(paths.points[paths.found])
            ends += (labels // self.pool.multiplicity).tolist()
            done, failed = done + count, failed + count - int(paths.found.sum())
            collisions = len(ends) - len(set(ends))
            self.loops[-1] = [done, failed, len(self.pool) - before, collisions, len(self.pool)]
            self._report(f"loop {len(self.loops)}: {done} paths, {failed} failed")

    @property
    def next_loop(self) -> int:
        """The number of the loop after those made: 1 for the first."""
        return len(self.loops) + 1

    def _at_hub(self, side: np.ndarray, first: int, last: int) -> np.ndarray:
        """Return pool members `first` to `last` carried to the hub, less those that got lost."""
        new = self.pool.points[len(self.hub) : last]
        if len(new):
            ends = self.landscape.follow(new, side, threads=self.threads)
            self.hub = np.concatenate(
                [self.hub, np.where(ends.found[:, None], ends.points, np.nan)]
            )
        there = self.hub[first:last]
        return np.ascontiguousarray(there[np.isfinite(there).all(axis=1)])

    def _report(self, text: str) -> None:
        """Move the bar; write the checkpoint when it is due."""
        if self.bar is not None:
            self.bar.n = len(self.pool)
            self.bar.set_postfix_str(text)
        if self.checkpoint is not None and time.perf_counter() - self.saved > SAVE_SECONDS:
            self.result().save(self.checkpoint)
            self.saved = time.perf_counter()

    def result(self) -> MinimaCount:
        """Everything found so far."""
        from .. import __version__

        labels = np.array(self.labels, dtype=np.int64)
        hits = np.bincount(labels[labels >= 0], minlength=len(self.pool))
        special = getattr(self.landscape, "special_couplings", tuple)
        return MinimaCount(
            solutions=self.pool.all_points(),
            fingerprints=self.pool.all_prints(),
            hits=hits,
            labels=labels,
            outcomes=np.array(self.outcomes, dtype=np.int64),
            spurious=np.array(self.spurious, dtype=float),
            certified=self.certified,
            loops=np.array(self.loops, dtype=np.int64).reshape(-1, 5),
            expected=self._expected(),
            sum_rule=sum_rule(self.landscape, self.pool),
            cubic_test=self.cubic_test,
            special=special(),
            paired=self.landscape.paired,
            method=self.name,
            seconds=self.earlier + time.perf_counter() - self.begin,
            provenance={
                "version": __version__,
                "target": self.landscape.target,
                "landscape": self.landscape.describe(),
                "seed": self.seed,
                "method": self.name,
                **self.settings,
            },
        )
