"""The one wording of bad input: argument, what was expected, what came, how to fix it.

Arrays that go straight to compiled code are checked there (``cpp/bindings/arrays.hpp``); what is
checked here is what only Python sees: options, hyper-parameters, data sets and start points.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import math
import numbers
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T", bound=Callable[..., Any])

DTYPES = ("float32", "float64")


def message(argument: str, expected: str, got: str, fix: str = "") -> str:
    """Return the sentence every input error is made of."""
    return f"{argument}: expected {expected}, got {got}." + (f" {fix}" if fix else "")


def show(value: object, width: int = 60) -> str:
    """Return a short repr of `value`: arrays as dtype and shape, long texts as type and start."""
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return f"an array of {value.dtype} and shape {list(value.shape)}"
    text = " ".join(repr(value).split())
    return text if len(text) <= width else f"{text[: width - 3]}... ({type(value).__name__})"


def closest(word: object, allowed: Iterable[str]) -> str:
    """Return "Did you mean 'x'?" for the closest allowed word, or nothing."""
    found = difflib.get_close_matches(str(word), list(allowed), n=1)
    return f"Did you mean {found[0]!r}?" if found else ""


def choice(argument: str, value: object, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of the allowed words, else raise with the list."""
    allowed = tuple(allowed)
    if not isinstance(value, str):
        raise TypeError(message(argument, f"one of {list(allowed)}", show(value)))
    if value not in allowed:
        raise ValueError(
            message(argument, f"one of {list(allowed)}", repr(value), closest(value, allowed))
        )
    return value


def flag(argument: str, value: object) -> bool:
    """Return a plain bool; anything that is not a bool is a mistake, not a truth value."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(message(argument, "True or False", show(value)))
    return bool(value)


def integer(argument: str, value: object, least: int = 1, most: int | None = None) -> int:
    """Return `value` as int if it is a whole number within ``[least, most]``."""
    if type(value) is int and value >= least and (most is None or value <= most):
        return value  # as nearly always; the rest takes a microsecond
    bounds = f"an integer >= {least}" + (f" and <= {most}" if most is not None else "")
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        fix = "Write it without a decimal point." if isinstance(value, float) else ""
        raise TypeError(message(argument, bounds, show(value), fix))
    number = int(value)
    if number < least or (most is not None and number > most):
        raise ValueError(message(argument, bounds, str(number)))
    return number


def _bounds(
    least: float | None, above: float | None, below: float | None, most: float | None
) -> str:
    parts = [
        f"{sign} {bound:g}"
        for sign, bound in ((">=", least), (">", above), ("<", below), ("<=", most))
        if bound is not None
    ]
    return " and ".join(parts)


def per_replica(
    argument: str,
    value: object,
    *,
    least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    most: float | None = None,
    single: bool = False,
) -> Any:
    """Return a float, or a read-only float64 array [R], within the bounds.

    `single` refuses arrays. Infinities and nan are never accepted: an absent limit is None.
    """
    if type(value) is float and (
        math.isfinite(value)
        and (least is None or value >= least)
        and (above is None or value > above)
        and (below is None or value < below)
        and (most is None or value <= most)
    ):
        return value  # as nearly always; the rest takes some microseconds
    limits = _bounds(least, above, below, most)
    expected = f"a finite number {limits}".rstrip() + ("" if single else ", or one per replica [R]")
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(message(argument, expected, show(value)))
    if array.ndim > (0 if single else 1) or array.size == 0:
        raise ValueError(message(argument, expected, show(value)))
    array = np.array(array, dtype=np.float64)
    good = np.isfinite(array)
    for bound, compare in ((least, np.greater_equal), (above, np.greater), (below, np.less),
                           (most, np.less_equal)):  # fmt: skip
        if bound is not None:
            good &= compare(array, bound)
    if not good.all():
        if array.ndim == 0:
            raise ValueError(message(argument, expected, f"{float(array):g}"))
        bad = int(np.flatnonzero(~good)[0])
        raise ValueError(message(argument, expected, f"{array[bad]:g} for replica {bad}"))
    if array.ndim == 0:
        return float(array)
    array.flags.writeable = False
    return array


def real(argument: str, value: object, **bounds: float | None) -> float:
    """Return one finite float within the bounds of `per_replica`."""
    return per_replica(argument, value, single=True, **bounds)


def dtype_name(dtype: object) -> str:
    """Return "float32" or "float64" for any spelling NumPy understands of these two."""
    try:
        name = np.dtype(dtype).name  # type: ignore[call-overload]
    except TypeError:
        name = show(dtype)
    if dtype is None or name not in DTYPES:
        raise ValueError(message("dtype", f"one of {list(DTYPES)}", show(dtype)))
    return name


def finite_array(argument: str, value: object) -> np.ndarray:
    """Return `value` as an array of finite real numbers (any rank), not copied if it is one."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(message(argument, "an array of real numbers", show(value)))
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            message(
                argument,
                "finite numbers only",
                f"{array[at]} at index {list(at)}",
                "Remove or replace such entries.",
            )
        )
    return array


def positive(**arguments: object) -> list[np.ndarray]:
    """Return the arguments as float64 arrays of finite numbers > 0 (any rank), named if not."""
    arrays = []
    for name, value in arguments.items():
        array = finite_array(name, value).astype(np.float64)
        if not (array > 0).all():
            raise ValueError(message(name, "numbers > 0", f"{array.min():g}"))
        arrays.append(array)
    return arrays


def batch(theta: object, dim: int, dtype: str, argument: str = "theta") -> np.ndarray:
    """Return `theta` if it is a C-contiguous [R, P] batch of exactly this dtype, R >= 1."""
    expected = f"a C-contiguous {dtype} array [R, {dim}]"
    if not isinstance(theta, np.ndarray):
        fix = f"Use np.asarray({argument}, dtype='{dtype}')."
        raise TypeError(message(argument, expected, type(theta).__name__, fix))
    if theta.dtype != np.dtype(dtype) or not theta.dtype.isnative:
        fix = f"Use {argument}.astype('{dtype}'), or build the landscape with the other dtype."
        raise TypeError(message(argument, expected, f"dtype {theta.dtype}", fix))
    if theta.ndim != 2:
        fix = f"For one point use {argument}[None]." if theta.ndim == 1 else ""
        raise ValueError(message(argument, expected, f"shape {list(theta.shape)}", fix))
    if theta.shape[1] != dim:
        fix = "The second axis is the parameters of a point; it must match landscape.dim."
        raise ValueError(message(argument, expected, f"shape {list(theta.shape)}", fix))
    if theta.shape[0] == 0:
        raise ValueError(message(argument, "at least one replica (R >= 1)", "R = 0"))
    if not theta.flags.c_contiguous:
        fix = f"Use np.ascontiguousarray({argument})."
        raise ValueError(message(argument, expected, f"strides {list(theta.strides)}", fix))
    return theta


def points(theta: object, dim: int, dtype: str, argument: str = "theta") -> np.ndarray:
    """Return `theta` if it is a `batch` of finite numbers: points a run may start from."""
    theta = batch(theta, dim, dtype, argument)
    if not np.isfinite(theta).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(theta))[0])
        got = f"{theta[row, column]} at replica {row}, parameter {column}"
        raise ValueError(message(argument, "finite numbers only", got))
    return theta


def frozen(array: np.ndarray, dtype: object = None) -> np.ndarray:
    """Return a C-contiguous, read-only copy: later edits of the original cannot reach us."""
    copy = np.array(array, dtype=dtype, order="C", copy=True)  # type: ignore[call-overload]
    copy.flags.writeable = False
    return copy


def converted(argument: str, array: np.ndarray, dtype: str) -> np.ndarray:
    """Return a `frozen` copy of finite `array` in `dtype`; numbers too large for it are refused."""
    with np.errstate(over="ignore"):
        copy = frozen(array, dtype)
    if not np.isfinite(copy).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(copy))[0])
        expected = f"numbers within the range of {dtype}"
        raise ValueError(message(argument, expected, f"{array[at]} at index {list(at)}"))
    return copy


def known_options(target: T) -> T:
    """Make a function or class refuse unknown keyword arguments with the list of known ones."""
    is_class = inspect.isclass(target)
    function = target.__init__ if is_class else target  # type: ignore[misc]
    names = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.name != "self" and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    known = frozenset(names)
    # A decorated __init__ is called by its class's name, as everybody does.
    label = target.__qualname__.removesuffix(".__init__").rpartition(".")[2]

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name not in known:
                hint = closest(name, names) or "No option is close to that."
                raise TypeError(f"{label}: unknown option {name!r}. {hint} Options: {names}.")
        return function(*args, **kwargs)

    if not is_class:
        return checked  # type: ignore[return-value]
    target.__init__ = checked  # type: ignore[misc, method-assign]
    return target
