"""Settings of PMRM_2; each is a number, or one by market."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin.derive._parameters import BasisMove, OracleCharge, PegCharge, VolatilityMove
from jaxmargin.scenarios import SkewScenarios

__all__ = ["Pmrm2Charges", "Pmrm2Discounts", "Pmrm2Parameters"]


class Pmrm2Discounts(eqx.Module):
    """Static discounts: a long expiry's value is cut in scenarios, a short one's is raised.

    Attributes:
        long_base: factor of long values at expiry.
        short_base: factor of short values at expiry.
        long_rate_multiple: share of the rate by which long values are discounted.
        long_rate_add: added to that rate, annualized.
        short_rate_multiple: share of the rate by which short values grow.
        short_rate_add: added to that rate, annualized.
    """

    long_base: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    short_base: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    long_rate_multiple: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    long_rate_add: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    short_rate_multiple: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    short_rate_add: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)


class Pmrm2Charges(eqx.Module):
    """Charges as shares of the notional at spot; initial ones come on top of maintenance.

    Attributes:
        perpetual_maintenance: on perpetuals, long or short.
        perpetual_initial: further charge on them.
        option_maintenance: on short options without cover, see `naked_shorts`.
        option_initial: further charge on them.
    """

    perpetual_maintenance: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    perpetual_initial: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    option_maintenance: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    option_initial: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)


class Pmrm2Parameters(eqx.Module):
    """Settings of PMRM_2.

    Attributes:
        initial_factor: multiple of the worst P&L in initial margin.
        maintenance_factor: multiple of it in maintenance margin.
        minimum_up: lowest volatility after a rise, annualized.
        volatility: moves of volatility.
        discounts: static discounts.
        basis: moves of the basis.
        charges: charges on notional.
        peg: growth of the initial factor when the peg is lost.
        oracle: charge for unsure prices, initial margin alone.
        linear: size of the linear skew scenario.
        absolute: size of the absolute skew scenario.
    """

    initial_factor: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    maintenance_factor: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    minimum_up: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    volatility: VolatilityMove
    discounts: Pmrm2Discounts
    basis: BasisMove
    charges: Pmrm2Charges
    peg: PegCharge
    oracle: OracleCharge
    linear: SkewScenarios
    absolute: SkewScenarios
