# What every compiled target offers. Letters: R replicas, P parameters, N samples, S_rec records.
# Arrays must be C-contiguous and of exactly the dtype; they may be read-only, none is modified.
# dtype is "float32" or "float64"; threads = 0 stands for default_threads().
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float32] | NDArray[np.float64]

def name() -> str: ...
def lanes(dtype: str, /) -> int: ...
def default_threads() -> int: ...
def fma_peak(dtype: str) -> float: ...

# --- random numbers ---

def philox(counters: NDArray[np.uint32], key: NDArray[np.uint32]) -> NDArray[np.uint32]: ...
def uniforms(
    seed: int, stream: str, step: int, replicas: NDArray[np.uint32], count: int, dtype: str
) -> Reals: ...
def normals(
    seed: int, stream: str, step: int, replicas: NDArray[np.uint32], count: int, dtype: str
) -> Reals: ...
def rademacher(
    seed: int, stream: str, step: int, replicas: NDArray[np.uint32], count: int, dtype: str
) -> Reals: ...
def permutations(
    seed: int, stream: str, step: int, replicas: NDArray[np.uint32], n: int
) -> NDArray[np.int32]: ...
def streams() -> dict[str, int]: ...

# --- elementary functions ---

def elementary(function: str, x: Reals) -> Reals: ...
def elementary_scalar(function: str, x: Reals) -> Reals: ...

# --- landscapes ---

class Landscape32:
    @property
    def dim(self) -> int: ...
    @property
    def dtype(self) -> str: ...
    @property
    def kind(self) -> str: ...
    def energy(self, theta: Reals, threads: int = 0) -> Reals: ...
    def gradient(self, theta: Reals, threads: int = 0) -> tuple[Reals, Reals]: ...
    def hvp(self, theta: Reals, v: Reals, threads: int = 0) -> Reals: ...
    def hessian(self, theta: Reals, threads: int = 0) -> Reals: ...

class Landscape64:
    @property
    def dim(self) -> int: ...
    @property
    def dtype(self) -> str: ...
    @property
    def kind(self) -> str: ...
    def energy(self, theta: Reals, threads: int = 0) -> Reals: ...
    def gradient(self, theta: Reals, threads: int = 0) -> tuple[Reals, Reals]: ...
    def hvp(self, theta: Reals, v: Reals, threads: int = 0) -> Reals: ...
    def hessian(self, theta: Reals, threads: int = 0) -> Reals: ...

class Mlp32(Landscape32):
    def predict(self, theta: Reals, inputs: Reals, threads: int = 0) -> Reals: ...
    def sample_losses(self, theta: Reals, threads: int = 0) -> Reals: ...
    def margins(self, theta: Reals, threads: int = 0) -> Reals: ...

class Mlp64(Landscape64):
    def predict(self, theta: Reals, inputs: Reals, threads: int = 0) -> Reals: ...
    def sample_losses(self, theta: Reals, threads: int = 0) -> Reals: ...
    def margins(self, theta: Reals, threads: int = 0) -> Reals: ...

def formula(
    name: str, dim: int, parameters: dict[str, NDArray[np.float64]], dtype: str
) -> Landscape32 | Landscape64: ...
def mlp(
    layer_sizes: list[int],
    activation: str,
    loss: str,
    scales: list[float],
    bias: bool,
    weight_decay: float,
    inputs: Reals,
    targets: Reals,
    dtype: str,
) -> Mlp32 | Mlp64: ...
def sum(terms: list[Landscape32] | list[Landscape64], /) -> Landscape32 | Landscape64: ...
def callback(
    dim: int,
    dtype: str,
    gradient: Callable[[Reals], tuple[Reals, Reals]],
    energy: Callable[[Reals], Reals],
) -> Landscape32 | Landscape64: ...
def superpotential(
    variables: int,
    degrees: NDArray[np.int32],
    indices: NDArray[np.int32],
    coefficients: NDArray[np.complex128],
    dtype: str,
) -> Landscape32 | Landscape64: ...

class CoupledSystem:
    def __init__(
        self,
        variables: int,
        degrees: NDArray[np.int32],
        indices: NDArray[np.int32],
        coefficients: NDArray[np.complex128],
        symmetry_places: NDArray[np.int32],
        symmetry_values: NDArray[np.complex128],
        sources: NDArray[np.complex128],
    ) -> None: ...
    def linearized(
        self, couplings: NDArray[np.complex128], points: NDArray[np.complex128]
    ) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]: ...
    def find_zeros(
        self,
        couplings: NDArray[np.complex128],
        starts: NDArray[np.complex128],
        steps: int,
        threads: int = 0,
    ) -> dict[str, NDArray[Any]]: ...
    def polish_zeros(
        self,
        couplings: NDArray[np.complex128],
        starts: NDArray[np.complex128],
        threads: int = 0,
    ) -> dict[str, NDArray[Any]]: ...
    def follow_paths(
        self,
        vertices: NDArray[np.complex128],
        starts: NDArray[np.complex128],
        threads: int = 0,
    ) -> dict[str, NDArray[Any]]: ...

# --- dynamics ---

def rule_layout(rule: str, options: dict[str, float]) -> dict[str, list[str]]: ...
def advance(
    landscape: Landscape32 | Landscape64,
    rule: str,
    options: dict[str, float],
    parameters: NDArray[np.float64],
    state: dict[str, NDArray[Any]],
    first_step: int,
    steps: int,
    record_every: int,
    observables: list[str],
    record_points: bool,
    seed: int,
    replicas: NDArray[np.uint32],
    threads: int = 0,
    goes_on: bool = True,
) -> dict[str, Any]: ...
