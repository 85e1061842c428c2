"""A circuit breaker: opens at once, closes step by step after it has been calm."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.margin.safeguards._breaker_settings import (
    BreakerObservation,
    BreakerSettings,
)

__all__ = ["BreakerState", "run_breaker", "start_breaker", "step_breaker"]


class BreakerState(eqx.Module):
    """Breakers of several assets, or venues; in a series, time comes first.

    Attributes:
        level: a `BreakerLevel` each.
        trigger: a `BreakerTrigger` each, of the last observation.
        calm: successive observations below the level.
        missing: successive observations that were invalid.
        least: level below which a person does not let the breaker fall.
        prices: last prices, oldest first; NaN before the first, repeated where one could not be
            used.
        variance: realized, annualized.
    """

    level: Int[Array, "*time asset"]
    trigger: Int[Array, "*time asset"]
    calm: Int[Array, "*time asset"]
    missing: Int[Array, "*time asset"]
    least: Int[Array, "*time asset"]
    prices: Float[Array, "*time window asset"]
    variance: Float[Array, "*time asset"]


def start_breaker(volatility: Float[Array, " asset"], settings: BreakerSettings) -> BreakerState:
    """Breakers at `NORMAL` that have seen nothing.

    Args:
        volatility: annualized, of usual times; where realized volatility starts.
        settings: of the breakers.
    """
    none = jnp.zeros(volatility.shape, jnp.int32)
    prices = jnp.full((settings.window, *volatility.shape), jnp.nan, volatility.dtype)
    return BreakerState(none, none, none, none, none, prices, volatility**2)


def step_breaker(
    state: BreakerState, observation: BreakerObservation, settings: BreakerSettings
) -> BreakerState:
    """The breakers after one more observation.

    A level rises at once to what the worst trigger asks for. It falls by one, never by two, after
    `cool_down` successive observations that ask for less. An observation that is invalid, stale or
    from too few sources asks for `CAUTIOUS` at least and never counts as calm, so that bad data
    does not close a breaker.
    """
    valid = _valid(observation)
    price = jnp.where(valid, observation.price, 1.0)
    seen = jnp.isfinite(state.prices) & valid[None, :]
    moves = jnp.abs(price[None, :] / jnp.where(seen, state.prices, price[None, :]) - 1.0)
    middle = jnp.where(valid, 0.5 * (observation.bid + observation.ask), 1.0)
    spread = jnp.where(valid, observation.ask - observation.bid, 0.0)
    age = jnp.where(jnp.isnan(observation.age), 0.0, observation.age)  # that is `INVALID`
    stale = _beyond(age, settings.most_age)
    few = [(observation.sources < least).astype(jnp.int32) for least in settings.least_sources]
    usable = valid & (stale == 0) & (few[0] == 0)
    variance = _variance(state, usable, price, settings)
    missing = jnp.where(valid, 0, state.missing + 1)
    asked = jnp.stack(  # in the order of `BreakerTrigger`
        [
            jnp.zeros_like(state.level),
            _beyond(jnp.max(moves, axis=0), settings.most_move),
            _beyond(jnp.sqrt(variance), settings.most_volatility),
            stale,
            _beyond(spread / middle, settings.most_spread),
            few[0] + few[1],
            (~valid).astype(jnp.int32) + (missing > settings.most_missing),
        ]
    )
    wanted = jnp.max(asked, axis=0)

    calm = jnp.where(usable & (wanted < state.level), state.calm + 1, 0)
    falls = (calm >= settings.cool_down) & (state.level > state.least)
    level = jnp.maximum(jnp.maximum(state.level, wanted), state.least)
    newest = jnp.where(usable, observation.price, state.prices[-1])
    return BreakerState(
        level=jnp.where(falls, state.level - 1, level),
        trigger=jnp.argmax(asked, axis=0).astype(jnp.int32),
        calm=jnp.where(falls, 0, calm),
        missing=missing,
        least=state.least,
        prices=jnp.concatenate([state.prices[1:], newest[None, :]]),
        variance=variance,
    )


def run_breaker(
    state: BreakerState, observations: BreakerObservation, settings: BreakerSettings
) -> BreakerState:
    """States after each of a series of observations, whose first axis is time."""

    def one(
        before: BreakerState, observation: BreakerObservation
    ) -> tuple[BreakerState, BreakerState]:
        after = step_breaker(before, observation, settings)
        return after, after

    return jax.lax.scan(one, state, observations)[1]


def _valid(observation: BreakerObservation) -> Bool[Array, " asset"]:
    """Whether prices are finite and positive, the bid not above the ask, and the age known."""
    valid = observation.bid <= observation.ask
    for price in (observation.price, observation.bid, observation.ask):
        valid &= jnp.isfinite(price) & (price > 0.0)
    return valid & (observation.age >= 0.0)


def _variance(
    state: BreakerState,
    usable: Bool[Array, " asset"],
    price: Float[Array, " asset"],
    settings: BreakerSettings,
) -> Float[Array, " asset"]:
    """Exponentially weighted mean of squared log returns, annualized; a gap is one return."""
    decay = 0.5 ** (1.0 / settings.half_life)
    last = state.prices[-1]
    known = usable & jnp.isfinite(last)
    moved = jnp.log(price / jnp.where(known, last, price))
    new = decay * state.variance + (1.0 - decay) * settings.per_year * moved**2
    return jnp.where(known, new, state.variance)


def _beyond(value: Float[Array, " asset"], limits: tuple[float, float]) -> Int[Array, " asset"]:
    """How many of the two limits a value is beyond; NaN is beyond both."""
    return (~(value <= limits[0])).astype(jnp.int32) + ~(value <= limits[1])
