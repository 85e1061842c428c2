"""Maintenance margin of a risk unit in OKX's portfolio margin, from its parts."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.errors import InvalidInputError
from jaxmargin.numerics import marginal_tiers

__all__ = ["okx_minimum_charge", "okx_unit_charge", "okx_unit_maintenance"]


def okx_minimum_charge(
    raw: Float[Array, "*unit"],
    upper: Float[Array, "*#unit tier"],
    multiplier: Float[Array, "*#unit tier"],
) -> Float[Array, "*unit"]:
    """Minimum charge MR7 after scaling: each part of the raw charge times its tier's multiplier.

    Args:
        raw: minimum charge before scaling, in USD, not negative.
        upper: upper edges of tiers in USD, the last infinite; nothing counts beyond the last.
        multiplier: of each tier.

    References:
        OKX Help Center, article 4417291853837, scaling factors of minimum charges.
    """
    return marginal_tiers(raw, upper, multiplier)


def okx_unit_charge(
    *,
    spot_shock: Float[Array, "*unit"] | None,
    theta: Float[Array, "*unit"] | None,
    vega: Float[Array, "*unit"] | None,
    basis: Float[Array, "*unit"] | None,
    rate: Float[Array, "*unit"] | None,
    extreme_move: Float[Array, "*unit"] | None,
) -> Float[Array, "*unit"]:
    """Charge of a risk unit: max(MR1, MR2, MR6) + MR3 + MR4 + MR5, in USD, loss positive.

    How theta (MR2), vega (MR3) and rate (MR5) are computed is not established: give the venue's
    own figures, and zeros only for a unit without options. What is unknown is refused, since a
    missing part would lower the margin in silence.

    Args:
        spot_shock: MR1, the worst loss over moves of spot and volatility.
        theta: MR2.
        vega: MR3.
        basis: MR4.
        rate: MR5.
        extreme_move: MR6, a share of the worst loss in a move twice as large.

    Raises:
        InvalidInputError: if a part is None.

    References:
        OKX Help Center, article 4417291853837; reproduces both units of the "position-builder"
        example of OKX's API documentation, 2025.
    """
    parts = {
        "spot_shock": spot_shock,
        "theta": theta,
        "vega": vega,
        "basis": basis,
        "rate": rate,
        "extreme_move": extreme_move,
    }
    given = {name: part for name, part in parts.items() if part is not None}
    unknown = [name for name in parts if name not in given]
    if unknown:
        raise InvalidInputError(
            f"okx_unit_charge needs every part; {', '.join(unknown)} unknown. Give OKX's own "
            "figure, or zero where the unit has no options."
        )
    largest = jnp.maximum(jnp.maximum(given["spot_shock"], given["theta"]), given["extreme_move"])
    return largest + given["vega"] + given["basis"] + given["rate"]


def okx_unit_maintenance(
    charge: Float[Array, "*unit"], minimum: Float[Array, "*unit"]
) -> Float[Array, "*unit"]:
    """Maintenance margin of a risk unit: its charge, but the scaled minimum at least, in USD.

    Units are summed. Charges for borrowing (MR8) and for a stablecoin's depeg (MR9) come on top
    and are not established.

    Args:
        charge: see `okx_unit_charge`.
        minimum: see `okx_minimum_charge`.

    References:
        OKX Help Center, article 4417291853837.
    """
    return jnp.maximum(charge, minimum)
