"""Settings of PMRM v1; each is a number, or one by market."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin.derive._parameters import BasisMove, OracleCharge, PegCharge, VolatilityMove

__all__ = ["Pmrm1Charges", "Pmrm1Discounts", "Pmrm1Parameters"]


class Pmrm1Discounts(eqx.Module):
    """Static discount of the value of long expiries in scenarios.

    Attributes:
        base: factor at expiry.
        rate_multiple: multiple of the rate by which values are discounted.
        rate_add: added to that rate, annualized.
    """

    base: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    rate_multiple: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    rate_add: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)


class Pmrm1Charges(eqx.Module):
    """Charges as shares of the notional at spot; part of what the initial factor multiplies.

    Attributes:
        perpetual: on perpetuals, long or short.
        base: on the coin held.
        option: on short options without cover, see `naked_shorts`.
    """

    perpetual: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    base: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    option: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)


class Pmrm1Parameters(eqx.Module):
    """Settings of PMRM v1.

    Attributes:
        initial_factor: initial margin as a multiple of maintenance margin.
        volatility: moves of volatility.
        discounts: static discounts.
        basis: moves of the basis.
        charges: charges on notional.
        peg: growth of the initial factor when the peg is lost.
        oracle: charge for unsure prices, initial margin alone.
    """

    initial_factor: Float[Array, "*batch"] = eqx.field(converter=jnp.asarray)
    volatility: VolatilityMove
    discounts: Pmrm1Discounts
    basis: BasisMove
    charges: Pmrm1Charges
    peg: PegCharge
    oracle: OracleCharge
