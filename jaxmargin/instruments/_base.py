"""What every kind of instrument is."""

import abc

import equinox as eqx
from jaxtyping import Array, Float, Int

from jaxmargin.market import Market

__all__ = ["AbstractInstruments", "AbstractOptions"]


class AbstractInstruments(eqx.Module):
    """A batch of contracts of one kind, one array row per contract.

    Attributes:
        settlement: asset in which profit and loss is paid, as a row of `Market.spot`.
        multiplier: units that one contract stands for: of the underlying, or of the numeraire for
            inverse futures and perpetuals; positive, zero for padding.
    """

    settlement: eqx.AbstractVar[Int[Array, " instrument"]]
    multiplier: eqx.AbstractVar[Float[Array, " instrument"]]

    @abc.abstractmethod
    def value(self, market: Market) -> Float[Array, " instrument"]:
        """Value of one unit (before `multiplier`) in the settlement asset, for one market state.

        For contracts with daily settlement only differences of this value mean money.
        """


class AbstractOptions(AbstractInstruments):
    """A batch of contracts with a strike and an expiry.

    Attributes:
        pillar: underlying and expiry, as a row of `Market.forward`.
        strike: strike.
        sign: 1 for a call, -1 for a put.
    """

    pillar: eqx.AbstractVar[Int[Array, " instrument"]]
    strike: eqx.AbstractVar[Float[Array, " instrument"]]
    sign: eqx.AbstractVar[Float[Array, " instrument"]]
