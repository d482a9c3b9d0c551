"""Random numbers as a pure function of (seed, stream, step, replica).

The generator is Philox4x32-10 (Salmon et al., SC'11, doi:10.1145/2063384.2063405) with the 64-bit
seed as key and (block, replica, step, stream) as counter. There is no state: replica 17 has the
same noise alone, in a batch of 4096, on any number of threads and after a restart.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _targets
from ._checks import choice, dtype_name, integer, known_options, message, show

__all__ = ["normals", "permutations", "rademacher", "seed_from", "streams", "uniforms"]

_SEEDS = 2**64


def seed_from(rng: Any = None) -> int:
    """Return the 64-bit seed that `rng` stands for (scientific-python SPEC 7).

    Parameters
    ----------
    rng : None, int, sequence of int, SeedSequence, BitGenerator or Generator
        None asks the operating system for a fresh seed. An int in [0, 2**64) *is* the seed, so the
        seed recorded in a result can be given back. A ``SeedSequence`` (or a sequence of ints,
        which makes one) always gives the same seed. A ``Generator`` or ``BitGenerator`` is drawn
        from, so the next call with it gives another seed.

    Returns
    -------
    int
        In [0, 2**64).

    Raises
    ------
    TypeError
        For anything else, ``numpy.random.RandomState`` and bool included.
    ValueError
        For an int out of range.

    References
    ----------
    SPEC 7, https://scientific-python.org/specs/spec-0007/

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> tw.rng.seed_from(7)
    7
    >>> tw.rng.seed_from(np.random.SeedSequence(7)) == tw.rng.seed_from(np.random.SeedSequence(7))
    True
    """
    if rng is None:
        rng = np.random.SeedSequence()
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool):
        return integer("rng", rng, least=0, most=_SEEDS - 1)
    if isinstance(rng, list | tuple | np.ndarray):
        rng = np.random.SeedSequence([integer("rng", word, least=0) for word in rng])
    if isinstance(rng, np.random.SeedSequence):
        return int(rng.generate_state(1, np.uint64)[0])
    if isinstance(rng, np.random.BitGenerator):
        rng = np.random.Generator(rng)
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(0, _SEEDS, dtype=np.uint64))
    expected = "None, an int, a SeedSequence or a numpy.random.Generator"
    raise TypeError(message("rng", expected, show(rng), "Use np.random.default_rng(seed)."))


def _core() -> Any:
    return _targets.load(_targets.default())


def streams() -> dict[str, int]:
    """Return the named streams and their numbers; one name never shares noise with another.

    Examples
    --------
    >>> import thalweg as tw
    >>> "initialization" in tw.rng.streams()
    True
    """
    return dict(_core().streams())


def replica_ids(replicas: Any) -> np.ndarray:
    """Return ids u32 [R]: ``R`` stands for 0 .. R - 1, an array of ids for itself."""
    if isinstance(replicas, int | np.integer) and not isinstance(replicas, bool):
        return np.arange(integer("replicas", replicas, least=1, most=2**32), dtype=np.uint32)
    ids = np.asarray(replicas)
    expected = "the number of replicas R >= 1, or their ids: integers [R] in [0, 2**32)"
    if ids.dtype.kind not in "iu":
        raise TypeError(message("replicas", expected, show(replicas)))
    if ids.ndim != 1 or ids.size == 0:
        raise ValueError(message("replicas", expected, f"shape {list(ids.shape)}"))
    if ids.min() < 0 or ids.max() >= 2**32:
        raise ValueError(message("replicas", expected, f"ids from {ids.min()} to {ids.max()}"))
    return np.ascontiguousarray(ids, dtype=np.uint32)


def batch_ids(replicas: Any, count: int) -> np.ndarray:
    """Return the ids u32 [R] of the `count` rows of a batch: 0 .. R - 1 unless given."""
    if replicas is None:
        return np.arange(count, dtype=np.uint32)
    expected = f"None, or one id for each of the R = {count} rows of theta"
    if np.ndim(replicas) != 1:
        raise ValueError(message("replicas", expected, show(replicas)))
    ids = replica_ids(replicas)
    if len(ids) != count:
        raise ValueError(message("replicas", expected, f"{len(ids)} ids"))
    return ids


def _where(rng: Any, stream: str, step: int, replicas: Any) -> tuple[int, str, int, np.ndarray]:
    choice("stream", stream, streams())
    integer("step", step, least=0, most=2**32 - 1)
    return seed_from(rng), stream, int(step), replica_ids(replicas)


@known_options
def normals(
    rng: Any = None,
    *,
    stream: str,
    step: int = 0,
    replicas: Any,
    count: int,
    dtype: str = "float64",
) -> np.ndarray:
    """Return independent standard normal numbers [R, count].

    Parameters
    ----------
    rng : see `seed_from`
    stream : str
        One of `streams`.
    step : int
        In [0, 2**32).
    replicas : int or int array [R]
        How many, or which: replica r of a batch is replica r alone.
    count : int
        Numbers for each replica.
    dtype : "float64" or "float32"

    Raises
    ------
    ValueError, TypeError
        For an unknown stream or dtype, and for numbers out of range.

    References
    ----------
    Philox4x32-10: Salmon et al., SC'11, doi:10.1145/2063384.2063405.

    Examples
    --------
    >>> import thalweg as tw
    >>> batch = tw.rng.normals(7, stream="initialization", replicas=3, count=4)
    >>> alone = tw.rng.normals(7, stream="initialization", replicas=[2], count=4)
    >>> bool((batch[2] == alone[0]).all())
    True
    """
    where = _where(rng, stream, step, replicas)
    return _core().normals(*where, integer("count", count), dtype_name(dtype))


@known_options
def uniforms(
    rng: Any = None,
    *,
    stream: str,
    step: int = 0,
    replicas: Any,
    count: int,
    dtype: str = "float64",
) -> np.ndarray:
    """Return independent uniform numbers [R, count] between 0 and 1; arguments as in `normals`.

    Examples
    --------
    >>> import thalweg as tw
    >>> tw.rng.uniforms(7, stream="initialization", replicas=2, count=3).shape
    (2, 3)
    """
    where = _where(rng, stream, step, replicas)
    return _core().uniforms(*where, integer("count", count), dtype_name(dtype))


@known_options
def rademacher(
    rng: Any = None,
    *,
    stream: str,
    step: int = 0,
    replicas: Any,
    count: int,
    dtype: str = "float64",
) -> np.ndarray:
    """Return independent signs [R, count], -1 or +1 equally likely; arguments as in `normals`.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> signs = tw.rng.rademacher(7, stream="initialization", replicas=2, count=3)
    >>> bool((np.abs(signs) == 1).all())
    True
    """
    where = _where(rng, stream, step, replicas)
    return _core().rademacher(*where, integer("count", count), dtype_name(dtype))


@known_options
def permutations(
    rng: Any = None, *, stream: str, step: int = 0, replicas: Any, count: int
) -> np.ndarray:
    """Return one random order of 0 .. count - 1 for each replica, int32 [R, count].

    Arguments as in `normals`.

    Examples
    --------
    >>> import thalweg as tw
    >>> orders = tw.rng.permutations(7, stream="initialization", replicas=2, count=5)
    >>> sorted(orders[1].tolist())
    [0, 1, 2, 3, 4]
    """
    where = _where(rng, stream, step, replicas)
    return _core().permutations(*where, integer("count", count, most=2**31 - 1))
