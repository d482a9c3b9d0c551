"""Results: frozen records of arrays and numbers that round-trip through a file exactly.

A file is a NumPy ``.npz`` archive without pickles: one entry per array, and one entry of JSON that
says how they nest. It can be opened with plain ``numpy.load`` where thalweg is not installed.
"""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

__all__ = ["Record", "Result", "check_writable"]

_FORMAT = 1
_META = "thalweg"  # the npz entry that holds the JSON


def check_writable(path: str | os.PathLike[str], argument: str = "path") -> Path:
    """Return `path` if a file can be written there; call it before a long computation.

    Parameters
    ----------
    path : str or path-like
        The file to be written; its folder must exist. An existing file will be replaced.
    argument : str
        Name to use in the message.

    Raises
    ------
    ValueError
        If the folder is missing or not writable, or `path` is a folder.
    TypeError
        If `path` is not a path.

    Examples
    --------
    >>> import tempfile
    >>> from thalweg.results import check_writable
    >>> check_writable(tempfile.gettempdir() + "/chart.npz").name
    'chart.npz'
    """
    try:
        path = Path(path)
    except TypeError:
        raise TypeError(f"{argument}: expected a file name, got {type(path).__name__}.") from None
    folder = path.parent
    expected = f"{argument}: expected a file that can be written, got {str(path)!r}: "
    if path.is_dir():
        raise ValueError(expected + "it is a folder. Add a file name.")
    if not folder.is_dir():
        raise ValueError(expected + f"the folder {str(folder)!r} does not exist. Create it first.")
    probe = folder / f".{path.name}.{os.getpid()}.probe"
    try:  # os.access answers wrongly for root, network drives and read-only mounts
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(
            expected + f"{error.strerror}. Choose a folder you may write to."
        ) from None
    return path


class Record:
    """A frozen dataclass that can be stored in a file; subclasses are known by their name."""

    _known: ClassVar[dict[str, type[Record]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Record._known[cls.__name__] = cls

    def _restored(self) -> None:
        """Hook: called on an object that has just been read from a file."""


def _encode(value: Any, arrays: dict[str, np.ndarray], where: str) -> Any:
    """Return `value` as JSON, moving arrays and NumPy scalars to `arrays`."""
    if value is None or isinstance(value, bool | str) or type(value) in (int, float):
        return value
    if isinstance(value, np.ndarray | np.generic):
        stored = np.asarray(value)
        if stored.dtype.hasobject:
            raise TypeError(f"{where}: expected numbers, got an array of objects.")
        arrays[where] = stored
        return {"array": where, "scalar": isinstance(value, np.generic)}
    if isinstance(value, Record):
        inside = {
            f.name: _encode(getattr(value, f.name), arrays, f"{where}.{f.name}".lstrip("."))
            for f in fields(value)  # type: ignore[arg-type]
            if f.init  # the others live in memory only
        }
        return {"record": type(value).__name__, "fields": inside}
    if isinstance(value, list | tuple):
        items = [_encode(item, arrays, f"{where}.{i}") for i, item in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        pairs = {key: _encode(item, arrays, f"{where}.{key}") for key, item in value.items()}
        return {"dict": pairs}
    raise TypeError(
        f"{where}: expected arrays, numbers, text, None, or lists, tuples, records and dicts with "
        f"text keys of these, got {type(value).__name__}. Store what it measured instead."
    )


def _decode(code: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(code, list):
        return [_decode(item, arrays) for item in code]
    if not isinstance(code, dict):
        return code
    if "array" in code:
        array = arrays[code["array"]]
        return array[()] if code["scalar"] else array
    if "tuple" in code:
        return tuple(_decode(item, arrays) for item in code["tuple"])
    if "dict" in code:
        return {key: _decode(item, arrays) for key, item in code["dict"].items()}
    name = code["record"]
    if name not in Record._known:
        raise ValueError(
            f"path: the file holds a {name!r}, which this thalweg does not know. Import the module "
            f"that defines it, or update thalweg. Known: {sorted(Record._known)}."
        )
    inside = {key: _decode(item, arrays) for key, item in code["fields"].items()}
    loaded = Record._known[name](**inside)
    loaded._restored()
    return loaded


@dataclass(frozen=True, eq=False)
class Result(Record):
    """Base of everything thalweg returns from a measurement: arrays, provenance, save and load.

    Subclass it with ``@dataclass(frozen=True, eq=False)``. Fields may be arrays, numbers, text,
    None, and lists, tuples, records and dicts of these. Derived quantities are methods.

    Attributes
    ----------
    provenance : dict
        What is needed to do it again: version, target, seed, dtype and every argument.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from thalweg.results import Result
    >>> @dataclass(frozen=True, eq=False)
    ... class Heights(Result):
    ...     values: np.ndarray
    >>> print(Heights(np.arange(3.0), provenance={"seed": 1}).summary())
    Heights
      values  float64 [3]
    """

    provenance: dict[str, Any] = field(default_factory=dict, kw_only=True)

    def summary(self) -> str:
        """Return a short table of what was measured."""
        rows = []
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "provenance" or not each.init or value is None:
                continue
            if isinstance(value, np.ndarray):
                value = f"{value.dtype} {list(value.shape)}"
            elif isinstance(value, dict):
                value = ", ".join(value) or "none"
            rows.append((each.name, str(value)))
        width = max((len(name) for name, _ in rows), default=0)
        return "\n".join([type(self).__name__, *(f"  {n:<{width}}  {v}" for n, v in rows)])

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write everything to `path` (an ``.npz`` archive), whole or not at all.

        The file is written under a temporary name beside `path` and renamed, so a reader never sees
        half a file and a failed save leaves the old one.

        Parameters
        ----------
        path : str or path-like
            File to write, used exactly as given. An existing file is replaced.

        Returns
        -------
        pathlib.Path
            The file written.

        Raises
        ------
        ValueError
            If nothing can be written there.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> import thalweg as tw
        >>> well = tw.Quadratic(1.0, dim=2)
        >>> run = tw.Langevin(0.1, 0.1).run(well, np.zeros((4, 2)), steps=20, rng=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = run.save(pathlib.Path(folder) / "run.npz")
        ...     again = tw.Trajectory.load(file)
        >>> bool((again.energies == run.energies).all())
        True
        """
        target = check_writable(path)
        arrays: dict[str, np.ndarray] = {}
        meta = {"format": _FORMAT, "content": _encode(self, arrays, "")}
        text = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
        temporary = target.parent / f".{target.name}.{os.getpid()}.part"
        try:
            with open(temporary, "wb") as file:
                np.savez(file, **{_META: text, **arrays})  # type: ignore[arg-type]
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote; nothing in the file is executed.

        Parameters
        ----------
        path : str or path-like
            A file written by `save`.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is not a thalweg file, or holds another kind of result.

        Examples
        --------
        See `save`.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            meta = json.loads(arrays.pop(_META).tobytes())
        except (KeyError, ValueError, AttributeError, TypeError, EOFError, zipfile.BadZipFile):
            raise ValueError(
                f"path: expected a file written by thalweg's save(), got {os.fspath(path)!r}, "
                f"which is something else or damaged."
            ) from None
        if meta["format"] > _FORMAT:
            raise ValueError(
                f"path: the file has format {meta['format']}, this thalweg reads up to {_FORMAT}. "
                f"Update thalweg."
            )
        loaded = _decode(meta["content"], arrays)
        if not isinstance(loaded, cls):
            raise ValueError(
                f"path: expected a file of a {cls.__name__}, got one of a {type(loaded).__name__}. "
                f"Use {type(loaded).__name__}.load."
            )
        return loaded
