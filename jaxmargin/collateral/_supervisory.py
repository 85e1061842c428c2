"""Haircuts as supervisors set them."""

import enum

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.collateral._haircuts import AbstractHaircuts
from jaxmargin.errors import require

__all__ = ["CollateralClass", "SupervisoryHaircuts"]


class CollateralClass(enum.IntEnum):
    """Classes of the standardized schedule.

    Attributes:
        CASH: cash.
        SOVEREIGN: high-quality government and central bank securities.
        CORPORATE: high-quality corporate and covered bonds.
        MAIN_INDEX_EQUITY: equities of main indices.
        LISTED_EQUITY: other listed equities.
        GOLD: gold.
        UNLISTED: what the schedule does not know, such as coins; it has no value there.
    """

    CASH = 0
    SOVEREIGN = 1
    CORPORATE = 2
    MAIN_INDEX_EQUITY = 3
    LISTED_EQUITY = 4
    GOLD = 5
    UNLISTED = 6


# remaining maturity up to 1 year, up to 5 years, beyond; ten business days, daily remargining
_TABLE = np.array(
    [
        [0.0, 0.0, 0.0],
        [0.005, 0.02, 0.04],
        [0.01, 0.04, 0.08],
        [0.15, 0.15, 0.15],
        [0.25, 0.25, 0.25],
        [0.15, 0.15, 0.15],
        [1.0, 1.0, 1.0],
    ]
)
_CURRENCY_MISMATCH, _TABLE_DAYS = 0.08, 10.0


class SupervisoryHaircuts(AbstractHaircuts):
    r"""The standardized schedule for ten business days, scaled to other periods.

    With the schedule's haircut $H_{10}$, plus 8 % where the currency differs, a minimum
    liquidation period of $T$ and $N$ days between remarginings,

    $$ H = \min\Big(1, H_{10} \sqrt{\tfrac{T}{10}} \sqrt{\tfrac{N + (T - 1)}{T}}\Big). $$

    Attributes:
        collateral_class: `CollateralClass` of each asset.
        maturity: remaining maturity of each asset in years; zero where it has none.
        mismatched: whether the asset is in another currency than the requirement it covers; one
            row for all accounts, or one each.
        liquidation_days: $T$, business days to close out and sell.
        remargin_days: $N$, business days between remarginings; 1 is daily.

    References:
        BCBS and IOSCO (2020), "Margin requirements for non-centrally cleared derivatives",
        appendix B; 12 CFR 1240.39. Other listed equities 25 % and the scaling: Basel II's
        comprehensive approach, as in ADGM A4.3.15 and CBB CA-4.3.12 and 13.
    """

    collateral_class: Int[Array, " asset"]
    maturity: Float[Array, " asset"]
    mismatched: Bool[Array, "#account asset"]
    liquidation_days: float = eqx.field(static=True, default=10.0)
    remargin_days: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a period is shorter than a day."""
        for field in ("liquidation_days", "remargin_days"):
            days = getattr(self, field)
            require(
                1.0 <= days < float("inf"),
                f"SupervisoryHaircuts.{field} must be at least one business day; got {days!r}.",
            )

    def haircut(self, quantity: Float[Array, "account asset"]) -> Float[Array, "account asset"]:
        """See `AbstractHaircuts.haircut`."""
        column = jnp.where(self.maturity <= 1.0, 0, jnp.where(self.maturity <= 5.0, 1, 2))
        table = jnp.asarray(_TABLE, quantity.dtype)[self.collateral_class, column]
        ten_days = table[None, :] + jnp.where(self.mismatched, _CURRENCY_MISMATCH, 0.0)
        days = self.remargin_days + (self.liquidation_days - 1.0)
        scaled = jnp.minimum(ten_days * (days / _TABLE_DAYS) ** 0.5, 1.0)
        unlisted = (self.collateral_class == CollateralClass.UNLISTED)[None, :]
        return jnp.broadcast_to(jnp.where(unlisted, 1.0, scaled), quantity.shape)
