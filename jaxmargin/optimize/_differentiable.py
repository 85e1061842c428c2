"""The optimal cost as a function that JAX can differentiate, batch and compile."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.errors import require
from jaxmargin.optimize._many import optimize_many
from jaxmargin.optimize._problem import AllocationProblem

__all__ = ["optimal_cost"]


def optimal_cost(
    requirement: Float[Array, " venue"], problem: AllocationProblem
) -> Float[Array, ""]:
    """Cost of a period of the cheapest allocation that covers `requirement`.

    The program is solved on the host; its gradient is `Allocation.margin_price`, one of the
    subgradients where there is a kink. Under `vmap` all cases go to `optimize_many` together. So
    `jax.grad` of this function of a margin function of positions is the marginal funding cost of
    each position. Infinite, with NaN as gradient, where the requirement cannot be covered.

    Args:
        requirement: of each venue, >= 0; takes the place of `problem.requirement`.
        problem: everything else.

    Raises:
        InvalidInputError: if the shape differs; within the call of JAX, if a value cannot be used.
    """
    venues = problem.requirement.size
    require(
        requirement.shape == (venues,),
        f"requirement must have shape ({venues},), one for each venue; got {requirement.shape}.",
    )
    value = jax.ShapeDtypeStruct((), requirement.dtype)
    price = jax.ShapeDtypeStruct((venues,), requirement.dtype)

    def solve(r: Array | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        batch = np.asarray(r, np.float64).reshape(-1, venues)
        answer = optimize_many(problem, batch)
        short = answer.shortfall > 0.0
        cost = np.where(short, np.inf, answer.cost)
        slope = np.where(short[:, None], np.nan, answer.margin_price)
        shape = r.shape[:-1]
        dtype = value.dtype
        return cost.reshape(shape).astype(dtype), slope.reshape(r.shape).astype(dtype)

    def both(r: Array) -> tuple[Array, Array]:
        return jax.pure_callback(solve, (value, price), r, vmap_method="expand_dims")

    @jax.custom_vjp
    def cost(r: Array) -> Array:
        return both(r)[0]

    def forward(r: Array) -> tuple[Array, Array]:
        return both(r)

    def backward(slope: Array, cotangent: Array) -> tuple[Array]:
        return (slope * cotangent,)

    cost.defvjp(forward, backward)
    return cost(jnp.asarray(requirement))
