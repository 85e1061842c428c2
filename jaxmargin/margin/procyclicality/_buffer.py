"""A buffer that is drawn in a crisis and rebuilt after it."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.errors import require
from jaxmargin.margin.procyclicality._tool import (
    AbstractProcyclicalityTool,
    CalculatedMargins,
    ToolMemory,
)

__all__ = ["StressBuffer"]


class StressBuffer(AbstractProcyclicalityTool):
    r"""A share on top of the margin, which absorbs a significant rise of it.

    With $m_t$ what comes in and $M_t$ what goes out,

    $$ M_t = \min\Big( (1 + b)\, m_t,\ \max\big( m_t,\ M_{t-1}\, g_t \big) \Big), \qquad
       g_t = \mathrm{clip}\Big( \frac{m_t}{m_{t-1}},\ 1 + r,\ 1 + s \Big). $$

    The margin follows a rise up to $s$ a run with the buffer whole; what rises beyond is taken from
    the buffer until it is empty and $M_t = m_t$. It is then rebuilt by up to $r$ a run. The first
    run, and the run after a margin of zero, has the whole buffer. For $r = s = 0$ the cap is the
    last margin called. $M_t$ rises with $m_t$ without jumps; it has kinks where the buffer begins
    to be drawn, where it is empty and where it is whole again.

    Attributes:
        significant_rise: $s$, largest relative rise of the margin in one run that leaves the
            buffer whole; not negative.
        rebuild: $r$, largest relative rise of the called margin in one run to rebuild the buffer;
            in [0, `significant_rise`].
        share: $b$, at least 0.25.

    References:
        Delegated Regulation (EU) No 153/2013, article 28(1)(a): at least 25 % of the calculated
        margin, exhaustible for a time while calculated margins rise significantly. What is
        significant, and how fast the buffer is rebuilt, it leaves to the clearing house.
    """

    significant_rise: float = eqx.field(static=True)
    rebuild: float = eqx.field(static=True)
    share: float = eqx.field(static=True, default=0.25)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a setting is out of range."""
        require(
            0.25 <= self.share < float("inf"),
            f"StressBuffer.share must be at least 0.25; got {self.share!r}. Article 28(1)(a) of "
            "Regulation 153/2013 asks for 25 %.",
        )
        require(
            0.0 <= self.rebuild <= self.significant_rise < float("inf"),
            "StressBuffer.rebuild must lie in [0, significant_rise]; got rebuild "
            f"{self.rebuild!r} and significant_rise {self.significant_rise!r}. Write 2 % as 0.02.",
        )

    def apply(
        self,
        margin: Float[Array, " account"],
        calculated: CalculatedMargins,
        memory: ToolMemory,
    ) -> tuple[Float[Array, " account"], ToolMemory]:
        """See `AbstractProcyclicalityTool.apply`."""
        del calculated
        known = memory.margin > 0.0
        rise = margin / jnp.where(known, memory.margin, 1.0)
        growth = jnp.clip(rise, 1.0 + self.rebuild, 1.0 + self.significant_rise)
        cap = jnp.where(known, memory.level, 0.0) * growth
        full = (1.0 + self.share) * margin
        called = jnp.where(known, jnp.minimum(full, jnp.maximum(margin, cap)), full)
        return called, ToolMemory(margin, called)
