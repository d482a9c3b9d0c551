"""Paths between pairs of points, all relaxed in one batch: string method, nudged elastic band.

Letters: Q pairs, M images on each path (both ends counted, never moved), P parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .surface import Surface, out_of_range

RUNNING, CONVERGED, DIVERGED, STALLED = 0, 1, 2, 3
WAITING, NOBODY = -2, -1  # in place of a climbing image: not chosen yet; none is wanted

# The adaptive steps of Makri, Ortner and Kermode, J. Chem. Phys. 150, 094109 (2019), ODE12r,
# doi:10.1063/1.5064465; lengths in units of the spacing of images.
ERROR = 0.1  # how far a step may leave the exact flow
LONGEST = 0.5  # how far an image may move in one step
ALWAYS = 1e-3  # the share of that which is kept whatever else happens
GROWTH = 2.0  # by which the residual may grow in an accurate step
SHORTEST = 1e-12  # steps shorter than that make no progress
CLIMB_AT = 10  # tolerances: an image that climbs on a path still far from rest drags it along
RUNAWAY = 1e3  # a path so many times longer than the straight line has left


@dataclass(frozen=True)
class Rule:
    """How paths move: ``spring`` None is the string method, else a nudged elastic band."""

    spring: float | None
    climb: bool
    tolerance: float
    steps: int
    rounds: int


@dataclass(frozen=True)
class Paths:
    """Q paths on their way; a step makes a new one, so that it is never half made."""

    points: np.ndarray  # [Q, M, P]
    energies: np.ndarray  # [Q, M]
    gradients: np.ndarray  # [Q, M - 2, P], of the inner images
    step_sizes: np.ndarray  # [Q]
    climbers: np.ndarray  # [Q], which image climbs
    residuals: np.ndarray  # [Q], largest force on an image over the mean slope of the path
    status: np.ndarray  # [Q]
    status_steps: np.ndarray  # [Q], the step at which a path converged, diverged or stalled
    bad_images: np.ndarray  # [Q], the image that diverged, or -1

    def take(self, rows: np.ndarray) -> Paths:
        """Return some of the paths."""
        return Paths(**{name: array[rows] for name, array in vars(self).items()})

    def put(self, rows: np.ndarray, some: Paths) -> Paths:
        """Return all paths with some of them replaced."""
        merged = {name: array.copy() for name, array in vars(self).items()}
        for name, array in vars(some).items():
            merged[name][rows] = array
        return Paths(**merged)


def spacing(points: np.ndarray) -> np.ndarray:
    """Return the mean distance [Q] of neighbouring images of paths [Q, M, P]."""
    return np.linalg.norm(np.diff(points, axis=1), axis=2).mean(axis=1)


def tangents(points: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Unit tangents [Q, M - 2, P] at the inner images: towards the higher neighbour.

    At a local extremum both neighbours count, weighted with the energy differences, so that the
    tangent turns smoothly (Henkelman and Jonsson, J. Chem. Phys. 113, 9978 (2000), eq. 8-12,
    doi:10.1063/1.1323224).
    """
    steps = np.diff(points, axis=1)
    behind, ahead = steps[:, :-1], steps[:, 1:]
    rises = np.diff(energies, axis=1)
    into, out = rises[:, :-1], rises[:, 1:]  # E_i - E_(i-1) and E_(i+1) - E_i
    large = np.maximum(np.abs(into), np.abs(out))
    small = np.minimum(np.abs(into), np.abs(out))
    next_is_higher = energies[:, 2:] > energies[:, :-2]
    monotone = into * out > 0
    forward = np.where(monotone, into > 0, np.where(next_is_higher, large, small))
    backward = np.where(monotone, into < 0, np.where(next_is_higher, small, large))
    flat = large == 0
    forward, backward = np.where(flat, 1.0, forward), np.where(flat, 1.0, backward)
    largest = np.maximum(forward, backward)
    tangent = (forward / largest)[..., None] * ahead + (backward / largest)[..., None] * behind
    return tangent / np.maximum(np.linalg.norm(tangent, axis=2, keepdims=True), 1e-300)


def forces(paths: Paths, spring: float | None) -> np.ndarray:
    """Forces [Q, M - 2, P] on the inner images.

    The part of -g across the path; for a band also the springs along it, ``spring`` times the
    mean slope of the path times the relative difference of the two distances. On the climbing
    image ``-g + 2 (g . t) t`` (Henkelman, Uberuaga, Jonsson, J. Chem. Phys. 113, 9901 (2000),
    doi:10.1063/1.1329672): its only rest is a stationary point.
    """
    t = tangents(paths.points, paths.energies)
    along = (paths.gradients * t).sum(axis=2, keepdims=True) * t
    force = along - paths.gradients
    if spring is not None:
        distances = np.linalg.norm(np.diff(paths.points, axis=1), axis=2)
        strain = np.diff(distances, axis=1) / distances.mean(axis=1, keepdims=True)
        force = force + (spring * slope(paths)[:, None] * strain)[..., None] * t
    climbing = np.flatnonzero(paths.climbers > 0)
    image = paths.climbers[climbing] - 1
    force[climbing, image] = 2 * along[climbing, image] - paths.gradients[climbing, image]
    return force


def slope(paths: Paths) -> np.ndarray:
    """Return the mean slope [Q] of the paths: energy span over length."""
    length = spacing(paths.points) * (paths.points.shape[1] - 1)
    return np.ptp(paths.energies, axis=1) / length


def respaced(points: np.ndarray, climbers: np.ndarray) -> np.ndarray:
    """Return paths [Q, M, P] with images equally spaced along the polygon they make.

    Ends and climbing images stay; either side of a climbing image is spaced for itself.
    """
    count = points.shape[1]
    rows, images = np.arange(len(points))[:, None], np.arange(count)
    segments = np.linalg.norm(np.diff(points, axis=1), axis=2)
    s = np.concatenate([np.zeros((len(points), 1)), np.cumsum(segments, axis=1)], axis=1)
    pinned = np.where(climbers > 0, climbers, count - 1)[:, None]
    at, total = s[rows, pinned], s[:, -1:]
    above = np.maximum(count - 1 - pinned, 1)
    wanted = np.where(
        images <= pinned, at * images / pinned, at + (total - at) * (images - pinned) / above
    )
    k = (s[:, None, 1:-1] < wanted[:, :, None]).sum(axis=2)
    share = (wanted - s[rows, k]) / np.maximum(segments[rows, k], 1e-300)
    moved = points[rows, k] + share[..., None] * (points[rows, k + 1] - points[rows, k])
    fixed = (images == 0) | (images == count - 1) | (images == pinned)
    return np.where(fixed[..., None], points, moved)


def begin(surface: Surface, points: np.ndarray, rule: Rule) -> Paths:
    """Return paths at their start [Q, M, P]; those out of range have diverged."""
    energies, gradients = surface.gradient(points)
    bad = out_of_range(energies, gradients)
    count = len(points)
    return Paths(
        points=points,
        energies=energies,
        gradients=gradients[:, 1:-1],
        step_sizes=np.zeros(count),
        climbers=np.full(count, WAITING if rule.climb else NOBODY),
        residuals=np.full(count, np.nan),
        status=np.where(bad.any(axis=1), DIVERGED, RUNNING),
        status_steps=np.zeros(count, dtype=np.int64),
        bad_images=np.where(bad.any(axis=1), bad.argmax(axis=1), -1),
    )


def advance(surface: Surface, paths: Paths, rule: Rule, step: int, rows: np.ndarray) -> Paths:
    """Try one step of those of the paths `rows` that are running; `step` counts from 1."""
    on = rows[paths.status[rows] == RUNNING]
    now = paths.take(on)
    now, force, largest = _prepared(now, rule, step)
    going = now.status == RUNNING
    paths = paths.put(on, now)
    if not going.any():
        return paths
    moved = _stepped(surface, now.take(going), force[going], largest[going], rule, step)
    return paths.put(on[going], moved)


def _prepared(now: Paths, rule: Rule, step: int) -> tuple[Paths, np.ndarray, np.ndarray]:
    """Choose climbing images, compute forces, and see which paths have converged."""
    force = forces(now, rule.spring)
    largest = np.linalg.norm(force, axis=2).max(axis=1)
    steep = slope(now)
    ready = largest <= CLIMB_AT * rule.tolerance * steep
    chosen = ready & (now.climbers == WAITING)
    if chosen.any():
        top = now.energies[:, 1:-1].argmax(axis=1) + 1
        inside = now.energies.max(axis=1) > np.maximum(now.energies[:, 0], now.energies[:, -1])
        now = replace(
            now,
            climbers=np.where(chosen, np.where(inside, top, NOBODY), now.climbers),
            step_sizes=np.where(chosen, 0.0, now.step_sizes),
        )
        force = forces(now, rule.spring)
        largest = np.linalg.norm(force, axis=2).max(axis=1)
    there = (largest <= rule.tolerance * steep) & (now.climbers != WAITING)
    # A first step, and the first after a climber is chosen, moves images by ERROR spacings.
    first = ERROR * spacing(now.points) / np.maximum(largest, 1e-300)
    now = replace(
        now,
        residuals=largest / np.maximum(steep, 1e-300),
        step_sizes=np.where(now.step_sizes == 0, first, now.step_sizes),
        status=np.where(there, CONVERGED, RUNNING),
        status_steps=np.where(there, step - 1, 0),
    )
    return now, force, largest


def _stepped(
    surface: Surface, now: Paths, force: np.ndarray, largest: np.ndarray, rule: Rule, step: int
) -> Paths:
    """Move the inner images, keep or refuse the move, choose the next step size."""
    d = spacing(now.points)
    h = np.minimum(now.step_sizes, LONGEST * d / np.maximum(largest, 1e-300))
    trial, bad = _trial(surface, now, h[:, None, None] * force, rule)
    fine = ~bad.any(axis=1)
    after = forces(trial, rule.spring)
    kept, h = _judged(force, after, h, d, fine)
    chosen = {
        name: np.where(kept.reshape(-1, *[1] * (array.ndim - 1)), getattr(trial, name), array)
        for name, array in vars(now).items()
        if name in ("points", "energies", "gradients")
    }
    stuck = ~kept & (h * largest < SHORTEST * d)
    straight = np.linalg.norm(now.points[:, -1] - now.points[:, 0], axis=1)
    gone = spacing(chosen["points"]) * (now.points.shape[1] - 1) > RUNAWAY * straight
    lost = (stuck & ~fine) | gone
    culprit = np.where(fine, np.abs(trial.energies).argmax(axis=1), bad.argmax(axis=1) + 1)
    return replace(
        now,
        **chosen,
        step_sizes=h,
        status=np.where(lost, DIVERGED, np.where(stuck, STALLED, RUNNING)),
        status_steps=np.where(lost | stuck, step, 0),
        bad_images=np.where(lost, culprit, -1),
    )


def _trial(surface: Surface, now: Paths, move: np.ndarray, rule: Rule) -> tuple[Paths, np.ndarray]:
    """Return the paths after a move, and which inner images [Q, M - 2] are not finite there."""
    points = now.points.copy()
    points[:, 1:-1] += move
    if rule.spring is None:
        points = respaced(points, now.climbers)
    inner, gradients = surface.gradient(points[:, 1:-1])
    bad = out_of_range(inner, gradients)
    lost = bad.any(axis=1)
    energies = np.c_[now.energies[:, :1], inner, now.energies[:, -1:]]
    energies[lost], gradients[lost] = 0, 0  # such a trial is refused; zeros keep it quiet
    return replace(now, points=points, energies=energies, gradients=gradients), bad


def _judged(
    force: np.ndarray, after: np.ndarray, h: np.ndarray, d: np.ndarray, fine: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return which steps [Q] are kept, and the next step sizes [Q] (ODE12r)."""
    change = after - force
    error = 0.5 * h * np.linalg.norm(change, axis=2).max(axis=1)
    before, left = (np.linalg.norm(f, axis=2).max(axis=1) for f in (force, after))
    # An error as large as the step itself is the mark of a step too long for the stiffest
    # direction. Very small errors are always kept: tangents jump where neighbours change their
    # order, and the residual with them, however small the step.
    small = (left <= GROWTH * before) & (error <= np.minimum(ERROR * d, h * before))
    kept = fine & ((left < before) | small | (error <= ALWAYS * ERROR * d))
    # The step that would leave the least force on a straight course, and the accurate one.
    squared = (change**2).sum(axis=(1, 2))
    least = -h * (force * change).sum(axis=(1, 2)) / np.maximum(squared, 1e-300)
    accurate = 0.5 * h * np.sqrt(ERROR * d / np.maximum(error, 1e-300))
    wanted = np.minimum(np.where(least > 0, least, np.inf), accurate)
    after_kept = np.maximum(0.25 * h, np.minimum(4 * h, wanted))
    after_refused = np.where(fine, np.maximum(0.1 * h, np.minimum(0.25 * h, wanted)), 0.1 * h)
    return kept, np.where(kept, after_kept, after_refused)
