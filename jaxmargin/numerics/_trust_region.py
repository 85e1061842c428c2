"""The least value of a quadratic function within a ball, exactly, convex or not."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.numerics._products import exact_matmul

__all__ = ["minimize_in_ball"]

_STEPS = 50  # of Newton's method; ten suffice but for gradients of very different sizes


def minimize_in_ball(
    gradient: Float[Array, " component"],
    hessian: Float[Array, "component component"],
    radius: Float[Array, ""],
) -> Float[Array, " component"]:
    r"""The point $z$ with the least $g^\top z + \frac12 z^\top H z$ subject to $|z| \le r$.

    It is the global minimum if and only if for some $\nu \ge 0$

    $$ (H + \nu I)\,z = -g, \qquad H + \nu I \succeq 0, \qquad \nu\,(r - |z|) = 0. $$

    In the eigenvectors of $H$, $z_i = -g_i / (\lambda_i + \nu)$, and the secular equation
    $1 / |z(\nu)| = 1 / r$ is solved by Newton's method from the left, where it cannot overshoot:
    its left side is concave. In the hard case, where $g$ has no part along the lowest eigenvectors
    and $\nu = -\lambda_1$ leaves $z$ too short, one of them makes up the length; either sign is
    then optimal. Where several points of a flat valley are optimal, one of them is returned. The
    number of steps is fixed, so that it vectorizes.

    Args:
        gradient: $g$, the slope at zero.
        hessian: $H$, symmetric, definite or not.
        radius: $r$, not negative.

    References:
        More, J. and Sorensen, D. (1983), "Computing a trust region step", SIAM Journal on
        Scientific and Statistical Computing 4, 553-572.
    """
    values, vectors = jnp.linalg.eigh(hessian)
    along = exact_matmul(gradient, vectors)
    rounding = 8.0 * values.shape[0] * jnp.finfo(values.dtype).eps
    rounding = rounding * jnp.maximum(jnp.abs(values[0]), jnp.abs(values[-1]))
    lowest = values[0]
    gap = values - lowest  # the unknown is lowest + nu: exact where nu almost cancels the lowest
    gap = jnp.where(gap > rounding, gap, 0.0)
    length = jnp.where(radius > 0.0, radius, 1.0)

    def point(shift: Float[Array, ""]) -> Float[Array, " component"]:
        below = gap + shift
        return jnp.where(below > 0.0, -along / jnp.where(below > 0.0, below, 1.0), 0.0)

    def newton(shift: Float[Array, ""], _: None) -> tuple[Float[Array, ""], None]:
        z = point(shift)
        below = gap + shift
        size = jnp.linalg.norm(z)
        slope = jnp.sum(jnp.square(z) / jnp.where(below > 0.0, below, 1.0))
        outside = (size > length) & (slope > 0.0)
        step = jnp.square(size) / jnp.where(outside, slope, 1.0) * (size / length - 1.0)
        return shift + jnp.where(outside, step, 0.0), None

    # At this shift the lowest eigenvectors alone reach the sphere.
    reached = jnp.linalg.norm(jnp.where(gap == 0.0, along, 0.0)) / length
    start = jnp.maximum(jnp.maximum(lowest, 0.0), reached)
    shift, _ = jax.lax.scan(newton, start, length=_STEPS)
    z = point(shift)
    size = jnp.linalg.norm(z)
    z = z * jnp.where(size > length, length / jnp.where(size > 0.0, size, 1.0), 1.0)
    short = size < length * (1.0 - 64.0 * jnp.finfo(values.dtype).eps)
    missing = jnp.sqrt(jnp.maximum(jnp.square(length) - jnp.sum(jnp.square(z[1:])), 0.0))
    hard = short & (lowest < -rounding)
    z = z.at[0].set(jnp.where(hard, jnp.where(z[0] < 0.0, -missing, missing), z[0]))
    return jnp.where(radius > 0.0, exact_matmul(vectors, z), 0.0)
