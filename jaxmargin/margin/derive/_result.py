"""What Derive's rules return."""

import equinox as eqx
import jax
from jaxtyping import Array, Float, Int

from jaxmargin.margin.derive._charged import PortfolioCharge

__all__ = ["PortfolioMargin", "StandardMargin", "net_margin"]


class PortfolioMargin(eqx.Module):
    """Margin of one account by PMRM v1 or PMRM_2, in units of the stablecoin.

    A trade needs `initial_net >= 0`; with `maintenance_net < 0` the account may be liquidated.

    Attributes:
        initial_net: equity less initial requirement; negative where the account lacks margin.
        maintenance_net: equity less maintenance requirement.
        equity: marked value of all that the account holds.
        initial_components: named parts of the initial requirement, loss positive, which add up to
            `equity - initial_net`.
        maintenance_components: the same of the maintenance requirement.
        scenario_pnl: P&L of every scenario, gain positive.
        basis_pnl: P&L of forwards moving against spot, not positive.
        worst: scenario of the lowest P&L, the first of equals; the number of scenarios where
            `basis_pnl` is lower.
    """

    initial_net: Float[Array, "*batch"]
    maintenance_net: Float[Array, "*batch"]
    equity: Float[Array, "*batch"]
    initial_components: dict[str, Float[Array, "*batch"]]
    maintenance_components: dict[str, Float[Array, "*batch"]]
    scenario_pnl: Float[Array, "*batch scenario"]
    basis_pnl: Float[Array, "*batch"]
    worst: Int[Array, "*batch"]


class StandardMargin(eqx.Module):
    """Margin of one account by the Standard manager, in units of the stablecoin.

    Attributes:
        initial_net: equity less initial requirement; negative where the account lacks margin.
        maintenance_net: equity less maintenance requirement.
        equity: marked value of all that the account holds.
        initial_components: named parts of the initial requirement of each market, loss positive,
            which add up to `equity - initial_net`.
        maintenance_components: the same of the maintenance requirement.
        initial_isolated: initial margin of each expiry's options one by one, gain positive.
        maintenance_isolated: the same for maintenance.
        initial_bounded: most that each expiry's options can lose for initial margin, gain positive.
        maintenance_bounded: the same for maintenance. The higher of isolated and bounded counts;
            at a tie both do.
    """

    initial_net: Float[Array, "*batch"]
    maintenance_net: Float[Array, "*batch"]
    equity: Float[Array, "*batch"]
    initial_components: dict[str, Float[Array, "*batch market"]]
    maintenance_components: dict[str, Float[Array, "*batch market"]]
    initial_isolated: Float[Array, "*batch market expiry"]
    maintenance_isolated: Float[Array, "*batch market expiry"]
    initial_bounded: Float[Array, "*batch market expiry"]
    maintenance_bounded: Float[Array, "*batch market expiry"]


def net_margin(charge: PortfolioCharge, equity: Float[Array, ""]) -> PortfolioMargin:
    """Margin of one account that trades in one market alone."""
    one = jax.tree.map(lambda leaf: leaf[0], charge)
    return PortfolioMargin(
        initial_net=equity - sum(one.initial.values()),
        maintenance_net=equity - sum(one.maintenance.values()),
        equity=equity,
        initial_components=one.initial,
        maintenance_components=one.maintenance,
        scenario_pnl=one.scenario_pnl,
        basis_pnl=one.basis_pnl,
        worst=one.worst,
    )
