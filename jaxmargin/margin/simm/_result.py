"""What SIMM returns."""

import equinox as eqx
from jaxtyping import Array, Float

__all__ = ["SimmMargin"]


class SimmMargin(eqx.Module):
    """Initial margin of one account by SIMM in USD, loss positive.

    Attributes:
        total: the margin: sum of `by_product` and `add_ons`.
        by_product: margin of each product class before multipliers.
        by_risk_class: margin of each product and risk class: sum of its measures.
        components: margin of each product class, risk class and measure, in the order of
            `PRODUCT_CLASSES`, `RISK_CLASSES` and `MEASURES`.
        add_ons: "multipliers", "notional" and "fixed".
    """

    total: Float[Array, "*batch"]
    by_product: Float[Array, "*batch product"]
    by_risk_class: Float[Array, "*batch product risk_class"]
    components: Float[Array, "*batch product risk_class measure"]
    add_ons: dict[str, Float[Array, "*batch"]]
