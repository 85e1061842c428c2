"""Where P&L is no number."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

__all__ = ["rows_not_finite"]


def rows_not_finite(pnl: Float[Array, "row scenario"]) -> Int[np.ndarray, " bad"]:
    """Rows with a P&L that is not finite in some scenario; the table stays on its device."""
    return np.flatnonzero(~np.asarray(_finite_rows(pnl)))


@jax.jit
def _finite_rows(pnl: Float[Array, "row scenario"]) -> Bool[Array, " row"]:
    return jnp.all(jnp.isfinite(pnl), axis=-1)
