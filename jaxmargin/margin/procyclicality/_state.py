"""What is carried from one run of the tools to the next."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.margin.procyclicality._tool import AbstractProcyclicalityTool, ToolMemory

__all__ = ["ProcyclicalityState", "rebase", "rebase_ratio", "start_procyclicality"]


class ProcyclicalityState(eqx.Module):
    """The last good run of the tools; NaN where there was none.

    Attributes:
        calculated: margin before any tool.
        called: margin after all of them.
        memory: what each tool remembers.
        runs_held: runs since then in which the inputs of an account could not be used.
    """

    calculated: Float[Array, " account"]
    called: Float[Array, " account"]
    memory: tuple[ToolMemory, ...]
    runs_held: Int[Array, " account"]


def start_procyclicality(
    tools: Sequence[AbstractProcyclicalityTool], accounts: int
) -> ProcyclicalityState:
    """The state before the first run of `tools` on so many accounts."""
    nothing = jnp.full(accounts, jnp.nan, jnp.result_type(float))
    memory = tuple(ToolMemory(nothing, nothing) for _ in tools)
    return ProcyclicalityState(nothing, nothing, memory, jnp.zeros(accounts, jnp.int32))


def rebase_ratio(
    calculated: Float[Array, " account"], margin_then: Float[Array, " account"]
) -> Float[Array, " account"]:
    """What to multiply an account's state with, see `rebase`.

    NaN where the account had no margin before, so that it is new; 1 where `margin_then` is not
    known, so that its state stays as it is.
    """
    known = jnp.isfinite(margin_then) & (margin_then >= 0.0)
    had = calculated > 0.0
    ratio = jnp.where(had & known, margin_then, 1.0) / jnp.where(had & known, calculated, 1.0)
    return jnp.where(known & ~had, jnp.nan, ratio)


def rebase(
    state: ProcyclicalityState, margin_then: Float[Array, " account"]
) -> ProcyclicalityState:
    """The state as if today's positions had been held in the last run.

    Tools compare margins of two runs to see how the market moved. When an account trades, its
    margin changes for another reason: a doubled position is no crisis that may draw the buffer, and
    a halved one need not wait for a speed limit. All that is remembered of the account is therefore
    scaled by `margin_then / state.calculated`. An account that had no margin starts anew, with
    `margin_then` as its last good margin.

    Args:
        state: of the last run.
        margin_then: margin calculated for today's positions in the market of the last run, before
            any tool; an account for which it is not finite keeps its state.
    """
    ratio = rebase_ratio(state.calculated, margin_then)
    new = jnp.isnan(ratio)
    memory = jax.tree.map(lambda number: number * ratio, state.memory)
    calculated, called = (
        jnp.where(new, margin_then, number * ratio) for number in (state.calculated, state.called)
    )
    return ProcyclicalityState(calculated, called, memory, state.runs_held)
