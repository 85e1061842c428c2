"""The default waterfall: who pays for what defaulters lose, layer after layer."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

__all__ = ["Waterfall", "WaterfallResources", "run_waterfall"]


class WaterfallResources(eqx.Module):
    """What there is to pay losses with, in the numeraire; nothing is negative.

    Attributes:
        margin: margin and collateral that each member has posted; may differ by scenario.
        contribution: of each member to the default fund.
        own_capital: the venue's, or its insurance fund's, ahead of the other members' fund.
        second_capital: the venue's, behind the other members' fund.
        assessment: most that a survivor can be asked for, as a multiple of its contribution.
    """

    margin: Float[Array, "*scenario member"]
    contribution: Float[Array, " member"]
    own_capital: Float[Array, ""]
    second_capital: Float[Array, ""]
    assessment: Float[Array, ""]


class Waterfall(eqx.Module):
    """What each layer pays, in the order in which layers pay; together the whole loss.

    Attributes:
        defaulter_margin: from the margin of each defaulter, for its own loss alone.
        defaulter_fund: from its contribution, likewise.
        own_capital: from the venue's first capital.
        survivors_fund: from the contribution of each survivor, in proportion to contributions.
        second_capital: from the venue's second capital.
        assessments: asked of each survivor, in proportion to contributions.
        gains: taken from the gains of each survivor, in proportion to gains.
        unpaid: what nobody pays.
    """

    defaulter_margin: Float[Array, "*scenario member"]
    defaulter_fund: Float[Array, "*scenario member"]
    own_capital: Float[Array, "*scenario"]
    survivors_fund: Float[Array, "*scenario member"]
    second_capital: Float[Array, "*scenario"]
    assessments: Float[Array, "*scenario member"]
    gains: Float[Array, "*scenario member"]
    unpaid: Float[Array, "*scenario"]


def run_waterfall(
    loss: Float[Array, "*scenario member"],
    defaulted: Bool[Array, "*scenario member"],
    resources: WaterfallResources,
    gain: Float[Array, "*scenario member"] | None = None,
) -> Waterfall:
    """Lay the losses of defaulters on the layers.

    A defaulter's margin and contribution that its own loss does not take go back to it: they pay
    for nobody else. Survivors' contributions and assessments are shared in proportion to
    contributions. Piecewise linear, so differentiable except where a layer is just used up.

    Args:
        loss: of closing out each member, before its margin; not negative. Those of survivors do
            not count.
        defaulted: who defaulted.
        resources: what there is.
        gain: gains of survivors that may be cut at last; none unless given.
    """
    own = jnp.where(defaulted, loss, 0.0)
    margin, contribution = (
        jnp.broadcast_to(part, own.shape) for part in (resources.margin, resources.contribution)
    )
    defaulter_margin = jnp.minimum(own, margin)
    own = own - defaulter_margin
    defaulter_fund = jnp.minimum(own, contribution)
    left = jnp.sum(own - defaulter_fund, axis=-1)
    own_capital = jnp.minimum(left, resources.own_capital)
    left = left - own_capital
    survivors = jnp.where(defaulted, 0.0, contribution)
    survivors_fund, left = _share(left, survivors)
    second_capital = jnp.minimum(left, resources.second_capital)
    left = left - second_capital
    assessments, left = _share(left, survivors * resources.assessment)
    cut = jnp.zeros_like(own) if gain is None else jnp.where(defaulted, 0.0, gain)
    gains, left = _share(left, cut)
    return Waterfall(
        defaulter_margin,
        defaulter_fund,
        own_capital,
        survivors_fund,
        second_capital,
        assessments,
        gains,
        left,
    )


def _share(
    left: Float[Array, "*scenario"], limit: Float[Array, "*scenario member"]
) -> tuple[Float[Array, "*scenario member"], Float[Array, "*scenario"]]:
    """What each member pays of a loss, in proportion to its limit, and what is left."""
    whole = jnp.sum(limit, axis=-1)
    paid = jnp.minimum(left, whole)
    share = paid / jnp.where(whole > 0.0, whole, 1.0)
    return share[..., None] * limit, left - paid
