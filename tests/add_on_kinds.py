"""One example of every add-on, for the assets and pillars of `kinds.market`."""

import jax.numpy as jnp

from jaxmargin.margin import ContractKind, FixedPercentage
from jaxmargin.margin.add_ons import (
    AbstractAddOn,
    BasisAddOn,
    ConcentrationAddOn,
    DepegAddOn,
    FundingAddOn,
    LiquidityAddOn,
    MinimumPerContractAddOn,
    OracleConfidenceAddOn,
    WithAddOns,
    WrongWayAddOn,
)

VOLUME = jnp.array([300.0, 2_000.0, 500.0, 1e9, jnp.inf])
ADD_ONS: list[AbstractAddOn] = [
    LiquidityAddOn(
        impact=jnp.array([0.7, 0.8, 1.0, 0.5, 0.0]),
        daily_volatility=jnp.array([0.03, 0.04, 0.04, 0.001, 0.0]),
        daily_volume=VOLUME,
        half_spread=jnp.array([1e-4, 2e-4, 1e-3, 1e-5, 0.0]),
        maintenance_share=jnp.array(0.5),
    ),
    ConcentrationAddOn(
        daily_volume=VOLUME / 100.0,
        open_interest=jnp.array([40.0, 100.0, 100.0, jnp.inf, jnp.inf]),
        margin=jnp.array([0.1, 0.12, 0.2, 0.02, 0.0]),
        excess_rate=jnp.array([0.05, 0.06, 0.1, 0.0, 0.0]),
        participation=jnp.array(0.2),
        margin_period_days=jnp.array(1.0),
        interest_threshold=jnp.array(0.05),
        maintenance_share=jnp.array(0.0),
    ),
    BasisAddOn(
        carry=jnp.array([0.05, 0.06, 0.0, 0.0, 0.0]),
        smallest=jnp.array([0.002, 0.003, 0.0, 0.0, 0.0]),
        perpetual=jnp.array([0.004, 0.005, 0.0, 0.0, 0.0]),
        maintenance_share=jnp.array(1.0),
    ),
    WrongWayAddOn(
        share=jnp.array([0.2, 0.25, 0.0, 0.0, 0.0]),
        maintenance_share=jnp.array(1.0),
    ),
    OracleConfidenceAddOn(
        spot=jnp.array([0.9, 0.5, 1.0, 1.0, 1.0]),
        perpetual=jnp.array([0.4, 1.0, 1.0, 1.0, 1.0]),
        expiry=jnp.array([1.0, 0.3, 0.7, 0.45]),
        threshold=jnp.array(0.6),
        factor=jnp.array(0.1),
        maintenance_share=jnp.array(0.0),
    ),
    DepegAddOn(
        threshold=jnp.array([0.0, 0.0, 0.0, 1.01, 0.0]),
        factor=jnp.array([0.0, 0.0, 0.0, 2.0, 0.0]),
        maintenance_share=jnp.array(1.0),
    ),
    FundingAddOn(hours=jnp.array(8.0), maintenance_share=jnp.array(1.0)),
    MinimumPerContractAddOn(
        minimum=jnp.array([9_000.0, 30.0, 0.0, 0.0, 0.0]),
        maintenance_share=jnp.array(0.5),
    ),
]
# Add-ons that grow faster than positions; all others are linear in their size.
CONVEX_ADD_ONS = (LiquidityAddOn, ConcentrationAddOn)
# Those that can charge exotic contracts too.
FOR_ALL_KINDS = tuple(each for each in ADD_ONS if ContractKind.EXOTIC in each.accepts)

RULE = FixedPercentage(
    initial=jnp.array([0.1, 0.12, 0.2, 0.02, 0.0]),
    maintenance=jnp.array([0.05, 0.06, 0.15, 0.01, 0.0]),
    expiry_offset=jnp.array(1.0),
)
FLOOR = ADD_ONS[-1]
# All at once on a rule with no margin but the value of long options, which the floor then lifts.
ALL = WithAddOns(
    FixedPercentage(jnp.zeros(5), jnp.zeros(5), jnp.array(1.0)), (FLOOR, *ADD_ONS[:-1])
)
