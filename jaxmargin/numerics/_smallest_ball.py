"""The smallest ball within which a function reaches a value."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jaxmargin.numerics._ball_search import BallMaximum, maximize_in_ball, search_precision
from jaxmargin.numerics._ball_starts import ball_starts

__all__ = ["SmallestBall", "reach_in_ball"]

_BALLS = 60  # tried at most; about ten are the rule


class SmallestBall(NamedTuple):
    """Where a function reaches a value.

    Attributes:
        maximum: of the function within the smallest ball; within the largest one if it does not
            reach the value even there.
        reached: whether it does.
    """

    maximum: BallMaximum
    reached: Bool[Array, ""]


class _Bracket(NamedTuple):
    """A ball that is too small and one that is not; excesses steer the next radius."""

    low: Float[Array, ""]
    low_excess: Float[Array, ""]  # largest value less the amount, halved as Illinois has it
    low_point: Float[Array, " component"]
    high: Float[Array, ""]
    high_excess: Float[Array, ""]
    maximum: BallMaximum  # within the larger ball
    reached_last: Bool[Array, ""]
    balls: Int[Array, ""]
    done: Bool[Array, ""]


def reach_in_ball(
    function: Callable[[Float[Array, " component"]], Float[Array, ""]],
    amount: Float[Array, ""],
    largest: Float[Array, ""],
    key: Key[Array, ""],
    *,
    components: int,
    random: int,
    iterations: int,
) -> SmallestBall:
    """The maximum within the smallest ball around zero in which `function` reaches `amount`.

    The largest value within a ball rises with its radius. The root lies between zero and
    `largest` and is found by false position, with Illinois' rule: an end that stays twice counts
    half. Each ball is searched from `ball_starts` and from the best points of the bracket. The
    value is met to 4e-10 of its distance to the value at zero, in double precision, or the radius
    is known to 4e-10 of itself.

    Args:
        function: see `maximize_in_ball`.
        amount: value to reach.
        largest: radius of the largest ball, positive.
        key: random key of the starts.
        components: dimensions of the ball.
        random: random starts in each ball.
        iterations: see `maximize_in_ball`.

    References:
        Dowell, M. and Jarratt, P. (1971), "A modified regula falsi method for computing the root
        of an equation", BIT 11, 168-174.
    """
    tolerance = search_precision(largest.dtype) ** 1.5
    center = jnp.zeros((components,), largest.dtype)
    today = function(center)
    finite = jnp.isfinite(today)

    def largest_within(radius: Float[Array, ""], warm: Float[Array, "2 component"]) -> BallMaximum:
        starts = ball_starts(function, radius, key, components=components, random=random)
        starts = jnp.concatenate([starts, warm])
        return maximize_in_ball(function, radius, starts, iterations=iterations)

    def narrow(bracket: _Bracket) -> _Bracket:
        first = bracket.balls == 0
        gap = jnp.where(first, 1.0, bracket.high_excess - bracket.low_excess)
        falling = bracket.low * bracket.high_excess - bracket.high * bracket.low_excess
        radius = jnp.where(first, largest, falling / gap)
        outer = bracket.maximum.point * (radius / bracket.high)
        found = largest_within(radius, jnp.stack([bracket.low_point, outer]))
        excess = found.value - amount
        negligible = tolerance * (amount - today)
        reached = excess >= -negligible
        same = ~first & (reached == bracket.reached_last)
        factor = jnp.where(same, 0.5, 1.0)
        high = jnp.where(reached, jnp.linalg.norm(found.point), bracket.high)
        low = jnp.where(reached, bracket.low, radius)
        done = jnp.abs(excess) <= negligible
        done |= high - low <= tolerance * high
        done |= ~found.finite | (first & ~reached)
        return _Bracket(
            low=low,
            low_excess=jnp.where(reached, bracket.low_excess * factor, excess),
            low_point=jnp.where(reached, bracket.low_point, found.point),
            high=high,
            high_excess=jnp.where(reached, excess, bracket.high_excess * factor),
            maximum=jax.tree.map(
                lambda new, old: jnp.where(reached | first, new, old), found, bracket.maximum
            ),
            reached_last=reached,
            balls=bracket.balls + 1,
            done=done,
        )

    nowhere = BallMaximum(center, today, jnp.zeros_like(today), jnp.ones((), bool), finite)
    at_center = (today >= amount) | ~finite
    bracket = _Bracket(
        low=jnp.zeros_like(largest),
        low_excess=today - amount,
        low_point=center,
        high=largest,
        high_excess=jnp.zeros_like(today),
        maximum=nowhere,
        reached_last=at_center,
        balls=jnp.zeros((), jnp.int32),
        done=at_center,
    )
    bracket = jax.lax.while_loop(lambda b: ~b.done & (b.balls < _BALLS), narrow, bracket)
    maximum = bracket.maximum
    maximum = maximum._replace(converged=maximum.converged & bracket.done)
    # Only the first ball can end the search without reaching the amount.
    return SmallestBall(maximum, bracket.reached_last | (bracket.balls > 1))
