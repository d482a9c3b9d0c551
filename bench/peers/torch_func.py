"""PyTorch with torch.func: vmap over replicas of grad, jvp and hessian; eager, as it ships.

torch.compile is left out: on these sizes it takes tens of seconds to start and is not the best
peer.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.func import functional_call, grad, hessian, jvp, vmap

from ..cases import LEARNING_RATE, SEED, STEP_SIZE, TEMPERATURE, Problem

ACTIVATIONS = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}


def network(case):
    modules = []
    for k, (n_in, n_out) in enumerate(
        zip(case.layer_sizes[:-1], case.layer_sizes[1:], strict=True)
    ):
        modules.append(torch.nn.Linear(n_in, n_out))
        if k < len(case.layer_sizes) - 2:
            modules.append(ACTIVATIONS[case.activation]())
    return torch.nn.Sequential(*modules)


def mean_loss(problem):
    """A function (theta [P], inputs, targets) -> loss of one replica."""
    case, net = problem.case, network(problem.case)
    shapes = {name: parameter.shape for name, parameter in net.named_parameters()}

    def loss(theta, inputs, targets):
        named, at = {}, 0
        for name, shape in shapes.items():  # weight, bias, weight, bias, ...: our order
            named[name] = theta[at : at + shape.numel()].reshape(shape)
            at += shape.numel()
        f = functional_call(net, named, (inputs,))
        if case.loss == "mse":
            return ((f - targets) ** 2).mean()
        if case.loss == "logistic":
            return torch.nn.functional.softplus(-targets * f[:, 0]).mean()
        return torch.nn.functional.cross_entropy(f, targets)

    return loss


def engines(problem: Problem) -> dict:
    """One task; the number of threads is set for the whole process, which is this comparison's."""
    torch.set_num_threads(problem.threads)
    device = problem.device if problem.on_gpu else "cpu"

    def tensor(array):
        return torch.from_numpy(np.array(array)).to(device)

    case, loss = problem.case, mean_loss(problem)
    inputs, targets, start, v = map(
        tensor, (problem.inputs, problem.targets, problem.theta, problem.v)
    )
    slope = vmap(grad(loss), in_dims=(0, None, None))
    batch_slope = vmap(grad(loss), in_dims=(0, 0, 0))
    amplitude = float(np.sqrt(2 * STEP_SIZE * TEMPERATURE))

    def langevin(noise):
        theta, draws = start.clone(), torch.Generator(device).manual_seed(SEED)
        for _ in range(case.steps):
            theta = theta - STEP_SIZE * slope(theta, inputs, targets)
            if noise:
                noise_now = torch.randn(
                    theta.shape, generator=draws, dtype=theta.dtype, device=device
                )
                theta += amplitude * noise_now
        return theta

    def sgd(noise):
        theta = start.clone()
        for batch in tensor(problem.batches).long():
            theta = theta - LEARNING_RATE * batch_slope(theta, inputs[batch], targets[batch])
        return theta

    def product(theta, v):
        return jvp(lambda t: grad(loss)(t, inputs, targets), (theta,), (v,))[1]

    work = {
        "langevin": langevin,
        "sgd": sgd,
        "gradient": lambda noise: slope(start, inputs, targets),
        "hvp": lambda noise: vmap(product)(start, v),
        "energy": lambda noise: vmap(loss, in_dims=(0, None, None))(start, inputs, targets),
        "hessian": lambda noise: vmap(lambda t: hessian(loss)(t, inputs, targets))(start),
    }[case.work]
    return {"torch": lambda noise: work(noise).detach().cpu().numpy()}
