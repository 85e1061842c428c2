"""What a venue does with accounts below maintenance margin, and what prices do then."""

import enum
import math

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.margin.safeguards import BreakerSettings

__all__ = ["DeleveragingPolicy", "LiquidationPolicy", "LiquidationSettings", "price_breaker"]


class LiquidationPolicy(enum.IntEnum):
    """How much of an account below its maintenance margin is closed, and where.

    Attributes:
        FULL: all of it, at the market.
        PARTIAL: at the market, the share after which equity is maintenance margin and a buffer,
            before the orders' own impact; all of it where equity is gone.
        AUCTION: all of it, to bidders outside who ask for a discount; the price does not move.
    """

    FULL = 0
    PARTIAL = 1
    AUCTION = 2


class DeleveragingPolicy(enum.IntEnum):
    """Who takes over positions of bankrupt accounts that the fund cannot pay for.

    Attributes:
        NONE: nobody; they are liquidated as others are.
        PROFIT: accounts with a profit on the other side, in proportion to the profit.
        RANKING: the same accounts in order of return times leverage, the highest first.
        QUEUE: the same accounts in the order in which they are listed.
    """

    NONE = 0
    PROFIT = 1
    RANKING = 2
    QUEUE = 3


class LiquidationSettings(eqx.Module):
    """Settings of a liquidation engine; all but the breaker's limits are data.

    Attributes:
        policy: a `LiquidationPolicy`.
        buffer: of equity above maintenance margin after a partial liquidation, as a share of it.
        discount: that bidders of an auction ask for, as a share of the price.
        fee: of what is liquidated, as a share of its notional, from what equity is left to the
            fund.
        impact: factor of the square-root law, about 0.5 to 1; 0 for prices that orders do not move.
        volatility: of each coin, daily, as a fraction.
        daily_volume: of each coin in usual times, in coins; above zero.
        retained: share of the impact that is left after a step; 1 is permanent, 0 gone at once.
        deleveraging: a `DeleveragingPolicy`.
        socialize: whether what the fund cannot pay is taken from accounts with equity.
        breaker_on: whether forced orders wait while the breaker of their coin is `HALTED`.
        breaker: when it opens and closes; see `price_breaker`.
    """

    policy: Int[Array, ""]
    buffer: Float[Array, ""]
    discount: Float[Array, ""]
    fee: Float[Array, ""]
    impact: Float[Array, ""]
    volatility: Float[Array, " coin"]
    daily_volume: Float[Array, " coin"]
    retained: Float[Array, ""]
    deleveraging: Int[Array, ""]
    socialize: Bool[Array, ""]
    breaker_on: Bool[Array, ""]
    breaker: BreakerSettings


def price_breaker(band: float, *, window: int, pause: int) -> BreakerSettings:
    """A breaker that looks at moves of the price alone.

    Args:
        band: relative move, from any price in the window, beyond which it halts.
        window: steps back from which a move is measured.
        pause: steps within the band after which it lets orders through again.

    Raises:
        InvalidInputError: a number is out of range; see `BreakerSettings`.
    """
    never = (math.inf, math.inf)
    return BreakerSettings(
        window=window,
        most_move=(band, band),
        most_volatility=never,
        half_life=1.0,
        per_year=1.0,
        most_age=never,
        most_spread=never,
        least_sources=(0, 0),
        most_missing=0,
        cool_down=pause,
        multiplier=(1.0, 1.0, 1.0),
    )
