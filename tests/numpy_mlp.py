"""A plain NumPy network for one point at a time: the slow, readable reference of the tests.

Written from the conventions of the public documentation only (layer by layer ``W [n_out, n_in]``
row-major then ``b [n_out]``; ``z = scale * W a + b``; loss = mean over samples + weight decay),
so a shared mistake with the engine would have to be made twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# activation -> (value, derivative as a function of the pre-activation)
ACTIVATIONS = {
    "identity": (lambda z: z, np.ones_like),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype)),
    "logistic": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "softplus": (lambda z: np.logaddexp(0, z), lambda z: 1 / (1 + np.exp(-z))),
    "sin": (np.sin, np.cos),
}


def log_sum_exp(z: np.ndarray) -> np.ndarray:
    top = z.max(axis=-1, keepdims=True)
    return (top + np.log(np.exp(z - top).sum(axis=-1, keepdims=True)))[..., 0]


def _mse(f, y):
    return ((f - y) ** 2).mean(axis=1), 2 * (f - y) / f.shape[1]


def _logistic(f, y):
    m = y * f
    return np.logaddexp(0, -m)[:, 0], -y / (1 + np.exp(m))


def _hinge_squared(f, y):
    gap = np.maximum(0, 1 - y * f)
    return (gap**2)[:, 0], -2 * y * gap


def _cross_entropy(f, y):
    rows, label = np.arange(len(f)), y[:, 0].astype(int)
    slope = np.exp(f - log_sum_exp(f)[:, None])
    slope[rows, label] -= 1
    return log_sum_exp(f) - f[rows, label], slope


LOSSES = {
    "mse": _mse,
    "logistic": _logistic,
    "hinge_squared": _hinge_squared,
    "cross_entropy": _cross_entropy,
}


def layer_scales(layer_sizes, parameterization) -> list[float]:
    """One factor per layer of weights, ``z = scale * W a + b``."""
    fan_in = np.asarray(layer_sizes[:-1], float)
    scales = {
        "standard": np.ones_like(fan_in),
        "ntk": fan_in**-0.5,
        "mean_field": np.append(fan_in[:-1] ** -0.5, 1 / fan_in[-1]),
    }
    return list(scales[parameterization])


@dataclass(frozen=True)
class NumpyMlp:
    """Energy and gradient of one point ``theta [P]`` on data ``x [N, d]``, ``y [N, o]``."""

    layer_sizes: list[int]
    activation: str = "tanh"
    loss: str = "mse"
    parameterization: str = "standard"
    bias: bool = True
    weight_decay: float = 0.0

    @property
    def dim(self) -> int:
        pairs = zip(self.layer_sizes[:-1], self.layer_sizes[1:], strict=True)
        return sum(n_out * (n_in + self.bias) for n_in, n_out in pairs)

    def split(self, theta):
        """The named layers ``[(W, b), ...]``; b is zero when there is no bias."""
        layers, at = [], 0
        for n_in, n_out in zip(self.layer_sizes[:-1], self.layer_sizes[1:], strict=True):
            weights = theta[at : at + n_out * n_in].reshape(n_out, n_in)
            at += n_out * n_in
            biases = theta[at : at + n_out] if self.bias else np.zeros(n_out)
            at += n_out if self.bias else 0
            layers.append((weights, biases))
        assert at == theta.size
        return layers

    def forward(self, theta, x):
        """Pre-activations of every layer (the last one is the output) and the inputs of each."""
        phi = ACTIVATIONS[self.activation][0]
        scales = layer_scales(self.layer_sizes, self.parameterization)
        inputs, pre = [x], []
        for (weights, biases), scale in zip(self.split(theta), scales, strict=True):
            pre.append(scale * inputs[-1] @ weights.T + biases)
            inputs.append(phi(pre[-1]))
        return pre, inputs[:-1]

    def predict(self, theta, x):
        return self.forward(theta, x)[0][-1]

    def sample_losses(self, theta, x, y):
        return LOSSES[self.loss](self.predict(theta, x), y)[0]

    def energy(self, theta, x, y) -> float:
        decay = self.weight_decay / 2 * theta @ theta
        return self.sample_losses(theta, x, y).mean() + decay

    def gradient(self, theta, x, y) -> np.ndarray:
        slope_of = ACTIVATIONS[self.activation][1]
        scales = layer_scales(self.layer_sizes, self.parameterization)
        pre, inputs = self.forward(theta, x)
        delta = LOSSES[self.loss](pre[-1], y)[1] / len(x)
        layers = self.split(theta)
        pieces = []
        for k in reversed(range(len(layers))):
            pieces.append(delta.sum(axis=0) if self.bias else np.empty(0))
            pieces.append((scales[k] * delta.T @ inputs[k]).ravel())
            if k:
                delta = scales[k] * delta @ layers[k][0] * slope_of(pre[k - 1])
        return np.concatenate(pieces[::-1]) + self.weight_decay * theta

    def signs(self, theta, x, y) -> np.ndarray:
        """Which side of every kink of relu and of the hinge this point is on, as booleans."""
        pre = self.forward(theta, x)[0]
        sides = [z.ravel() > 0 for z in pre[:-1]] if self.activation == "relu" else []
        if self.loss == "hinge_squared":
            sides.append((y * pre[-1]).ravel() < 1)
        return np.concatenate(sides) if sides else np.zeros(0, bool)
