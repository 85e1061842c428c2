"""Applies tools one after the other, says which one binds, and fails closed."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.errors import require
from jaxmargin.margin._names import component_name
from jaxmargin.margin.procyclicality._state import ProcyclicalityState
from jaxmargin.margin.procyclicality._tool import AbstractProcyclicalityTool, CalculatedMargins

__all__ = ["ProcyclicalityResult", "apply_tools", "apply_tools_over_days"]


class ProcyclicalityResult(eqx.Module):
    """Margin of every account after the tools, in the numeraire; over days, days come first.

    Attributes:
        margin: never negative; infinite for an account whose margin is not known and never was.
        components: named parts that add up to `margin`: `calculated`, what each tool adds, in the
            order of `names`, and `last_good`, what keeps the last good margin in force.
        binding: which of `names` set the margin: the last in order that changed it.
        deferred: by how much `margin` is below the calculated one; only `SpeedLimit` does that.
        held: whether the inputs could not be used, so that the higher of the last good and the new
            margin counts. Whoever prints must name such accounts.
        names: of the components, in order.
    """

    margin: Float[Array, "*day account"]
    components: dict[str, Float[Array, "*day account"]]
    binding: Int[Array, "*day account"]
    deferred: Float[Array, "*day account"]
    held: Bool[Array, "*day account"]
    names: tuple[str, ...] = eqx.field(static=True)


def apply_tools(
    tools: Sequence[AbstractProcyclicalityTool],
    margins: CalculatedMargins,
    state: ProcyclicalityState,
    *,
    usable: Bool[Array, " account"] | None = None,
) -> tuple[ProcyclicalityResult, ProcyclicalityState]:
    """Margins after `tools`, each of which takes what the one before it leaves.

    Fails closed. An account's inputs cannot be used if one is not a finite number or is negative,
    or if `usable` says so. Then a number that is missing is replaced by the last good one, the
    margin is the higher of what the tools leave and the last one called, and the tools remember
    nothing of the run, so that bad data releases nothing, neither now nor later.

    Args:
        tools: none twice, in the order of application; `SpeedLimit` last.
        margins: before any tool.
        state: of the last run, of the same tools; rebased where positions changed.
        usable: whether the data behind an account's margins is good; all are if None.

    Raises:
        InvalidInputError: a kind of tool occurs twice, the state is of other tools, or a tool lacks
            a margin that it needs.
    """
    names = ("calculated", *(component_name(type(tool)) for tool in tools), "last_good")
    require(
        len(set(names)) == len(names),
        f"apply_tools takes each kind of tool once; got {', '.join(names[1:-1])}. Remove one.",
    )
    require(
        len(state.memory) == len(tools),
        f"apply_tools got {len(tools)} tools and the state of {len(state.memory)}. Start with "
        "start_procyclicality(tools, accounts).",
    )
    filled, good, known = _fill(margins, state, usable)
    margin, parts, memory = filled.current, [filled.current], []
    for tool, remembered in zip(tools, state.memory, strict=True):
        left, remembers = tool.apply(margin, filled, remembered)
        parts.append(left - margin)
        memory.append(remembers)
        margin = left
    last = jnp.where(jnp.isnan(state.called), 0.0, state.called)
    called = jnp.where(good, margin, jnp.maximum(margin, last))
    called = jnp.where(known, called, jnp.inf)
    parts.append(called - margin)
    changed = jnp.stack([jnp.ones_like(good), *(part != 0.0 for part in parts[1:])])
    place = jnp.arange(len(names), dtype=jnp.int32)[:, None]
    result = ProcyclicalityResult(
        margin=called,
        components=dict(zip(names, parts, strict=True)),
        binding=jnp.max(jnp.where(changed, place, 0), axis=0),
        deferred=jnp.maximum(filled.current - called, 0.0),
        held=~good,
        names=names,
    )
    calculated, memory = jax.tree.map(
        lambda new, old: jnp.where(good, new, old),
        (filled.current, tuple(memory)),
        (state.calculated, state.memory),
    )
    runs_held = jnp.where(good, 0, state.runs_held + 1)
    called = jnp.where(known, called, state.called)
    return result, ProcyclicalityState(calculated, called, memory, runs_held)


def apply_tools_over_days(
    tools: Sequence[AbstractProcyclicalityTool],
    margins: CalculatedMargins,
    state: ProcyclicalityState,
) -> tuple[ProcyclicalityResult, ProcyclicalityState]:
    """`apply_tools` day after day on unchanged positions; days are the first axis of `margins`."""

    def one_day(
        carried: ProcyclicalityState, day: CalculatedMargins
    ) -> tuple[ProcyclicalityState, ProcyclicalityResult]:
        result, after = apply_tools(tools, day, carried)
        return after, result

    after, results = jax.lax.scan(one_day, state, margins)
    return results, after


def _fill(
    margins: CalculatedMargins,
    state: ProcyclicalityState,
    usable: Bool[Array, " account"] | None,
) -> tuple[CalculatedMargins, Bool[Array, " account"], Bool[Array, " account"]]:
    """Margins without gaps, which accounts had none, and which have a margin at all."""

    def number(margin: Float[Array, " account"]) -> Bool[Array, " account"]:
        return jnp.isfinite(margin) & (margin >= 0.0)

    now, before = number(margins.current), number(state.calculated)
    last = jnp.where(before, state.calculated, 0.0)
    current = jnp.where(now, margins.current, last)
    good = now if usable is None else now & usable
    others = []
    for other in (margins.stressed, margins.long_lookback):
        if other is not None:
            good &= number(other)
            other = jnp.where(number(other), other, current)  # noqa: PLW2901
        others.append(other)
    return CalculatedMargins(current, *others), good, now | before
