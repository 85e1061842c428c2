"""The largest value of a smooth function within a ball, by local searches from many starts."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.numerics._products import exact_matmul

__all__ = ["BallMaximum", "maximize_in_ball", "search_precision"]

_MEMORY = 10  # values back to which a step may fall, as in the paper
_SUFFICIENT = 1e-4  # share of the promised increase that is enough, as in the paper
_SHORTEST, _LONGEST = 1e-10, 1e10  # of a step, before it is projected


class BallMaximum(NamedTuple):
    """The best of the points at which the searches ended.

    Attributes:
        point: where it is; inside the ball or on the sphere.
        value: the function there.
        spread: `value` less the least that a start ended at; zero if all agree.
        converged: whether the slope at `point` vanishes, or is normal to the sphere: of a step
            along it less than 5e-7 of the radius is left (double precision), where a slope of the
            range of the starts' values over the radius is a step of one radius.
        finite: whether the function and its slope are finite at all starts.
    """

    point: Float[Array, " component"]
    value: Float[Array, ""]
    spread: Float[Array, ""]
    converged: Bool[Array, ""]
    finite: Bool[Array, ""]


class _Climb(NamedTuple):
    """One local search; `share` is how much of the step is being tried."""

    point: Float[Array, " component"]
    value: Float[Array, ""]
    slope: Float[Array, " component"]
    step: Float[Array, " component"]
    share: Float[Array, ""]
    recent: Float[Array, " memory"]
    evaluations: Int[Array, ""]


_Function = Callable[[Float[Array, " component"]], Float[Array, ""]]


def search_precision(dtype: jnp.dtype) -> float:
    """5e-7 in double, 1.7e-3 in single precision: values at a maximum are exact to its square."""
    return float(jnp.finfo(dtype).eps) ** 0.4


def maximize_in_ball(
    function: _Function,
    radius: Float[Array, ""],
    starts: Float[Array, "start component"],
    *,
    iterations: int,
) -> BallMaximum:
    """Largest value of `function` subject to |z| <= `radius`: spectral projected gradient.

    Every start climbs on its own, all at once: a gradient step of the length of Barzilai and
    Borwein, projected onto the ball, is halved until the value exceeds the least of the last ten
    by a share of the promised increase. The best end is the global maximum if a start lies in its
    basin; more starts help. At a kink the search may stop unconverged.

    Args:
        function: smooth, from a point to a number.
        radius: of the ball around zero, positive.
        starts: first points; those outside the ball are projected onto it.
        iterations: most evaluations of the function from one start.

    References:
        Birgin, E., Martinez, J. and Raydan, M. (2000), "Nonmonotone spectral projected gradient
        methods on convex sets", SIAM Journal on Optimization 10, 1196-1211, algorithm 2.2.
    """
    tolerance = search_precision(radius.dtype)
    evaluate = jax.value_and_grad(function)
    starts = jax.vmap(_project, in_axes=(0, None))(starts, radius)
    values, slopes = jax.vmap(evaluate)(starts)
    finite = jnp.isfinite(values) & jnp.all(jnp.isfinite(slopes), axis=1)
    # The size of things, from values: the steepest slope would be that of a jump, if there is one.
    known = jnp.where(finite, values, values[jnp.argmax(finite)])
    extent = jnp.max(known) - jnp.min(known)
    unit = jnp.square(radius) / jnp.where(extent > 0.0, extent, 1.0)
    noise = tolerance**1.5 * extent

    def residual(climb: _Climb) -> Float[Array, ""]:
        left = _project(climb.point + unit * climb.slope, radius) - climb.point
        return jnp.linalg.norm(left) / radius

    def improve(climb: _Climb) -> _Climb:
        trial = climb.point + climb.share * climb.step
        value, slope = evaluate(trial)
        promised = climb.share * exact_matmul(climb.slope, climb.step)
        enough = jnp.min(climb.recent) + _SUFFICIENT * promised - noise
        moved = _advance(climb, trial, value, slope, radius, unit)
        shorter = climb._replace(share=0.5 * climb.share, evaluations=climb.evaluations + 1)
        taken = (value >= enough) & jnp.all(jnp.isfinite(slope))
        return jax.tree.map(lambda a, b: jnp.where(taken, a, b), moved, shorter)

    def climb_from(
        start: Float[Array, " component"],
        value: Float[Array, ""],
        slope: Float[Array, " component"],
    ) -> _Climb:
        step = _project(start + unit * slope, radius) - start
        recent = jnp.full((_MEMORY,), value)
        one = jnp.ones((), radius.dtype)
        climb = _Climb(start, value, slope, step, one, recent, jnp.ones((), jnp.int32))
        return jax.lax.while_loop(
            lambda c: (c.evaluations < iterations) & (residual(c) > tolerance), improve, climb
        )

    ends = jax.vmap(climb_from)(starts, values, slopes)
    converged = jax.vmap(residual)(ends) <= tolerance  # false for NaN
    usable = jnp.where(jnp.isfinite(ends.value), ends.value, -jnp.inf)
    # Of ends that agree up to rounding, one that converged.
    best = jnp.argmax(usable + jnp.where(converged, noise, 0.0))
    value = ends.value[best]
    lowest = jnp.min(jnp.where(jnp.isfinite(ends.value), ends.value, value))
    return BallMaximum(
        point=ends.point[best],
        value=value,
        spread=jnp.maximum(value - lowest, 0.0),
        converged=converged[best],
        finite=jnp.all(finite),
    )


def _project(
    point: Float[Array, " component"], radius: Float[Array, ""]
) -> Float[Array, " component"]:
    """The nearest point of the ball."""
    squared = jnp.sum(jnp.square(point))
    outside = squared > jnp.square(radius)
    size = jnp.sqrt(jnp.where(outside, squared, 1.0))
    return point * jnp.where(outside, radius / size, 1.0)


def _advance(
    climb: _Climb,
    point: Float[Array, " component"],
    value: Float[Array, ""],
    slope: Float[Array, " component"],
    radius: Float[Array, ""],
    unit: Float[Array, ""],
) -> _Climb:
    """The climb at its new point, with the next step to try."""
    move = point - climb.point
    curvature = -exact_matmul(move, slope - climb.slope)
    down = curvature > 0.0  # else the function is convex along the move: a step to the sphere
    ratio = jnp.sum(jnp.square(move)) / jnp.where(down, curvature, 1.0)
    length = jnp.where(down, jnp.clip(ratio, _SHORTEST * unit, _LONGEST * unit), _LONGEST * unit)
    return climb._replace(
        point=point,
        value=value,
        slope=slope,
        step=_project(point + length * slope, radius) - point,
        share=jnp.ones_like(climb.share),
        recent=jnp.roll(climb.recent, 1).at[0].set(value),
        evaluations=climb.evaluations + 1,
    )
