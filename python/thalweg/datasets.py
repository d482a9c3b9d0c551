"""Data sets: real digits, random labels, teachers, and your own arrays.

Letters: N samples, d features, R replicas. Data may be shared by all replicas, ``[N, d]``, or one
set per replica, ``[R, N, d]``. Everything random is a function of seed and replica only: the
data of replica 5 are the same in a batch of 8 and in one of 800.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import rng as _rng
from ._checks import choice, finite_array, flag, frozen, integer, known_options, message, real, show

__all__ = ["Dataset", "digits", "from_arrays", "random_labels", "teacher_student"]


@known_options
@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs with targets, checked and read-only.

    Parameters
    ----------
    inputs : array [N, d] or [R, N, d]
        Finite real numbers.
    targets : array [N], [R, N], [N, outputs] or [R, N, outputs]
        Labels (+-1, or class numbers 0 .. C - 1) or values to fit.
    name : str
        For tables and provenance.
    classes : sequence of str, optional
        Names of the classes.
    test_inputs, test_targets : arrays, optional
        Samples kept out of training, of the same kinds. Both or neither.

    Raises
    ------
    TypeError, ValueError
        If arrays are empty, not real, not finite or do not fit together; says where.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> tw.datasets.Dataset(np.zeros((3, 2)), np.array([1, -1, 1]), name="toy").n_samples
    3
    """

    inputs: np.ndarray
    targets: np.ndarray
    name: str
    classes: tuple[str, ...] | None = None
    test_inputs: np.ndarray | None = None
    test_targets: np.ndarray | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(message("name", "a text", show(self.name)))
        if (self.test_inputs is None) != (self.test_targets is None):
            missing = "test_inputs" if self.test_inputs is None else "test_targets"
            raise ValueError(message(missing, "both test arrays or neither", "None"))
        for prefix in ("", "test_") if self.test_inputs is not None else ("",):
            inputs, targets = _pair(prefix, getattr(self, f"{prefix}inputs"),
                                    getattr(self, f"{prefix}targets"))  # fmt: skip
            object.__setattr__(self, f"{prefix}inputs", inputs)
            object.__setattr__(self, f"{prefix}targets", targets)
        if self.test_inputs is not None and self.test_inputs.shape[-1] != self.n_features:
            got = f"{self.test_inputs.shape[-1]} features"
            raise ValueError(message("test_inputs", f"{self.n_features} features", got))
        if self.classes is not None:
            object.__setattr__(self, "classes", tuple(str(each) for each in self.classes))

    @property
    def n_samples(self) -> int:
        """N, the number of training samples (of each replica)."""
        return self.inputs.shape[-2]

    @property
    def n_features(self) -> int:
        """The number d of features of a sample."""
        return self.inputs.shape[-1]

    def __repr__(self) -> str:
        test = "" if self.test_inputs is None else f", test {list(self.test_inputs.shape)}"
        return f"Dataset({self.name!r}, inputs {list(self.inputs.shape)}{test})"


def _pair(prefix: str, inputs: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return read-only copies of inputs and targets after checking that they fit."""
    label = f"{prefix}inputs"
    inputs = finite_array(label, inputs)
    if inputs.ndim not in (2, 3):
        fix = "One feature is [N, 1]." if inputs.ndim == 1 else ""
        raise ValueError(
            message(label, "shape [N, d] or [R, N, d]", f"shape {list(inputs.shape)}", fix)
        )
    if 0 in inputs.shape:
        raise ValueError(message(label, "at least one of each", f"shape {list(inputs.shape)}"))
    targets = finite_array(f"{prefix}targets", targets)
    n = inputs.shape[-2]
    axes = {1: targets.shape[:1], 2: targets.shape, 3: targets.shape[1:2]}.get(targets.ndim, ())
    if n not in axes or 0 in targets.shape:
        expected = f"one for each of N = {n} samples: [N], [R, N], [N, outputs] or [R, N, outputs]"
        raise ValueError(message(f"{prefix}targets", expected, f"shape {list(targets.shape)}"))
    return frozen(inputs), frozen(targets)


@known_options
def from_arrays(
    inputs: Any,
    targets: Any,
    *,
    name: str = "arrays",
    classes: Any = None,
    test_inputs: Any = None,
    test_targets: Any = None,
) -> Dataset:
    """Return a `Dataset` of your own arrays; they are copied, checked and made read-only.

    Parameters and errors as in `Dataset`.

    Examples
    --------
    >>> import numpy as np
    >>> import thalweg as tw
    >>> x = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> tw.datasets.from_arrays(x, np.array([1, -1]))
    Dataset('arrays', inputs [2, 2])
    """
    return Dataset(inputs, targets, name, classes, test_inputs, test_targets)


def _normals(seed: int, step: int, replicas: int | None, *shape: int) -> np.ndarray:
    """Return standard normals [*shape], or [R, *shape]; sharing means the data of replica 0."""
    count = int(np.prod(shape))
    drawn = _rng.normals(seed, stream="data", step=step, replicas=replicas or 1, count=count)
    return drawn.reshape(-1, *shape) if replicas else drawn.reshape(shape)


@known_options
def random_labels(
    samples: int, features: int, rng: Any = None, replicas: int | None = None
) -> Dataset:
    """Return standard normal inputs with labels +-1 drawn independently of them.

    Parameters
    ----------
    samples, features : int
        N and d.
    rng : see `thalweg.rng.seed_from`
    replicas : int, optional
        R sets, one per replica: inputs [R, N, d], targets [R, N]. By default one shared set, equal
        to that of replica 0.

    Raises
    ------
    TypeError, ValueError
        If a count is not a positive integer.

    References
    ----------
    The ensemble of E. Gardner, J. Phys. A 21, 257 (1988), doi:10.1088/0305-4470/21/1/030.

    Examples
    --------
    >>> import thalweg as tw
    >>> tw.datasets.random_labels(samples=40, features=10, rng=0)
    Dataset('random labels', inputs [40, 10])
    """
    integer("samples", samples), integer("features", features)
    if replicas is not None:
        integer("replicas", replicas)
    seed = _rng.seed_from(rng)
    inputs = _normals(seed, 0, replicas, samples, features)
    labels = _rng.rademacher(seed, stream="data", step=1, replicas=replicas or 1, count=samples)
    return Dataset(inputs, labels if replicas else labels[0], "random labels")


@known_options
def teacher_student(
    samples: int,
    features: int,
    hidden: int,
    rng: Any = None,
    task: str = "classification",
    noise: float = 0.0,
    test_samples: int = 0,
    replicas: int | None = None,
) -> Dataset:
    """Return standard normal inputs with targets given by a random teacher network.

    The teacher is ``f(x) = K^(-1/2) sum_k a_k tanh(w_k . x / sqrt(d))`` with standard normal `a`
    and `w`; for "classification" the label is ``sign f``.

    Parameters
    ----------
    samples, features, hidden : int
        N, d, and the number K of hidden units of the teacher.
    rng : see `thalweg.rng.seed_from`
    task : "classification" or "regression"
        Targets are labels +-1 [N], or values [N].
    noise : float
        Probability in [0, 1/2] that a training label is flipped, or the standard deviation of
        normal noise added to training values. Test targets have none.
    test_samples : int
        Samples for testing, 0 for none.
    replicas : int, optional
        R sets with R teachers, one per replica. By default one shared set: that of replica 0.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> import thalweg as tw
    >>> tw.datasets.teacher_student(40, 10, hidden=3, rng=0, test_samples=100)
    Dataset('teacher-student', inputs [40, 10], test [100, 10])
    """
    integer("samples", samples), integer("features", features), integer("hidden", hidden)
    integer("test_samples", test_samples, least=0)
    if replicas is not None:
        integer("replicas", replicas)
    labels = choice("task", task, ("classification", "regression")) == "classification"
    noise = real("noise", noise, least=0, most=0.5 if labels else None)
    seed = _rng.seed_from(rng)
    w = _normals(seed, 0, replicas, hidden, features)
    a = _normals(seed, 1, replicas, hidden, 1)

    def teach(inputs: np.ndarray) -> np.ndarray:
        units = np.tanh(inputs @ np.swapaxes(w, -1, -2) / np.sqrt(features))
        values = (units @ a)[..., 0] / np.sqrt(hidden)
        return np.where(values >= 0, 1.0, -1.0) if labels else values

    inputs = _normals(seed, 2, replicas, samples, features)
    targets = teach(inputs)
    if noise and labels:
        drawn = _rng.uniforms(seed, stream="data", step=3, replicas=replicas or 1, count=samples)
        targets = np.where(drawn.reshape(targets.shape) < noise, -targets, targets)
    elif noise:
        targets = targets + noise * _normals(seed, 3, replicas, samples)
    if not test_samples:
        return Dataset(inputs, targets, "teacher-student")
    test = _normals(seed, 4, replicas, test_samples, features)
    return Dataset(inputs, targets, "teacher-student", None, test, teach(test))


@known_options
def digits(train: int | None = None, rng: Any = None, standardize: bool = True) -> Dataset:
    """Return the 1797 handwritten digits (8 x 8 pixels, 10 classes) that scikit-learn ships.

    Parameters
    ----------
    train : int, optional
        Size of the training set; the rest is for testing. By default all 1797 train, none test.
    rng : see `thalweg.rng.seed_from`
        Chooses which images train. Not used where all do.
    standardize : bool
        Subtract from each pixel its mean over the training set, and divide all pixels by one
        number: the standard deviation of what is left. (Not pixel by pixel: some are almost always
        blank.) False leaves pixels in 0 .. 16.

    Raises
    ------
    ImportError
        If scikit-learn is not installed: ``pip install "thalweg[data]"``.
    TypeError, ValueError
        If `train` is not in 1 .. 1797.

    References
    ----------
    E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository (1998): the 1797 images of its test set.

    Examples
    --------
    >>> import thalweg as tw
    >>> tw.datasets.digits(train=1000, rng=0)
    Dataset('digits', inputs [1000, 64], test [797, 64])
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ImportError(
            "datasets.digits needs scikit-learn, which ships the images: "
            'pip install "thalweg[data]", or pip install scikit-learn'
        ) from None
    images, labels = load_digits(return_X_y=True)
    total = len(images)
    flag("standardize", standardize)
    train = total if train is None else integer("train", train, most=total)
    if train < total:
        order = _rng.permutations(rng, stream="data", replicas=1, count=total)[0]
        images, labels = images[order], labels[order]
    if standardize:
        images = images - images[:train].mean(axis=0)
        images = images / images[:train].std()
    names = tuple("0123456789")
    if train == total:
        return Dataset(images, labels, "digits", names)
    return Dataset(images[:train], labels[:train], "digits", names, images[train:], labels[train:])
