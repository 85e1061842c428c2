"""Refuses numbers that a sum, a maximum or a tail would hide."""

import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from jaxmargin.errors import require
from jaxmargin.valuation import rows_not_finite

__all__ = ["require_finite_pnl", "require_not_negative"]


def require_not_negative(where: str, name: str, numbers: Float[Array, "*shape"]) -> None:
    """Raise `InvalidInputError` unless all are finite and not negative; nothing while tracing."""
    if isinstance(numbers, Tracer):
        return
    known = np.asarray(numbers)
    bad = np.argwhere(~((known >= 0.0) & (known < np.inf)))
    first = f", the first at {bad[0].tolist()}" if len(bad) else ""
    require(
        len(bad) == 0,
        f"{where}: {name} must be finite and not negative; {len(bad)} of {known.size} are not"
        f"{first}.",
    )


def require_finite_pnl(where: str, what: str, pnl: Float[Array, "row scenario"]) -> None:
    """Raise `InvalidInputError` unless every P&L is a number; nothing while tracing."""
    if isinstance(pnl, Tracer):
        return
    bad = rows_not_finite(pnl)
    require(
        bad.size == 0,
        f"{where}: the P&L of {bad.size} of {pnl.shape[0]} {what} is not finite in some scenario, "
        f"the first in row {bad[:1].tolist()}. Check its market data and the shocks.",
    )
