"""What every add-on is, and sums that add-ons share."""

import abc
from typing import ClassVar

import equinox as eqx
from jaxtyping import Array, Float

from jaxmargin.margin._contract_terms import ContractKind
from jaxmargin.margin._holdings import Holdings
from jaxmargin.margin._names import component_name
from jaxmargin.market import Market

__all__ = ["AbstractAddOn", "by_coin", "delta_notional"]


class AbstractAddOn(eqx.Module):
    """A charge on top of a rulebook's margin; see `WithAddOns`.

    An account's charge depends on its own positions alone, as its margin does: accounts, and
    with them venues, never offset each other. What is known by account and not from positions is
    added to a finished requirement, see `add_charge`.

    Attributes:
        maintenance_share: share of the charge that maintenance margin has too, in [0, 1].
    """

    maintenance_share: eqx.AbstractVar[Float[Array, ""]]

    accepts: ClassVar[frozenset[ContractKind]] = frozenset(ContractKind)
    """Kinds of contracts that the add-on can charge; a book with others is refused."""
    is_floor: ClassVar[bool] = False
    """Whether margin is lifted to the charge, where it is less, instead of being raised by it."""

    @abc.abstractmethod
    def charge(self, holdings: Holdings, market: Market) -> Float[Array, " row"]:
        """Charge of some accounts, in the numeraire, not negative; zero without positions."""

    @property
    def name(self) -> str:
        """Name of its component: `LiquidityAddOn` as `liquidity_add_on`."""
        return component_name(type(self))


def delta_notional(holdings: Holdings, market: Market) -> Float[Array, "row slot"]:
    """Delta of each position in the numeraire: coins that it moves like times their spot price."""
    if holdings.delta is None:
        raise ValueError("delta_notional needs holdings with deltas, as WithAddOns makes them")
    return holdings.quantity * holdings.delta * market.spot[holdings.terms.asset]


def by_coin(
    holdings: Holdings, amount: Float[Array, "row slot"], market: Market
) -> Float[Array, "row asset"]:
    """Sum of `amount` by coin, with what follows the coin."""
    return holdings.by_group(amount, holdings.terms.base, market.spot.shape[0])
