"""All safeguards of an account's margin, one after the other."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.errors import InvalidInputError
from jaxmargin.margin.procyclicality import ProcyclicalityResult, apply_tools
from jaxmargin.margin.safeguards._leverage import least_margins
from jaxmargin.margin.safeguards._offsets import CappedOffsets, cap_offsets
from jaxmargin.margin.safeguards._settings import (
    SafeguardInputs,
    SafeguardSettings,
    SafeguardState,
)
from jaxmargin.margin.safeguards._step_limit import HoldReason, limit_step

__all__ = ["SafeguardedMargins", "apply_safeguards"]


class SafeguardedMargins(eqx.Module):
    """Margins of accounts after all safeguards, in the numeraire, loss positive.

    Attributes:
        initial: what counts; infinite for an account whose margin is not known and never was.
        maintenance: the same.
        components: named parts that add up to `initial`: `calculated`, one for each tool,
            `offset_cap`, `breaker`, `least_margin` and `held`.
        tools: what the tools against procyclicality did, and which of them binds.
        offset: reduction left by the cap on offsets, as a share of the standalone margins; None
            without the cap.
        hold: a `HoldReason` each. Whoever prints must name the accounts that are held.
    """

    initial: Float[Array, " account"]
    maintenance: Float[Array, " account"]
    components: dict[str, Float[Array, " account"]]
    tools: ProcyclicalityResult
    offset: Float[Array, " account"] | None
    hold: Int[Array, " account"]


def apply_safeguards(
    inputs: SafeguardInputs, state: SafeguardState, settings: SafeguardSettings
) -> tuple[SafeguardedMargins, SafeguardState]:
    """Margins with every safeguard, and the state for the next run.

    In this order: tools against procyclicality, what the cap on offsets adds, the multiplier of the
    breaker on all that, the least margin of the class of client, and at last the hold: the higher
    of the last and the new margin where the change is beyond the limit or any input cannot be used.
    Maintenance margin follows initial margin in proportion (it is the same where no initial margin
    was calculated), and is at least the share of the least margin at which positions are closed.

    Every part but `SpeedLimit` with a positive `most_deferred` adds, so that the margin is never
    below the calculated one. Where positions changed, `rebase_safeguards` the state first.

    Raises:
        InvalidInputError: a setting needs inputs that are not given.
    """
    zeros = jnp.zeros_like(inputs.maintenance)
    cap, (least, least_maintenance) = _capped(inputs, settings), _least(inputs, settings)
    multiplier = zeros + 1.0 if inputs.multiplier is None else inputs.multiplier
    added = zeros if cap is None else cap.added
    usable = _number(inputs.maintenance) & _number(least) & _number(multiplier) & _number(added)
    if inputs.usable is not None:
        usable &= inputs.usable

    tools, after = apply_tools(settings.tools, inputs.margins, state.procyclicality, usable=usable)
    unknown = ~jnp.isfinite(tools.margin)
    called, offset_cap = _finite(tools.margin), _finite(added)
    breaker = (jnp.maximum(_finite(multiplier), 1.0) - 1.0) * (called + offset_cap)
    risk = called + offset_cap + breaker
    least_margin = jnp.maximum(_finite(least) - risk, 0.0)
    new = risk + least_margin
    initial, hold = limit_step(
        jnp.where(unknown, jnp.inf, new),
        state.initial,
        settings.step,
        usable=~tools.held,
        approved=inputs.approved,
    )
    held = jnp.where(unknown, jnp.inf, tools.components["last_good"] + (initial - new))
    result = SafeguardedMargins(
        initial=initial,
        maintenance=_maintenance(inputs, state, tools, risk, least_maintenance, hold),
        components={name: tools.components[name] for name in tools.names[:-1]}
        | {"offset_cap": offset_cap, "breaker": breaker, "least_margin": least_margin}
        | {"held": held},
        tools=tools,
        offset=None if cap is None else cap.offset,
        hold=hold,
    )
    last = (
        jnp.where(jnp.isfinite(now), now, before)
        for now, before in (
            (result.initial, state.initial),
            (result.maintenance, state.maintenance),
        )
    )
    return result, SafeguardState(after, *last)


def _maintenance(
    inputs: SafeguardInputs,
    state: SafeguardState,
    tools: ProcyclicalityResult,
    risk: Float[Array, " account"],
    least: Float[Array, " account"],
    hold: Int[Array, " account"],
) -> Float[Array, " account"]:
    """Maintenance margin in proportion to what initial margin became, held where that is held."""
    calculated = tools.components["calculated"]
    positive = calculated > 0.0
    ratio = jnp.where(positive, inputs.maintenance / jnp.where(positive, calculated, 1.0), 1.0)
    new = jnp.maximum(ratio * risk, _finite(least))
    new = jnp.where(jnp.isfinite(tools.margin), new, jnp.inf)
    return limit_step(new, state.maintenance, usable=hold == HoldReason.NONE)[0]


def _capped(inputs: SafeguardInputs, settings: SafeguardSettings) -> CappedOffsets | None:
    """Margins with capped offsets, if offsets are capped."""
    if settings.most_offset is None:
        return None
    if inputs.standalone is None or inputs.portfolio is None:
        raise InvalidInputError(
            "SafeguardSettings.most_offset needs SafeguardInputs.standalone and .portfolio; one is "
            "None. Give the margins of the products by themselves and together."
        )
    return cap_offsets(inputs.standalone, inputs.portfolio, settings.most_offset)


def _least(
    inputs: SafeguardInputs, settings: SafeguardSettings
) -> tuple[Float[Array, " account"], Float[Array, " account"]]:
    """Least initial and maintenance margin; zero where there are no limits."""
    if settings.leverage is None:
        return jnp.zeros_like(inputs.maintenance), jnp.zeros_like(inputs.maintenance)
    if inputs.notional is None or inputs.client_class is None:
        raise InvalidInputError(
            "SafeguardSettings.leverage needs SafeguardInputs.notional and .client_class; one is "
            "None. Give the gross notional of every account and its class of client."
        )
    return least_margins(settings.leverage, inputs.notional, inputs.client_class)


def _number(value: Float[Array, " account"]) -> Bool[Array, " account"]:
    return jnp.isfinite(value) & (value >= 0.0)


def _finite(value: Float[Array, " account"]) -> Float[Array, " account"]:
    """The value, and zero where it is no finite number: such accounts are held."""
    return jnp.where(jnp.isfinite(value), value, 0.0)
