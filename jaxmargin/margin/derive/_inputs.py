"""What Derive's rules read: quotes of one market, and what one account holds in it."""

import enum

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

__all__ = [
    "DeriveCollateral",
    "DeriveMarket",
    "DeriveOptions",
    "DerivePositions",
    "DeriveScenarios",
    "ScenarioMode",
]


class DeriveMarket(eqx.Module):
    """Quotes of one market, such as BTC; confidences of its oracle lie in [0, 1].

    Expiries that no option names change nothing, so that any number of them may be padding.

    Attributes:
        spot: price of the coin, in USD.
        spot_confidence: of `spot`.
        stable_price: USD for one unit of the stablecoin that cash is kept in.
        perpetual_price: mark of the perpetual, in USD; read only where one is held.
        perpetual_confidence: of `perpetual_price`; read only where a perpetual is held.
        seconds: to expiry, not negative.
        forward_variable: part of the forward that still moves, in USD.
        forward_fixed: part of it that is settled; the two together are positive.
        forward_confidence: of the forward.
        rate: annualized, continuously compounded; a negative one counts as zero.
        rate_confidence: of `rate`.
        volatility_confidence: of the volatilities of the expiry.
    """

    spot: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    spot_confidence: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    stable_price: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    perpetual_price: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    perpetual_confidence: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    seconds: Float[Array, "*batch expiry"] = eqx.field(converter=jnp.asarray)
    forward_variable: Float[Array, "*batch expiry"] = eqx.field(converter=jnp.asarray)
    forward_fixed: Float[Array, "*batch expiry"] = eqx.field(converter=jnp.asarray)
    forward_confidence: Float[Array, "*batch expiry"] = eqx.field(converter=jnp.asarray)
    rate: Float[Array, "*batch expiry"] = eqx.field(converter=jnp.asarray)
    rate_confidence: Float[Array, "*batch expiry"] = eqx.field(converter=jnp.asarray)
    volatility_confidence: Float[Array, "*batch expiry"] = eqx.field(converter=jnp.asarray)


class DeriveOptions(eqx.Module):
    """European options of one account; rows of quantity zero are padding.

    Attributes:
        expiry: row of the expiry in `DeriveMarket`.
        strike: in USD, positive.
        sign: 1 for a call, -1 for a put.
        quantity: in coins, long positive.
        volatility: annualized mark volatility, not negative.
    """

    expiry: Int[Array, "*batch option"] = eqx.field(converter=jnp.asarray)
    strike: Float[Array, "*batch option"] = eqx.field(converter=jnp.asarray)
    sign: Float[Array, "*batch option"] = eqx.field(converter=jnp.asarray)
    quantity: Float[Array, "*batch option"] = eqx.field(converter=jnp.asarray)
    volatility: Float[Array, "*batch option"] = eqx.field(converter=jnp.asarray)


class DerivePositions(eqx.Module):
    """What one account holds in one market.

    Attributes:
        cash: in units of the stablecoin, with P&L and funding of perpetuals not yet settled.
        perpetual: quantity of the perpetual in coins, long positive.
        options: the options.
    """

    cash: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    perpetual: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    options: DeriveOptions


class DeriveCollateral(eqx.Module):
    """Coins that one account of PMRM_2 has posted; rows of quantity zero are padding.

    Attributes:
        quantity: in coins, not negative.
        price: in USD.
        confidence: of `price`, in [0, 1].
        risk_cancelling: whether the coin follows the market's, and so moves in its scenarios.
        maintenance_haircut: share of the value that does not count for maintenance.
        initial_haircut: further share that does not count for initial margin.
    """

    quantity: Float[Array, "*batch collateral"] = eqx.field(converter=jnp.asarray)
    price: Float[Array, "*batch collateral"] = eqx.field(converter=jnp.asarray)
    confidence: Float[Array, "*batch collateral"] = eqx.field(converter=jnp.asarray)
    risk_cancelling: Bool[Array, "*batch collateral"] = eqx.field(converter=jnp.asarray)
    maintenance_haircut: Float[Array, "*batch collateral"] = eqx.field(converter=jnp.asarray)
    initial_haircut: Float[Array, "*batch collateral"] = eqx.field(converter=jnp.asarray)


class ScenarioMode(enum.IntEnum):
    """What a scenario does to volatilities, as `DeriveScenarios.mode` holds it.

    Attributes:
        NONE: as they are.
        UP: raised, by tenor, and in PMRM_2 to a minimum.
        DOWN: lowered, by tenor.
        LINEAR: turned about the forward; PMRM_2 alone.
        ABSOLUTE: raised on both sides of the forward; PMRM_2 alone.
    """

    NONE = 0
    UP = 1
    DOWN = 2
    LINEAR = 3
    ABSOLUTE = 4


class DeriveScenarios(eqx.Module):
    """Scenarios of a portfolio rule; rows of damping zero have no P&L and so are padding.

    Attributes:
        spot_multiplier: factor of spot, perpetual and the variable part of forwards; 1 in modes
            linear and absolute.
        mode: a `ScenarioMode`.
        damping: share of the P&L that counts; 1 in PMRM v1.
    """

    spot_multiplier: Float[Array, "*batch scenario"] = eqx.field(converter=jnp.asarray)
    mode: Int[Array, "*batch scenario"] = eqx.field(converter=jnp.asarray)
    damping: Float[Array, "*batch scenario"] = eqx.field(converter=jnp.asarray)
