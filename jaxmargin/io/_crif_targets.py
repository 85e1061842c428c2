"""What each asset counts as in CRIF: a choice of the user."""

from dataclasses import dataclass
from pathlib import Path

from jaxmargin.io._crif_schema import RISK_TYPES
from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table
from jaxmargin.io._schema import Column, Table
from jaxmargin.margin.simm import PRODUCT_CLASSES

__all__ = ["CrifTarget", "read_crif_targets"]

_SPOT = ("Risk_Equity", "Risk_Commodity", "Risk_FX")
_TABLE = Table(
    "CRIF targets",
    (
        Column("asset", "text"),
        Column("product_class", "text", choices=PRODUCT_CLASSES),
        Column("risk_type", "text", choices=_SPOT),
        Column("qualifier", "text"),
        Column("bucket", "text", blank=True),
    ),
    key=("asset",),
)


@dataclass(frozen=True)
class CrifTarget:
    """What an asset counts as. ISDA SIMM has no risk class for crypto assets.

    Attributes:
        product_class: ProductClass of its rows.
        risk_type: Risk_Equity, Risk_Commodity or Risk_FX; rows of volatility have the same with
            Vol.
        qualifier: Qualifier of its rows; for FX a code of three letters.
        bucket: Bucket of its rows; "" for FX.
    """

    product_class: str
    risk_type: str
    qualifier: str
    bucket: str


def read_crif_targets(path: Path, problems: Problems) -> dict[str, CrifTarget] | None:
    """Read the table that says what each asset counts as; None if it cannot be used.

    Args:
        path: CSV or Parquet with asset, product_class, risk_type, qualifier and bucket.
        problems: where problems go.
    """
    before = len(problems.found)
    rows = read_table(path, _TABLE, problems)
    if rows is None:
        return None
    buckets = {kind.name: kind.buckets for kind in RISK_TYPES}
    for number, row in enumerate(rows.itertuples(index=False), 1):
        known = buckets.get(str(row.risk_type))
        if known is not None and row.bucket not in (known or ("",)):
            cure = f"Give one of {', '.join(known)}." if known else "Leave it blank."
            problems.add(
                f"{path.name}, row {number}, column bucket",
                f"{row.bucket!r} is no bucket of {row.risk_type}",
                cure,
            )
        code = str(row.qualifier)
        if row.risk_type == "Risk_FX" and not (
            len(code) == 3 and code.isalpha() and code.isupper()
        ):
            problems.add(
                f"{path.name}, row {number}, column qualifier",
                f"{code!r} is no currency code",
                "Give three capital letters.",
            )
    if len(problems.found) > before:
        return None
    return {
        str(row.asset): CrifTarget(
            str(row.product_class), str(row.risk_type), str(row.qualifier), str(row.bucket)
        )
        for row in rows.itertuples(index=False)
    }
