"""A weight on the margin of stressed times."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.margin.procyclicality._tool import (
    AbstractProcyclicalityTool,
    CalculatedMargins,
    ToolMemory,
)

__all__ = ["StressedWeight"]


class StressedWeight(AbstractProcyclicalityTool):
    r"""Mean of today's and the stressed margin, $(1 - w)\, m + w\, \max(m, m_\mathrm{stressed})$.

    Where the stressed margin is below today's, today's counts alone. Kink where the two are equal.

    Attributes:
        weight: $w$ of the stressed margin, in [0.25, 1].

    References:
        Delegated Regulation (EU) No 153/2013, article 28(1)(b): at least 25 % weight to stressed
        observations in the lookback period.
    """

    weight: float = eqx.field(static=True, default=0.25)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if `weight` is out of range."""
        require(
            0.25 <= self.weight <= 1.0,
            f"StressedWeight.weight must lie in [0.25, 1]; got {self.weight!r}. Article 28(1)(b) "
            "of Regulation 153/2013 asks for at least 25 %.",
        )

    def apply(
        self,
        margin: Float[Array, " account"],
        calculated: CalculatedMargins,
        memory: ToolMemory,
    ) -> tuple[Float[Array, " account"], ToolMemory]:
        """See `AbstractProcyclicalityTool.apply`."""
        del memory
        if calculated.stressed is None:
            raise InvalidInputError(
                "StressedWeight needs CalculatedMargins.stressed, which is None. Calculate the "
                "margin on stressed observations."
            )
        called = margin + self.weight * jnp.maximum(calculated.stressed - margin, 0.0)
        return called, ToolMemory(margin, called)
