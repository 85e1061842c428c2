"""Small nonlinear least-squares problems, many at once under `vmap`."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmargin.numerics._products import exact_matmul

__all__ = ["LeastSquares", "minimize_squares"]

_LAST = 10  # steps at the end whose progress decides convergence
_ENOUGH = 0.005  # of the root of the sum of squares
_SHRINK, _GROW = 0.2, 4.0  # of the damping, after a step taken and a step refused
_FIRST, _LOWEST, _HIGHEST = 1e-2, 1e-9, 1e9  # damping

_State = tuple[Float[Array, " parameter"], Float[Array, ""], Float[Array, ""]]


class LeastSquares(NamedTuple):
    """Where the iteration ended.

    Attributes:
        parameters: the best parameters.
        cost: their sum of squared residuals.
        converged: whether the last ten steps lowered the root of that sum by less than 0.5 % or
            by less than is negligible.
    """

    parameters: Float[Array, " parameter"]
    cost: Float[Array, ""]
    converged: Bool[Array, ""]


def minimize_squares(
    residual: Callable[[Float[Array, " parameter"]], Float[Array, " residual"]],
    start: Float[Array, " parameter"],
    *,
    steps: int,
    negligible: Float[Array, ""],
) -> LeastSquares:
    r"""Levenberg and Marquardt's method with a fixed number of steps, so that it vectorizes.

    Each step solves $(J^\top J + \lambda\,\mathrm{diag}(J^\top J))\,\delta = -J^\top r$ and is
    taken if it lowers $r^\top r$. Steps that end outside the domain of `residual` (NaN) are
    refused like any that do not improve.

    Args:
        residual: parameters to residuals.
        start: first parameters.
        steps: steps in all, more than ten.
        negligible: change of the root of the sum of squares that does not matter.

    References:
        Marquardt, D. (1963), "An algorithm for least-squares estimation of nonlinear parameters",
        Journal of the Society for Industrial and Applied Mathematics 11, 431-441.
    """
    jacobian = jax.jacfwd(residual)

    def cost_of(parameters: Float[Array, " parameter"]) -> Float[Array, ""]:
        return jnp.sum(jnp.square(residual(parameters)))

    def step(state: _State, _: None) -> tuple[_State, None]:
        parameters, cost, damping = state
        slope = jacobian(parameters)
        normal = exact_matmul(slope.T, slope)
        diagonal = jnp.diag(normal)
        # A parameter that moves nothing has a zero on the diagonal; it stays where it is.
        damped = normal + jnp.diag(damping * diagonal + jnp.where(diagonal > 0.0, 0.0, 1.0))
        move = jnp.linalg.solve(damped, -exact_matmul(slope.T, residual(parameters)))
        moved = parameters + move
        cost_moved = cost_of(moved)
        better = cost_moved < cost
        damping = jnp.clip(damping * jnp.where(better, _SHRINK, _GROW), _LOWEST, _HIGHEST)
        parameters = jnp.where(better, moved, parameters)
        return (parameters, jnp.where(better, cost_moved, cost), damping), None

    state = (start, cost_of(start), jnp.full((), _FIRST, start.dtype))
    state, _ = jax.lax.scan(step, state, length=steps - _LAST)
    (parameters, cost, _), _ = jax.lax.scan(step, state, length=_LAST)
    before = jnp.sqrt(state[1])
    converged = before - jnp.sqrt(cost) <= jnp.maximum(_ENOUGH * before, negligible)
    return LeastSquares(parameters, cost, converged)
