"""Haircuts from volatility, and how fast they may change."""

import equinox as eqx
import jax.numpy as jnp
from jax.scipy.special import ndtri
from jaxtyping import Array, Bool, Float

from jaxmargin.collateral._haircuts import AbstractHaircuts
from jaxmargin.errors import require

__all__ = ["AdjustedHaircuts", "VolatilityHaircuts", "adjust_haircuts"]

_DAYS_PER_YEAR = 365.0


class VolatilityHaircuts(AbstractHaircuts):
    r"""Value at risk of selling in a stressed market, for log-normal prices.

    $$ h = \min\Big(1, \max\big(f, 1 - e^{-(q_c\,\sigma \sqrt{H / 365} + s / 2 + l)}\big)
       + a\,1_{\text{mismatched}}\Big), \quad
       \sigma = \sigma_0 + w\,(\max(\sigma_0, \sigma_1) - \sigma_0), $$

    with the normal quantile $q_c$ of `level`, the volatilities $\sigma_0$ now and $\sigma_1$ in a
    stressed period, and the stress weight $w$. Square-root scaling understates jumps: where history
    is at hand, give `scenario_haircuts` of overlapping periods as the floor $f$.

    An asset any of whose numbers is not finite gets a haircut of 1. Not differentiable where the
    floor, the cap or the larger volatility changes over.

    Attributes:
        volatility: $\sigma_0$, annualized.
        stressed_volatility: $\sigma_1$, annualized.
        spread: $s$, bid-ask spread in a stressed market as a share of the price.
        liquidity: $l$, further cost of a forced sale as a share of the price.
        floor: $f$, lowest haircut before the add-on, in [0, 1].
        mismatched: whether the asset is in another currency than the requirement it covers; one
            row for all accounts, or one each.
        level: confidence level of $q_c$, in (0.5, 1).
        horizon_days: $H$, days to sell; positive.
        stress_weight: $w$, in [0, 1]; 1 takes the larger volatility, and procyclicality falls
            with the share that the stressed one has.
        mismatch_add_on: $a$, in [0, 1].

    References:
        Inputs: Regulation (EU) 153/2013, articles 28 and 41.
    """

    volatility: Float[Array, " asset"]
    stressed_volatility: Float[Array, " asset"]
    spread: Float[Array, " asset"]
    liquidity: Float[Array, " asset"]
    floor: Float[Array, " asset"]
    mismatched: Bool[Array, "#account asset"]
    level: float = eqx.field(static=True, default=0.99)
    horizon_days: float = eqx.field(static=True, default=1.0)
    stress_weight: float = eqx.field(static=True, default=1.0)
    mismatch_add_on: float = eqx.field(static=True, default=0.08)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a setting is out of range."""
        name = "VolatilityHaircuts"
        require(
            0.5 < self.level < 1.0,
            f"{name}.level must lie in (0.5, 1); got {self.level!r}. Write 99 % as 0.99.",
        )
        require(
            0.0 < self.horizon_days < float("inf"),
            f"{name}.horizon_days must be positive; got {self.horizon_days!r}.",
        )
        for field in ("stress_weight", "mismatch_add_on"):
            share = getattr(self, field)
            require(
                0.0 <= share <= 1.0,
                f"{name}.{field} must lie in [0, 1]; got {share!r}. Write 25 % as 0.25.",
            )

    def haircut(self, quantity: Float[Array, "account asset"]) -> Float[Array, "account asset"]:
        """See `AbstractHaircuts.haircut`."""
        parts = (self.volatility, self.stressed_volatility, self.spread, self.liquidity, self.floor)
        known = jnp.all(jnp.isfinite(jnp.stack(parts)), axis=0)
        now, stressed, spread, liquidity, floor = (jnp.where(known, part, 0.0) for part in parts)
        volatility = now + self.stress_weight * jnp.maximum(stressed - now, 0.0)
        move = ndtri(self.level) * volatility * (self.horizon_days / _DAYS_PER_YEAR) ** 0.5
        fraction = jnp.maximum(-jnp.expm1(-(move + 0.5 * spread + liquidity)), floor)
        add_on = jnp.where(self.mismatched, self.mismatch_add_on, 0.0)
        capped = jnp.minimum(fraction[None, :] + add_on, 1.0)
        return jnp.broadcast_to(jnp.where(known[None, :], capped, 1.0), quantity.shape)


class AdjustedHaircuts(eqx.Module):
    """Haircuts after an update, and why they are not the target.

    Attributes:
        fraction: the new haircut, in [0, 1].
        held_back: the limit on steps binds; the rest of the way is left for the next update.
        unknown: there is no usable target, so the haircut stayed.
    """

    fraction: Float[Array, " asset"]
    held_back: Bool[Array, " asset"]
    unknown: Bool[Array, " asset"]


def adjust_haircuts(
    previous: Float[Array, " asset"],
    target: Float[Array, " asset"],
    *,
    largest_rise: Float[Array, " asset"],
    largest_fall: Float[Array, " asset"],
) -> AdjustedHaircuts:
    """Move haircuts towards their targets, no further at once than each asset's class allows.

    Fails closed: a target that is missing or not in [0, 1] leaves the haircut where it is, an asset
    without a previous haircut starts at its target, and one with neither has no value. A limit on
    rises spares posters a cliff, but leaves the venue short of the target until later updates;
    `held_back` says where.

    Args:
        previous: haircuts in force, NaN for a new asset.
        target: such as the haircut for today's volatility; NaN if not known.
        largest_rise: of a haircut in one update, not negative; infinite for no limit.
        largest_fall: likewise, of a fall.
    """
    known = (target >= 0.0) & (target <= 1.0)  # false for NaN
    in_force = (previous >= 0.0) & (previous <= 1.0)
    start = jnp.where(in_force, previous, jnp.where(known, target, 1.0))
    goal = jnp.where(known, target, start)
    moved = jnp.clip(goal, start - largest_fall, start + largest_rise)
    return AdjustedHaircuts(moved, moved != goal, ~known)
