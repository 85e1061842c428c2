"""Levels, triggers and settings of a circuit breaker, and what it watches."""

import enum
import math

import equinox as eqx
from jaxtyping import Array, Float, Int

from jaxmargin.errors import require

__all__ = ["BreakerLevel", "BreakerObservation", "BreakerSettings", "BreakerTrigger"]


class BreakerLevel(enum.IntEnum):
    """How far a breaker has opened.

    Attributes:
        NORMAL: trading and margin as usual.
        CAUTIOUS: margin times a multiplier.
        HALTED: margin times a higher one, and no order that adds risk.
    """

    NORMAL = 0
    CAUTIOUS = 1
    HALTED = 2


class BreakerTrigger(enum.IntEnum):
    """What asks for the highest level at an observation; the first of several.

    Attributes:
        NONE: nothing.
        MOVE: the price moved far within the window.
        VOLATILITY: realized volatility is high.
        AGE: the price is stale.
        SPREAD: bid and ask are far apart.
        SOURCES: few sources have a price.
        INVALID: a number is missing or no price, or the bid is above the ask.
    """

    NONE = 0
    MOVE = 1
    VOLATILITY = 2
    AGE = 3
    SPREAD = 4
    SOURCES = 5
    INVALID = 6


class BreakerObservation(eqx.Module):
    """What is seen of every asset, or of every venue, at one time; in a series, time comes first.

    Attributes:
        price: in any one unit.
        bid: best bid, in the unit of `price`.
        ask: best ask.
        age: since the price was made, in the unit of `BreakerSettings.most_age`.
        sources: how many sources are in the price, such as `Marks.sources`.
    """

    price: Float[Array, "*time asset"]
    bid: Float[Array, "*time asset"]
    ask: Float[Array, "*time asset"]
    age: Float[Array, "*time asset"]
    sources: Int[Array, "*time asset"]


class BreakerSettings(eqx.Module):
    """When a breaker opens and closes. Pairs are for `CAUTIOUS` and `HALTED`, in this order.

    Attributes:
        window: observations back from which a move is measured.
        most_move: largest move from any price in the window, as a share of that price.
        most_volatility: largest realized volatility, annualized.
        half_life: observations after which a squared return counts half in it.
        per_year: observations a year.
        most_age: oldest price, in the unit of `BreakerObservation.age`.
        most_spread: widest spread, as a share of the middle.
        least_sources: fewest sources.
        most_missing: successive invalid observations up to which the level is `CAUTIOUS`; beyond,
            `HALTED`.
        cool_down: successive observations below the level after which it falls by one.
        multiplier: of margin at `NORMAL`, `CAUTIOUS` and `HALTED`; at least 1, rising.
    """

    window: int = eqx.field(static=True)
    most_move: tuple[float, float] = eqx.field(static=True)
    most_volatility: tuple[float, float] = eqx.field(static=True)
    half_life: float = eqx.field(static=True)
    per_year: float = eqx.field(static=True)
    most_age: tuple[float, float] = eqx.field(static=True)
    most_spread: tuple[float, float] = eqx.field(static=True)
    least_sources: tuple[int, int] = eqx.field(static=True)
    most_missing: int = eqx.field(static=True)
    cool_down: int = eqx.field(static=True)
    multiplier: tuple[float, float, float] = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a setting is out of range."""
        for name in ("window", "cool_down"):
            value = getattr(self, name)
            require(value >= 1, f"BreakerSettings.{name} must be at least 1; got {value!r}.")
        require(
            self.most_missing >= 0,
            f"BreakerSettings.most_missing must not be negative; got {self.most_missing!r}.",
        )
        for name in ("half_life", "per_year"):
            value = getattr(self, name)
            require(
                0.0 < value < math.inf,
                f"BreakerSettings.{name} must be positive; got {value!r}.",
            )
        for name in ("most_move", "most_volatility", "most_age", "most_spread"):
            cautious, halted = getattr(self, name)
            require(
                0.0 <= cautious <= halted,
                f"BreakerSettings.{name} must not be negative nor fall; got {cautious!r} and "
                f"{halted!r}. Give the limit of CAUTIOUS first.",
            )
        cautious, halted = self.least_sources
        require(
            0 <= halted <= cautious,
            f"BreakerSettings.least_sources must not be negative nor rise; got {cautious!r} and "
            f"{halted!r}. Give the limit of CAUTIOUS first.",
        )
        normal, cautious, halted = self.multiplier
        require(
            1.0 <= normal <= cautious <= halted < math.inf,
            f"BreakerSettings.multiplier must be at least 1 and not fall; got {self.multiplier!r}.",
        )
