"""Size of a default or insurance fund from stress losses of members."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.errors import require
from jaxmargin.risk import ExpectedShortfall

__all__ = ["FundSizing", "size_fund"]


class FundSizing(eqx.Module):
    """What a fund must hold by several rules, and what decides; amounts in the numeraire.

    Attributes:
        largest: the three largest exposures of members in each scenario, largest first; 0 where
            there are fewer members.
        member: whose they are; -1 where there are fewer members or no exposure is left.
        total: exposure of all members together.
        cover_one: largest exposure of one member over the scenarios.
        cover_two: largest sum of the two largest.
        largest_or_next_two: largest, over the scenarios, of the larger of the largest exposure and
            the sum of the second and third, as Regulation (EU) 648/2012, article 42(3), asks of
            a default fund.
        scenario: the scenario that decides `cover_one`, `cover_two` and `largest_or_next_two`; the
            first of equal ones.
        expected: mean of `total` over the scenarios, by their weights.
        tail: expected shortfall of `total` at the level asked for.
    """

    largest: Float[Array, "three scenario"]
    member: Int[Array, "three scenario"]
    total: Float[Array, " scenario"]
    cover_one: Float[Array, ""]
    cover_two: Float[Array, ""]
    largest_or_next_two: Float[Array, ""]
    scenario: Int[Array, " three"]
    expected: Float[Array, ""]
    tail: Float[Array, ""]


def size_fund(
    exposures: Float[Array, "member scenario"],
    weight: Float[Array, " scenario"],
    *,
    level: float = 0.99,
) -> FundSizing:
    """Sizes of a fund that survives the default of the largest members.

    Differentiable except where exposures are equal. An exposure that is not a number makes the
    sizes of its scenario, and those over all scenarios, not a number.

    Args:
        exposures: losses of each member beyond its resources, not negative; see
            `member_exposures`.
        weight: relative weight of each scenario.
        level: of the expected shortfall of the total, in (0, 1).

    Raises:
        InvalidInputError: there is no member or no scenario, or `level` is outside (0, 1).
    """
    require(
        min(exposures.shape) > 0,
        "size_fund: exposures must have a member and a scenario; "
        f"got {exposures.shape[0]} x {exposures.shape[1]}.",
    )
    return _size(exposures, weight, ExpectedShortfall(level))


@eqx.filter_jit
def _size(
    exposures: Float[Array, "member scenario"],
    weight: Float[Array, " scenario"],
    shortfall: ExpectedShortfall,
) -> FundSizing:
    left, largest, member = exposures, [], []
    rows = jnp.arange(exposures.shape[0])[:, None]
    for _ in range(3):
        who = jnp.argmax(left, axis=0)
        amount = jnp.take_along_axis(left, who[None, :], axis=0)[0]
        there = ~(amount <= 0.0)  # what is not a number is no exposure of nothing, so it stays
        largest.append(jnp.where(there, amount, 0.0))
        member.append(jnp.where(there, who, -1).astype(jnp.int32))
        left = jnp.where(rows == who[None, :], 0.0, left)
    first, second, third = largest
    total = jnp.sum(exposures, axis=0)
    by_rule = jnp.stack([first, first + second, jnp.maximum(first, second + third)])
    scenario = jnp.argmax(jax.lax.stop_gradient(by_rule), axis=1)
    sizes = jnp.take_along_axis(by_rule, scenario[:, None], axis=1)[:, 0]
    return FundSizing(
        largest=jnp.stack(largest),
        member=jnp.stack(member),
        total=total,
        cover_one=sizes[0],
        cover_two=sizes[1],
        largest_or_next_two=sizes[2],
        scenario=scenario.astype(jnp.int32),
        expected=jnp.sum(weight * total) / jnp.sum(weight),
        tail=shortfall(-total[None, :], weight)[0],
    )
