"""What SIMM reads of an account: rows of sensitivities, and amounts that are added."""

import equinox as eqx
from jaxtyping import Array, Float, Int

from jaxmargin.errors import require

__all__ = ["SimmAddOns", "SimmSensitivities"]


class SimmSensitivities(eqx.Module):
    """Rows of sensitivities of one account; a first axis over accounts is for `vmap`.

    Rows of one risk factor net. Every axis may be padded: rows with amount zero change nothing,
    factors without rows and buckets without factors neither. Codes come from names in
    `jaxmargin.io.build_simm`.

    Attributes:
        amount: of each row, gain positive, in USD: value change for one basis point (rates,
            credit, base correlation: one point of it) or for 1 % (equity, commodity, FX); of
            volatilities, vega times volatility (rates, credit) or vega per volatility point
            (equity, commodity, FX).
        row_factor: risk factor of each row.
        row_tenor: tenor of each row's option as a row of `TENORS`; not read where there is none.
        kind: `RiskType` of each factor.
        weight: place of each factor in the risk weights of its kind. For rates volatility times
            12 plus tenor; for FX the volatilities of the two currencies (calculation currency
            first), twice the first plus the second; for others the bucket, or zero.
        threshold: place in the concentration thresholds of its kind: the currency's category for
            rates and FX, three times the first plus the second for a pair; the bucket, or zero.
        tenor: tenor of each factor of rates as a row of `TENORS`.
        curve: any number that differs between the curves of a currency.
        issuer: any number that differs between issuers of one bucket; between groups of
            underlying names for non-qualifying credit.
        group: any number from zero, below the count of factors, that is equal where factors count
            as one for concentration: those of a currency's rates, or of an issuer.
        bucket: bucket of each factor.
        product: product class of each bucket.
        risk_class: risk class of each bucket.
        measure: measure of each bucket: 0 delta, 1 vega, 3 base correlation.
        code: number of each bucket in its risk class from zero; zero where there is one alone.
    """

    amount: Float[Array, "*batch row"]
    row_factor: Int[Array, "*batch row"]
    row_tenor: Int[Array, "*batch row"]
    kind: Int[Array, "*batch factor"]
    weight: Int[Array, "*batch factor"]
    threshold: Int[Array, "*batch factor"]
    tenor: Int[Array, "*batch factor"]
    curve: Int[Array, "*batch factor"]
    issuer: Int[Array, "*batch factor"]
    group: Int[Array, "*batch factor"]
    bucket: Int[Array, "*batch factor"]
    product: Int[Array, "*batch bucket"]
    risk_class: Int[Array, "*batch bucket"]
    measure: Int[Array, "*batch bucket"]
    code: Int[Array, "*batch bucket"]

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if an axis is empty or its fields differ in shape."""
        for names in (
            ("amount", "row_factor", "row_tenor"),
            ("kind", "weight", "threshold", "tenor", "curve", "issuer", "group", "bucket"),
            ("product", "risk_class", "measure", "code"),
        ):
            shapes = {name: getattr(self, name).shape for name in names}
            require(
                len(set(shapes.values())) == 1 and 0 not in shapes[names[0]],
                f"SimmSensitivities needs one shape for {', '.join(names)}, not empty; got "
                f"{shapes}. Pad with rows of amount zero.",
            )


class SimmAddOns(eqx.Module):
    """What two parties have agreed to add; one account's.

    Attributes:
        multiplier: of each product class in the order of `PRODUCT_CLASSES`, at least 1.
        notional: of each product, absolute, in USD.
        factor: share of each product's notional that is added.
        fixed: amount that is added, in USD.
    """

    multiplier: Float[Array, "*batch product"]
    notional: Float[Array, "*batch add_on"]
    factor: Float[Array, "*batch add_on"]
    fixed: Float[Array, "*batch"]
