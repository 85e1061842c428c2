"""A limit on how fast margin may move."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.errors import require
from jaxmargin.margin.procyclicality._tool import (
    AbstractProcyclicalityTool,
    CalculatedMargins,
    ToolMemory,
)

__all__ = ["SpeedLimit"]


class SpeedLimit(AbstractProcyclicalityTool):
    r"""Largest relative rise and fall of the margin in one run; to be last in the tuple.

    $$ M_t = \max\big( \mathrm{clip}(m_t,\ (1 - f)\, M_{t-1},\ (1 + r)\, M_{t-1}),\
       (1 - d)\, c_t \big), $$

    with $c_t$ the margin calculated before any tool. A limit on falls is prudent by itself. A limit
    on rises is not: it holds back money that the risk asks for. So by default, with $d = 0$, it
    slows only what other tools add, and never holds the margin below the calculated one. A positive
    $d$ lets it do so by at most that share; `ProcyclicalityResult.deferred` says by how much, and
    the next runs collect it at the same speed. Kinks where a limit begins to bind.

    Attributes:
        rise: $r$, not negative; infinite for no limit.
        fall: $f$, in [0, 1]; 1 for no limit.
        most_deferred: $d$, largest share of the calculated margin that may be deferred, in [0, 1).
    """

    rise: float = eqx.field(static=True)
    fall: float = eqx.field(static=True)
    most_deferred: float = eqx.field(static=True, default=0.0)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a setting is out of range."""
        require(
            self.rise >= 0.0,
            f"SpeedLimit.rise must not be negative; got {self.rise!r}. Write 10 % a run as 0.1.",
        )
        require(
            0.0 <= self.fall <= 1.0,
            f"SpeedLimit.fall must lie in [0, 1]; got {self.fall!r}. Write 10 % a run as 0.1.",
        )
        require(
            0.0 <= self.most_deferred < 1.0,
            f"SpeedLimit.most_deferred must lie in [0, 1); got {self.most_deferred!r}. 0 never "
            "lets the margin fall below the calculated one.",
        )

    def apply(
        self,
        margin: Float[Array, " account"],
        calculated: CalculatedMargins,
        memory: ToolMemory,
    ) -> tuple[Float[Array, " account"], ToolMemory]:
        """See `AbstractProcyclicalityTool.apply`."""
        known = memory.level > 0.0  # nothing can be said relative to zero
        last = jnp.where(known, memory.level, 1.0)
        most = (1.0 + self.rise) * last if self.rise < float("inf") else None
        limited = jnp.clip(margin, (1.0 - self.fall) * last, most)
        least = (1.0 - self.most_deferred) * calculated.current
        called = jnp.where(known, jnp.maximum(limited, least), margin)
        return called, ToolMemory(margin, called)
