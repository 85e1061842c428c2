"""Floors of margin: by a long lookback, and by its own slow average."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.margin.procyclicality._tool import (
    AbstractProcyclicalityTool,
    CalculatedMargins,
    ToolMemory,
)

__all__ = ["EwmaFloor", "LookbackFloor"]


class LookbackFloor(AbstractProcyclicalityTool):
    r"""The margin at the volatility of a long lookback as a floor, $\max(m, m_\mathrm{long})$.

    Kink where the two are equal; there the gradient is half of each.

    References:
        Delegated Regulation (EU) No 153/2013, article 28(1)(c): not below what volatility over a
        10-year lookback gives.
    """

    def apply(
        self,
        margin: Float[Array, " account"],
        calculated: CalculatedMargins,
        memory: ToolMemory,
    ) -> tuple[Float[Array, " account"], ToolMemory]:
        """See `AbstractProcyclicalityTool.apply`."""
        del memory
        if calculated.long_lookback is None:
            raise InvalidInputError(
                "LookbackFloor needs CalculatedMargins.long_lookback, which is None. Calculate "
                "the margin with the volatility of the long lookback."
            )
        called = jnp.maximum(margin, calculated.long_lookback)
        return called, ToolMemory(margin, called)


class EwmaFloor(AbstractProcyclicalityTool):
    r"""A slow average of the margin as a floor.

    $$ a_t = \lambda\, a_{t-1} + (1 - \lambda)\, m_t, \qquad M_t = \max(m_t, a_t), \qquad
       \lambda = 2^{-1/h}. $$

    The average starts at the first margin. Kink where margin and average are equal.

    Attributes:
        half_life_runs: $h$, runs after which a margin counts half; positive.
    """

    half_life_runs: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if `half_life_runs` is out of range."""
        require(
            0.0 < self.half_life_runs < float("inf"),
            f"EwmaFloor.half_life_runs must be positive; got {self.half_life_runs!r}. Give a "
            "number of runs, such as 60.",
        )

    def apply(
        self,
        margin: Float[Array, " account"],
        calculated: CalculatedMargins,
        memory: ToolMemory,
    ) -> tuple[Float[Array, " account"], ToolMemory]:
        """See `AbstractProcyclicalityTool.apply`."""
        del calculated
        decay = 0.5 ** (1.0 / self.half_life_runs)
        last = jnp.where(jnp.isfinite(memory.level), memory.level, margin)
        average = decay * last + (1.0 - decay) * margin
        return jnp.maximum(margin, average), ToolMemory(margin, average)
