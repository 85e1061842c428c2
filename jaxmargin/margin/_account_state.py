"""Where an account stands: equity beside its margins, funds left, ratios."""

import enum

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.margin._requirement import Requirement

__all__ = ["AccountState", "AccountStatus", "account_state"]


class AccountStatus(enum.IntEnum):
    """Where equity stands, from best to worst; venues' own thresholds of ratios are not in it.

    Attributes:
        COVERED: equity reaches initial margin.
        BELOW_INITIAL: it does not, but reaches maintenance margin: no new positions.
        BELOW_MAINTENANCE: it does not reach maintenance margin: positions may be closed.
        NO_EQUITY: nor is it positive; negative, it is owed.
    """

    COVERED = 0
    BELOW_INITIAL = 1
    BELOW_MAINTENANCE = 2
    NO_EQUITY = 3


class AccountState(eqx.Module):
    """Equity of each account beside its margins; money in the numeraire.

    Ratios never change their sign. Where equity is not positive, they are at their worst, and
    `status` says so.

    Attributes:
        initial: margin to open positions.
        maintenance: margin below which positions are closed.
        equity: what the account is worth.
        available: equity less initial margin; negative where that is not reached.
        withdrawable: what may leave the account: what is available, no more than its balance,
            never negative.
        margin_ratio: maintenance margin as a share of equity; 1 is the edge, more is worse. Zero
            where nothing is required, infinite where something is and equity is not positive.
        equity_to_maintenance: equity as a multiple of maintenance margin, as Binance's uniMMR; 1 is
            the edge, less is worse. Zero where equity is negative, infinite where it is not and
            nothing is required.
        leverage: gross notional as a multiple of equity; infinite where there are positions and
            equity is not positive.
        status: an `AccountStatus` each.
    """

    initial: Float[Array, " account"]
    maintenance: Float[Array, " account"]
    equity: Float[Array, " account"]
    available: Float[Array, " account"]
    withdrawable: Float[Array, " account"]
    margin_ratio: Float[Array, " account"]
    equity_to_maintenance: Float[Array, " account"]
    leverage: Float[Array, " account"]
    status: Int[Array, " account"]


def account_state(
    requirement: Requirement,
    equity: Float[Array, " account"],
    *,
    gross_notional: Float[Array, " account"],
    balance: Float[Array, " account"] | None = None,
) -> AccountState:
    """Where each account stands; pure, and differentiable where a ratio is finite.

    Args:
        requirement: margins; whoever publishes states rounds them up, and equity down, before.
        equity: of everything that the margins are for: summed over holdings and, where positions
            at several venues are margined together, over venues.
        gross_notional: see the function of this name.
        balance: the part of equity that is no contract's value, and so can leave; all of it if
            None.
    """
    initial, maintenance = requirement.initial, requirement.maintenance
    available = equity - initial
    movable = available if balance is None else jnp.minimum(available, balance)
    solvent, required = equity > 0.0, maintenance > 0.0
    status = jnp.where(equity < initial, AccountStatus.BELOW_INITIAL, AccountStatus.COVERED)
    below = jnp.where(solvent, AccountStatus.BELOW_MAINTENANCE, AccountStatus.NO_EQUITY)
    status = jnp.where(equity < maintenance, below, status)
    multiple = jnp.where(solvent, equity, 0.0) / jnp.where(required, maintenance, 1.0)
    return AccountState(
        initial=initial,
        maintenance=maintenance,
        equity=equity,
        available=available,
        withdrawable=jnp.maximum(movable, 0.0),
        margin_ratio=_per_equity(maintenance, equity),
        equity_to_maintenance=jnp.where(required | (equity < 0.0), multiple, jnp.inf),
        leverage=_per_equity(gross_notional, equity),
        status=status.astype(jnp.int32),
    )


def _per_equity(
    amount: Float[Array, " account"], equity: Float[Array, " account"]
) -> Float[Array, " account"]:
    """`amount / equity`; infinite where something is divided by what is not positive."""
    solvent = equity > 0.0
    ratio = amount / jnp.where(solvent, equity, 1.0)
    return jnp.where(solvent, ratio, jnp.where(amount > 0.0, jnp.inf, 0.0))
