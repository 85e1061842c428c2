"""Settings that PMRM v1 and PMRM_2 share; each is a number, or one by account under `vmap`."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["BasisMove", "OracleCharge", "PegCharge", "VolatilityMove"]


class VolatilityMove(eqx.Module):
    r"""Moves of volatility by days $D$ to expiry: those of 30 days times $(30/\max(D, D_0))^p$.

    Attributes:
        range_up: relative rise at 30 days.
        range_down: relative fall at 30 days.
        short_power: $p$ for up to 30 days.
        long_power: $p$ for more.
        floor_days: $D_0$, positive.
    """

    range_up: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    range_down: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    short_power: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    long_power: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    floor_days: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)


class BasisMove(eqx.Module):
    """Moves of forwards against spot; an expiry's loss counts by `add + multiple x years`.

    Attributes:
        up: factor of the variable part of forwards, above 1.
        down: factor of it, below 1.
        add: share of the loss that counts at expiry.
        multiple: further share of it by year to expiry.
    """

    up: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    down: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    add: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    multiple: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)


class OracleCharge(eqx.Module):
    """Charge for prices that the oracle is not sure of.

    Attributes:
        threshold: confidence below which there is a charge.
        factor: charge at no confidence at all, as a share of the notional.
    """

    threshold: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    factor: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)


class PegCharge(eqx.Module):
    """Growth of the factor of initial margin where the stablecoin has lost its peg.

    Attributes:
        threshold: price in USD below which the factor grows.
        factor: what it grows by for one USD below.
    """

    threshold: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    factor: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
