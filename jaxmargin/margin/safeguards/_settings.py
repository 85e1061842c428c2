"""What safeguards take, and what they carry from run to run."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.margin.procyclicality import (
    AbstractProcyclicalityTool,
    CalculatedMargins,
    ProcyclicalityState,
    rebase,
    rebase_ratio,
    start_procyclicality,
)
from jaxmargin.margin.safeguards._leverage import LeverageLimits
from jaxmargin.margin.safeguards._step_limit import StepLimit

__all__ = [
    "SafeguardInputs",
    "SafeguardSettings",
    "SafeguardState",
    "rebase_safeguards",
    "start_safeguards",
]


class SafeguardSettings(eqx.Module):
    """Which safeguards there are; those left out do nothing.

    Attributes:
        tools: against procyclicality, in order.
        most_offset: of every group of products, see `cap_offsets`.
        leverage: least margins by class of client.
        step: largest change between runs without approval.
    """

    tools: tuple[AbstractProcyclicalityTool, ...] = ()
    most_offset: Float[Array, " product_group"] | None = None
    leverage: LeverageLimits | None = None
    step: StepLimit | None = None


class SafeguardInputs(eqx.Module):
    """What a run knows of its accounts; an input that is None is not needed or not looked at.

    Attributes:
        margins: initial margins before any safeguard, such as `Requirement.initial`.
        maintenance: maintenance margins, such as `Requirement.maintenance`.
        standalone: see `cap_offsets`; with `portfolio`, for `SafeguardSettings.most_offset`.
        portfolio: see `cap_offsets`.
        notional: see `least_margins`; with `client_class`, for `SafeguardSettings.leverage`.
        client_class: see `least_margins`.
        multiplier: of the breaker, see `account_multiplier`; at least 1.
        usable: whether the data behind an account's margins is good, see `quotes_usable`.
        approved: whether a person approved a change beyond the step limit.
    """

    margins: CalculatedMargins
    maintenance: Float[Array, " account"]
    standalone: Float[Array, "account product_group"] | None = None
    portfolio: Float[Array, "account product_group"] | None = None
    notional: Float[Array, "account asset_class"] | None = None
    client_class: Int[Array, " account"] | None = None
    multiplier: Float[Array, " account"] | None = None
    usable: Bool[Array, " account"] | None = None
    approved: Bool[Array, " account"] | None = None


class SafeguardState(eqx.Module):
    """The margins that counted in the last run; NaN where there were none.

    Attributes:
        procyclicality: of the tools.
        initial: after all safeguards.
        maintenance: after all safeguards.
    """

    procyclicality: ProcyclicalityState
    initial: Float[Array, " account"]
    maintenance: Float[Array, " account"]


def start_safeguards(settings: SafeguardSettings, accounts: int) -> SafeguardState:
    """The state before the first run on so many accounts."""
    nothing = jnp.full(accounts, jnp.nan, jnp.result_type(float))
    return SafeguardState(start_procyclicality(settings.tools, accounts), nothing, nothing)


def rebase_safeguards(
    state: SafeguardState, margin_then: Float[Array, " account"]
) -> SafeguardState:
    """The state as if today's positions had been held in the last run, see `rebase`.

    A trade changes an account's margin without any move of the market; it must not wait for
    approval, nor may bad data put the margin of yesterday's smaller positions in force.

    Args:
        state: of the last run.
        margin_then: initial margin calculated for today's positions in the market of the last run,
            before any safeguard; an account for which it is not finite keeps its state.
    """
    ratio = rebase_ratio(state.procyclicality.calculated, margin_then)
    initial, maintenance = (
        jnp.where(jnp.isnan(ratio), margin_then, last * ratio)
        for last in (state.initial, state.maintenance)
    )
    return SafeguardState(rebase(state.procyclicality, margin_then), initial, maintenance)
