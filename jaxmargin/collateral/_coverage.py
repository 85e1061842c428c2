"""Coverage: whether what is posted is worth what is required."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmargin.collateral._checks import require_not_negative
from jaxmargin.collateral._haircuts import AbstractHaircuts
from jaxmargin.collateral._holdings import Holdings
from jaxmargin.collateral._limits import ConcentrationLimits, limited_value
from jaxmargin.errors import require

__all__ = ["Coverage", "coverage"]


class Coverage(eqx.Module):
    """What each account has posted, what of it counts, and what is missing; in the numeraire.

    Exact numbers: whoever publishes them rounds values and excess down and shortfalls up.

    Attributes:
        market_value: of everything posted, eligible or not.
        after_haircuts: of what is eligible.
        after_limits: what counts.
        counted: the same for each asset.
        shortfall: what is missing to the requirement; zero if nothing is.
        excess: what counts beyond the requirement; zero if nothing does.
        ratio: what counts, as a multiple of the requirement; infinite where nothing is required.
    """

    market_value: Float[Array, " account"]
    after_haircuts: Float[Array, " account"]
    after_limits: Float[Array, " account"]
    counted: Float[Array, "account asset"]
    shortfall: Float[Array, " account"]
    excess: Float[Array, " account"]
    ratio: Float[Array, " account"]


def coverage(
    holdings: Holdings,
    price: Float[Array, " asset"],
    requirement: Float[Array, " account"],
    haircuts: AbstractHaircuts,
    *,
    eligible: Bool[Array, "#account asset"] | None = None,
    limits: ConcentrationLimits | None = None,
) -> Coverage:
    """Value collateral account by account: eligibility first, then haircuts, then limits.

    Args:
        holdings: what is posted.
        price: `Market.spot`, or better `Marks.price`; zero where an asset has no good mark.
        requirement: such as `Requirement.initial`; not negative.
        haircuts: see `AbstractHaircuts`.
        eligible: what may count at all, such as `eligible & ~wrong_way(...)`; everything if None.
        limits: of concentration; None for none.

    Raises:
        InvalidInputError: a quantity, price or requirement is negative or not finite, or the
            numbers of accounts differ.
    """
    for name, numbers in (
        ("quantity", holdings.quantity),
        ("price", price),
        ("requirement", requirement),
    ):
        require_not_negative("coverage", name, numbers)
    accounts = holdings.quantity.shape[0]
    require(
        requirement.shape[0] == accounts,
        f"coverage: {accounts} accounts post collateral, but {requirement.shape[0]} have a "
        "requirement. Give both in the same order of accounts.",
    )
    posted = holdings if eligible is None else holdings.only(eligible)
    value = haircuts.value(posted.quantity, price)
    counted = value if limits is None else limited_value(value, limits, requirement)
    after_limits = jnp.sum(counted, axis=-1)
    required = requirement > 0.0
    ratio = after_limits / jnp.where(required, requirement, 1.0)
    return Coverage(
        market_value=jnp.sum(holdings.value(price), axis=-1),
        after_haircuts=jnp.sum(value, axis=-1),
        after_limits=after_limits,
        counted=counted,
        shortfall=jnp.maximum(requirement - after_limits, 0.0),
        excess=jnp.maximum(after_limits - requirement, 0.0),
        ratio=jnp.where(required, ratio, jnp.inf),
    )
