"""From the venue's charges by market to the margin of an account."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin.derive._account_parts import AccountParts
from jaxmargin.margin.derive._charged import PortfolioCharge
from jaxmargin.market import Market

__all__ = ["ACCEPTED", "RowCharge", "account_charge_of", "stable_price", "total_charge"]

RowCharge = tuple[
    dict[str, Float[Array, ""]], Float[Array, ""], Int[Array, ""], dict[str, Bool[Array, ""]]
]
"""The fields of `AccountCharge` of one account, as `vmap` makes them of all."""

_NOT_COVERED = (
    "it holds options or perpetuals on a coin that is no market of the settings. Add the coin to "
    "the settings, or take the contracts out of the book."
)

ACCEPTED = frozenset({ContractKind.SPOT, ContractKind.PERPETUAL, ContractKind.OPTION})


def stable_price(market: Market, stable: Int[Array, ""]) -> Float[Array, ""]:
    """Price of the stablecoin in the numeraire, 1 where the market has none."""
    return jnp.where(stable < 0, 1.0, market.spot[stable])


def total_charge(
    charge: PortfolioCharge,
    parts: AccountParts,
    growth: Float[Array, " expiry"],
    price: Float[Array, ""],
    refused: Bool[Array, ""],
) -> RowCharge:
    """Margin of one account by a portfolio rule; the worst scenario is that of the worst market.

    Args:
        charge: by market.
        parts: of the account.
        growth: the rule's value of an option for one in the market.
        price: of the stablecoin.
        refused: whether the account trades a market that the rule does not cover.
    """
    worst = charge.worst[jnp.argmax(charge.maintenance["scenarios"])]
    return account_charge_of(
        charge.initial, charge.maintenance, worst, parts, growth, price, refused
    )


def account_charge_of(
    initial: dict[str, Float[Array, " market"]],
    maintenance: dict[str, Float[Array, " market"]],
    worst: Int[Array, ""],
    parts: AccountParts,
    growth: Float[Array, " expiry"],
    price: Float[Array, ""],
    refused: Bool[Array, ""],
) -> RowCharge:
    """Charges added up over markets, with what the book counts higher than the venue."""
    marks = jnp.sum(parts.mark * (1.0 - growth)) + jnp.sum(parts.coin_value) * (1.0 - 1.0 / price)
    total = {name: jnp.sum(part) for name, part in initial.items()}
    needed = sum((jnp.sum(part) for part in maintenance.values()), marks)
    return {**total, "marks": marks}, needed, worst.astype(jnp.int32), {_NOT_COVERED: refused}
