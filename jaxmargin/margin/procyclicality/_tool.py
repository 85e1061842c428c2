"""What every tool against procyclicality is."""

import abc

import equinox as eqx
from jaxtyping import Array, Float

__all__ = ["AbstractProcyclicalityTool", "CalculatedMargins", "ToolMemory"]


class CalculatedMargins(eqx.Module):
    """Margins of accounts before any tool, in the numeraire, loss positive.

    Attributes:
        current: the risk-based margin in today's market.
        stressed: margin of the same positions on stressed observations; None if no tool asks.
        long_lookback: margin of the same positions with the volatility of a long lookback, such as
            ten years; None if no tool asks.
    """

    current: Float[Array, "*day account"]
    stressed: Float[Array, "*day account"] | None = None
    long_lookback: Float[Array, "*day account"] | None = None


class ToolMemory(eqx.Module):
    """What a tool remembers of the last good run; NaN before the first.

    Attributes:
        margin: the margin that came in.
        level: the tool's own number: the margin that went out, or an average.
    """

    margin: Float[Array, " account"]
    level: Float[Array, " account"]


class AbstractProcyclicalityTool(eqx.Module):
    """A rule that steadies the margin of an account from run to run.

    Tools stand in a tuple; each takes the margin that the one before it leaves. All but
    `SpeedLimit` leave a margin that is at least what came in. They take the positions to be those
    of the last run: where positions changed, `rebase` the state first.
    """

    @abc.abstractmethod
    def apply(
        self,
        margin: Float[Array, " account"],
        calculated: CalculatedMargins,
        memory: ToolMemory,
    ) -> tuple[Float[Array, " account"], ToolMemory]:
        """The margin this tool leaves, and what it remembers for the next run.

        Args:
            margin: what the tool before leaves; finite, not negative.
            calculated: margins before any tool; finite, not negative.
            memory: of this tool.

        Raises:
            InvalidInputError: the tool needs a calculated margin that is not given.
        """
