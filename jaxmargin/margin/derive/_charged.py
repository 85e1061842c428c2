"""What the charging part of every rule reads: values and sums of one account, in any markets."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

__all__ = [
    "ExpiryValues",
    "HeldCoins",
    "MarketQuotes",
    "OptionLegs",
    "PortfolioCharge",
    "PortfolioHoldings",
    "sum_groups",
]


class OptionLegs(eqx.Module):
    """Options of one account without their values; rows of quantity zero are padding.

    Attributes:
        expiry: row of the expiry in `MarketQuotes`.
        strike: in USD.
        sign: 1 for a call, -1 for a put.
        quantity: in coins, long positive.
    """

    expiry: Int[Array, " option"]
    strike: Float[Array, " option"]
    sign: Float[Array, " option"]
    quantity: Float[Array, " option"]


class ExpiryValues(eqx.Module):
    """Value of an account's options of each expiry, in USD.

    Attributes:
        mark: today.
        scenario: in every scenario, before static discounts and damping.
        up: with forwards raised against spot.
        down: with forwards lowered against spot.
    """

    mark: Float[Array, " expiry"]
    scenario: Float[Array, "expiry scenario"]
    up: Float[Array, " expiry"]
    down: Float[Array, " expiry"]


class MarketQuotes(eqx.Module):
    """Quotes of markets, and of their expiries one after another.

    Attributes:
        spot: price of each market's coin, in USD.
        stable_price: USD for one unit of the stablecoin.
        spot_confidence: of `spot`, in [0, 1].
        perpetual_confidence: of the price of the market's perpetual.
        market: row of the market of each expiry.
        years: to expiry.
        rate: annualized, not negative.
        expiry_confidence: lowest confidence of what an expiry's own values depend on.
    """

    spot: Float[Array, " market"]
    stable_price: Float[Array, ""]
    spot_confidence: Float[Array, " market"]
    perpetual_confidence: Float[Array, " market"]
    market: Int[Array, " expiry"]
    years: Float[Array, " expiry"]
    rate: Float[Array, " expiry"]
    expiry_confidence: Float[Array, " expiry"]

    def of_expiries(self, amount: Float[Array, "expiry *more"]) -> Float[Array, "market *more"]:
        """Sum over the expiries of each market."""
        return sum_groups(amount, self.market, self.spot.shape[0])


class PortfolioHoldings(eqx.Module):
    """What one account holds, as the portfolio rules charge it.

    Attributes:
        values: of the options.
        naked: coins in short options without cover, see `naked_shorts`.
        gross: coins in options, long and short added up.
        perpetual: coins of perpetuals, long positive.
        perpetual_pnl: P&L of the perpetuals in every scenario, not damped.
    """

    values: ExpiryValues
    naked: Float[Array, " expiry"]
    gross: Float[Array, " expiry"]
    perpetual: Float[Array, " market"]
    perpetual_pnl: Float[Array, "market scenario"]


class HeldCoins(eqx.Module):
    """Coins that one account holds as collateral.

    Attributes:
        value: in units of the stablecoin; negative where coins are owed.
        moving: the part of `value` that moves in the scenarios of `market`.
        market: row of the market that each belongs to.
        confidence: of its price and of the market's spot, the lower.
        maintenance_haircut: share of the value that does not count for maintenance.
        initial_haircut: further share that does not count for initial margin.
    """

    value: Float[Array, " coin"]
    moving: Float[Array, " coin"]
    market: Int[Array, " coin"]
    confidence: Float[Array, " coin"]
    maintenance_haircut: Float[Array, " coin"]
    initial_haircut: Float[Array, " coin"]

    @property
    def size(self) -> Float[Array, " coin"]:
        """Value without its sign: what is owed is charged like what is held."""
        return jnp.where(self.value < 0.0, -self.value, self.value)


class PortfolioCharge(eqx.Module):
    """Charges of one account by market, loss positive; see `PortfolioMargin`.

    Attributes:
        initial: named parts of the initial requirement.
        maintenance: named parts of the maintenance requirement.
        scenario_pnl: P&L of every scenario, gain positive.
        basis_pnl: P&L of forwards moving against spot, not positive.
        worst: scenario of the lowest P&L; the number of scenarios where `basis_pnl` is lower.
    """

    initial: dict[str, Float[Array, " market"]]
    maintenance: dict[str, Float[Array, " market"]]
    scenario_pnl: Float[Array, "market scenario"]
    basis_pnl: Float[Array, " market"]
    worst: Int[Array, " market"]


def sum_groups(
    amount: Float[Array, "row *more"], group: Int[Array, " row"], groups: int
) -> Float[Array, "group *more"]:
    """Sum of `amount` over the rows of each group; a product, which takes less than a scatter."""
    own = (jnp.arange(groups)[:, None] == group[None, :]).astype(amount.dtype)
    return jnp.matmul(own, amount, precision=jax.lax.Precision.HIGHEST)
