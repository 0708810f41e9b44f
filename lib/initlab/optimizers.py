"""From a gradient to a step.

An optimizer changes parameters in place, given their gradients. Its state between steps (a
velocity, running means) belongs to the list of parameters it is called with.
"""

import copy
from typing import Any, Protocol, Self, TypeAlias

import numpy as np

from initlab._engine import checks
from initlab._engine.types import FloatArray

Arrays: TypeAlias = list[FloatArray]


class Optimizer(Protocol):
    """A rule for changing parameters, given their gradients."""

    def step(self, parameters: Arrays, gradients: Arrays) -> None:
        """Change the parameters in place; both lists hold arrays of equal shapes in the same order.

        In a stack of networks each array has a leading axis of length K. Nothing may be reduced
        over it: each network must be trained as if it were alone. If shapes disagree with each
        other or with the stored state, an error is raised and nothing is changed.
        """
        ...

    def reset_copy(self) -> Self:
        """Return an optimizer with the same settings and fresh state."""
        ...


def check_optimizer(optimizer: Any) -> Any:
    """Return ``optimizer`` if it is an instance with ``step`` and ``reset_copy``."""
    methods = hasattr(optimizer, "step") and hasattr(optimizer, "reset_copy")
    if isinstance(optimizer, type) or not methods:
        raise TypeError(f"optimizer={optimizer!r} must be an optimizer, e.g. SGD(0.01)")
    return optimizer


class _Optimizer:
    """The common base of SGD and Adam: state that belongs to one list of parameters."""

    def _clear(self) -> None:
        raise NotImplementedError

    def reset_copy(self) -> Self:
        """Return an optimizer with the same settings and fresh state."""
        other = copy.copy(self)
        other._clear()
        return other


def _check_shapes(parameters: Arrays, gradients: Arrays, memory: Arrays | None) -> None:
    """Raise an error unless all arrays fit each other; there may be no memory yet."""
    shapes = [np.shape(array) for array in parameters]
    for name, arrays in {"gradients": gradients, "memory": memory or parameters}.items():
        found = [np.shape(array) for array in arrays]
        if found != shapes:
            raise ValueError(
                f"{name} of shapes {found} don't fit parameters of shapes {shapes}; "
                "run backward first, or take the optimizer's reset_copy()"
            )


class SGD(_Optimizer):
    """Stochastic gradient descent, optionally with momentum.

    Parameters
    ----------
    learning_rate : float
        At least 0.
    momentum : float
        At least 0 and below 1. 0 is plain gradient descent, which the article uses.

    Notes
    -----
    velocity = momentum * velocity + gradient; parameter -= learning_rate * velocity. Source:
    Sutskever, Martens, Dahl, Hinton (2013), "On the importance of initialization and momentum in
    deep learning", equations 1 and 2, with the learning rate factored out of the velocity.

    Examples
    --------
    >>> parameter = np.array([1.0, 2.0])
    >>> SGD(0.1).step([parameter], [np.array([5.0, 0.0])])
    >>> parameter
    array([0.5, 2. ])
    """

    def __init__(self, learning_rate: float, momentum: float = 0.0):
        self.learning_rate = checks.finite_number("learning_rate", learning_rate, at_least=0)
        self.momentum = checks.finite_number("momentum", momentum, at_least=0, below=1)
        self._clear()

    def _clear(self) -> None:
        self.velocities: Arrays | None = None

    def step(self, parameters: Arrays, gradients: Arrays) -> None:
        """Change the parameters in place; see ``Optimizer.step``."""
        _check_shapes(parameters, gradients, self.velocities)
        if self.momentum == 0:
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= self.learning_rate * gradient
            return
        self.velocities = self.velocities or [np.zeros_like(p) for p in parameters]
        together = zip(parameters, gradients, self.velocities, strict=True)
        for parameter, gradient, velocity in together:
            velocity *= self.momentum
            velocity += gradient
            parameter -= self.learning_rate * velocity

    def __repr__(self) -> str:
        """Return the call that creates this optimizer."""
        momentum = f", momentum={self.momentum:.6g}" if self.momentum else ""
        return f"SGD({self.learning_rate:.6g}{momentum})"


class Adam(_Optimizer):
    """Adam: take steps of mean / root mean square, whose size doesn't depend on the gradient's.

    Parameters
    ----------
    learning_rate : float
        At least 0.
    beta1, beta2 : float
        The decay rates of the running means of the gradient and the squared gradient; at least 0
        and below 1.
    epsilon : float
        Keeps the division finite; above 0.

    Notes
    -----
    Source: Kingma, Ba (2015), "Adam: a method for stochastic optimization", algorithm 1.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ):
        self.learning_rate = checks.finite_number("learning_rate", learning_rate, at_least=0)
        self.beta1 = checks.finite_number("beta1", beta1, at_least=0, below=1)
        self.beta2 = checks.finite_number("beta2", beta2, at_least=0, below=1)
        self.epsilon = checks.finite_number("epsilon", epsilon, above=0)
        self._clear()

    def _clear(self) -> None:
        self.means: Arrays | None = None
        self.squares: Arrays | None = None
        self.steps = 0

    def step(self, parameters: Arrays, gradients: Arrays) -> None:
        """Change the parameters in place; see ``Optimizer.step``."""
        _check_shapes(parameters, gradients, self.means)
        self.means = self.means or [np.zeros_like(p) for p in parameters]
        self.squares = self.squares or [np.zeros_like(p) for p in parameters]
        together = zip(parameters, gradients, self.means, self.squares, strict=True)
        self.steps += 1
        # Both means start at 0; these factors correct the bias towards 0 of the first steps.
        mean_correction = 1 / (1 - self.beta1**self.steps)
        square_correction = 1 / (1 - self.beta2**self.steps)
        for parameter, gradient, mean, square in together:
            mean += (1 - self.beta1) * (gradient - mean)
            square += (1 - self.beta2) * (gradient * gradient - square)
            root = np.sqrt(square * square_correction) + self.epsilon
            parameter -= self.learning_rate * mean_correction * mean / root

    def __repr__(self) -> str:
        """Return the call that creates this optimizer."""
        settings = {"beta1": (self.beta1, 0.9), "beta2": (self.beta2, 0.999)}
        settings["epsilon"] = self.epsilon, 1e-8
        changed = [f", {k}={value:.6g}" for k, (value, usual) in settings.items() if value != usual]
        return f"Adam({self.learning_rate:.6g}{''.join(changed)})"


class WarmUp:
    """Take small steps first: the learning rate grows linearly to its full value.

    Step t of the first ``steps`` is taken at t / steps of the optimizer's learning rate, later
    steps at the full rate.

    Parameters
    ----------
    optimizer : SGD, Adam or any other optimizer with a ``learning_rate``
        A copy of it takes the steps.
    steps : int
        The length of the warm-up; at least 1.

    Notes
    -----
    Source: Goyal et al. (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour",
    section 2.2, gradual warmup.
    """

    def __init__(self, optimizer: Any, steps: int):
        self.optimizer = check_optimizer(optimizer).reset_copy()
        self.steps, self.taken = checks.whole_number("steps", steps), 0
        self.learning_rate = self.optimizer.learning_rate

    def reset_copy(self) -> "WarmUp":
        """Return an optimizer with the same settings and fresh state."""
        other = WarmUp(self.optimizer, self.steps)
        other.learning_rate = self.learning_rate
        return other

    def step(self, parameters: Arrays, gradients: Arrays) -> None:
        """Change the parameters in place as the optimizer does, at this step's learning rate."""
        share = min(1.0, (self.taken + 1) / self.steps)
        self.optimizer.learning_rate = share * self.learning_rate
        try:
            self.optimizer.step(parameters, gradients)
        finally:
            self.optimizer.learning_rate = self.learning_rate
        self.taken += 1

    def __repr__(self) -> str:
        """Return the call that creates this optimizer."""
        return f"WarmUp({self.optimizer!r}, steps={self.steps})"
