"""Cross margin of short options on Bybit, and the two rates of an account."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

__all__ = ["BybitOptionMargin", "BybitRates", "bybit_account_rates", "bybit_option_margin"]

_Setting = Float[Array, ""] | float


class BybitOptionMargin(NamedTuple):
    """Margin of option positions in USD, not negative.

    Attributes:
        initial: to open the position; the premium received is not taken off.
        maintenance: to hold it.
    """

    initial: Float[Array, "..."]
    maintenance: Float[Array, "..."]


class BybitRates(NamedTuple):
    """Use of an account; new risk is refused, or the account liquidated, as a rate reaches 1.

    Attributes:
        initial: of initial margin.
        maintenance: of maintenance margin.
    """

    initial: Float[Array, "..."]
    maintenance: Float[Array, "..."]


def bybit_option_margin(
    quantity: Float[Array, "*position"],
    *,
    index: Float[Array, "*#position"],
    strike: Float[Array, "*#position"],
    mark: Float[Array, "*#position"],
    entry: Float[Array, "*#position"],
    call: Bool[Array, "*#position"],
    initial_rate: _Setting,
    least_initial_rate: _Setting,
    maintenance_rate: _Setting,
    liquidation_fee: _Setting,
) -> BybitOptionMargin:
    r"""Margin of options in cross margin mode; long options need none.

    For one coin sold, with index $S$, strike $K$, mark $m$, entry price $e$ and
    $\mathrm{OTM} = (K - S)^+$ of a call, $(S - K)^+$ of a put,

    $$ \mathrm{MM} = \max(a S, a m) + m + f S, \quad
       \mathrm{IM} = \max\big(\max(b S - \mathrm{OTM}, c S) + \max(e, m), \mathrm{MM}\big). $$

    Established on the page's own examples for a put (both margins) and a call (maintenance).
    Not differentiable where two sides of a maximum are equal.

    Args:
        quantity: coins, long positive.
        index: $S$ in USD.
        strike: $K$ in USD.
        mark: $m$ in USD per coin.
        entry: $e$, mean price at which the position was sold, in USD per coin.
        call: whether each is a call.
        initial_rate: $b$, a setting of the venue, as those that follow.
        least_initial_rate: $c$.
        maintenance_rate: $a$.
        liquidation_fee: $f$.

    References:
        Bybit Help Center, "Initial and Maintenance Margin Calculation (Options)", 2023, and
        "Comparison of Spread Strategies".
    """
    sold = jnp.maximum(-quantity, 0.0)
    out_of_the_money = jnp.maximum(jnp.where(call, strike - index, index - strike), 0.0)
    maintenance = (
        jnp.maximum(maintenance_rate * index, maintenance_rate * mark)
        + mark
        + liquidation_fee * index
    )
    spare = jnp.maximum(initial_rate * index - out_of_the_money, least_initial_rate * index)
    initial = jnp.maximum(spare + jnp.maximum(entry, mark), maintenance)
    return BybitOptionMargin(initial=sold * initial, maintenance=sold * maintenance)


def bybit_account_rates(
    initial: Float[Array, "*account"],
    maintenance: Float[Array, "*account"],
    *,
    balance: Float[Array, "*account"],
    haircut_loss: Float[Array, "*#account"],
    order_loss: Float[Array, "*#account"],
) -> BybitRates:
    """Margins over balance - haircut loss + order loss, signs as the page prints them.

    The result is meaningless, negative or infinite, where that sum is not positive: such an
    account has no margin left.

    Args:
        initial: initial margin of the account, in USD.
        maintenance: maintenance margin of the account, in USD.
        balance: margin balance in cross margin mode; in portfolio margin mode equity, which counts
            the value of options too, both after collateral value ratios, in USD.
        haircut_loss: loss of collateral value that open spot orders may bring, not negative.
        order_loss: what open derivative orders would lose at once, in USD; it is added, so that a
            loss is to be given as a negative number. The page states no sign of its own.

    References:
        Bybit Help Center, "Glossary: Unified Trading Account", 2026-03-13.
    """
    available = balance - haircut_loss + order_loss
    return BybitRates(initial=initial / available, maintenance=maintenance / available)
