"""Settings of Derive's Standard manager; each is one number by market."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin.derive._parameters import PegCharge

__all__ = [
    "StandardBase",
    "StandardOptions",
    "StandardOracle",
    "StandardParameters",
    "StandardPerpetuals",
]


class StandardPerpetuals(eqx.Module):
    """Margin of perpetuals as a share of their notional.

    Attributes:
        maintenance: for maintenance margin.
        initial: for initial margin.
    """

    maintenance: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    initial: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)


class StandardOptions(eqx.Module):
    """Margin of short options; shares are of spot unless said otherwise.

    Attributes:
        maximum_spot: initial margin at the money, before the amount out of the money.
        minimum_spot: lowest initial margin.
        maintenance_call: maintenance margin of calls.
        maintenance_put: most maintenance margin of puts.
        maintenance_put_mark: maintenance margin of puts, as a share of their mark.
        unpaired_initial: multiple of the forward that an unpaired short call can lose.
        unpaired_maintenance: the same for maintenance margin.
        put_offset: least initial margin of puts, as a multiple of maintenance margin.
    """

    maximum_spot: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    minimum_spot: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    maintenance_call: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    maintenance_put: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    maintenance_put_mark: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    unpaired_initial: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    unpaired_maintenance: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    put_offset: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)


class StandardOracle(eqx.Module):
    """Charge for prices that the oracle is not sure of, in initial margin alone.

    Attributes:
        perpetual_threshold: confidence below which perpetuals are charged.
        option_threshold: the same of short options.
        base_threshold: the same of the coin held.
        factor: charge at no confidence at all, as a share of the notional.
    """

    perpetual_threshold: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    option_threshold: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    base_threshold: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    factor: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)


class StandardBase(eqx.Module):
    """What the coin held counts for.

    Attributes:
        factor: share of its value at spot that counts for maintenance margin.
        initial_scale: share of that share that counts for initial margin.
    """

    factor: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    initial_scale: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)


class StandardParameters(eqx.Module):
    """Settings of the Standard manager.

    Attributes:
        perpetuals: margin of perpetuals.
        options: margin of short options.
        oracle: charge for unsure prices.
        base: what the coin held counts for.
        peg: charge on short options and perpetuals when the peg is lost.
    """

    perpetuals: StandardPerpetuals
    options: StandardOptions
    oracle: StandardOracle
    base: StandardBase
    peg: PegCharge
