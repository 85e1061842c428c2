"""Why a margin changed: a path of full revaluations, one thing changed at each step."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.book import Book
from jaxmargin.errors import require
from jaxmargin.margin import AbstractRulebook, RiskMeasureRulebook
from jaxmargin.market import AbstractVolatilitySurface, Market, QuotedVolatilities

__all__ = ["MarginChange", "MarginState", "explain_margin"]

_STEPS = ("positions", "time", "prices", "rates and funding", "volatility", "scenarios", "rule")
_OF_MARKET = _STEPS[1:5]


class MarginState(eqx.Module):
    """All that the margins of one day come from.

    Attributes:
        rulebook: the rule and its scenarios.
        book: contracts and positions.
        market: the market of the day.
    """

    rulebook: AbstractRulebook
    book: Book
    market: Market


class MarginChange(eqx.Module):
    """The change of every account's initial margin, step by step, in the numeraire.

    Attributes:
        start: initial margin of the first state.
        amount: margin after each step less margin before it; they add up to the whole change.
        first_order: of all accounts together, each step's amount by the derivative at the start
            of the step: what is beyond is curvature. NaN where a step has no derivative.
        steps: what each step changes, in the order of the path.
    """

    start: Float[Array, " account"]
    amount: Float[Array, "account step"]
    first_order: Float[Array, " step"]
    steps: tuple[str, ...] = eqx.field(static=True)


def explain_margin(start: MarginState, end: MarginState) -> MarginChange:
    """Walk from one state to another and take the margin after each step.

    The path, in which each step keeps what the steps before it have changed:

    1. positions: quantities.
    2. time: years to expiry, and the share of averaged settlement prices that is known.
    3. prices: spots, perpetuals, forwards; volatilities follow by the dynamics of the start.
    4. rates and funding.
    5. volatility: the surface and its dynamics.
    6. scenarios: the source of scenarios and its key, so history, model, horizon and depegs.
    7. rule: all else of the rulebook, such as the level. Part of 6 for rulebooks without a source.

    Amounts depend on the order: what two steps do only together counts as the later one's.

    Args:
        start: first state.
        end: last state; its contracts, accounts, assets and pillars are those of `start`, in the
            same rows. Quoted strikes may differ.

    Raises:
        InvalidInputError: the states do not count alike, or a margin on the path is not finite.
        MemoryError: see `AbstractRulebook.requirement`.
    """
    _require_alike(start, end)
    path = [start, *_states(start, end)]
    margins = [each.rulebook.requirement(each.book, each.market).initial for each in path]
    margin = jnp.stack(margins, axis=1)
    slopes = [
        _first_order(before, after.market) if step in _OF_MARKET else np.nan
        for step, before, after in zip(_STEPS, path, path[1:], strict=False)
    ]
    return MarginChange(
        start=margin[:, 0],
        amount=jnp.diff(margin, axis=1),
        first_order=jnp.asarray(slopes, margin.dtype),
        steps=_STEPS,
    )


def _require_alike(start: MarginState, end: MarginState) -> None:
    """Raise `InvalidInputError` unless rows of both states mean the same things."""

    def counts(state: MarginState) -> dict[str, int]:
        return {
            "contracts": sum(batch.multiplier.shape[0] for batch in state.book.instruments),
            "accounts": state.book.positions.accounts,
            "assets": state.market.spot.shape[0],
            "pillars": state.market.time.shape[0],
        }

    require(
        counts(start) == counts(end),
        f"explain_margin needs states that count alike; got {counts(start)} and {counts(end)}. "
        "Give both the same contracts, accounts, assets and pillars in the same rows.",
    )


def _states(start: MarginState, end: MarginState) -> list[MarginState]:
    """The state after each step."""
    parts = (
        lambda m: (m.time, m.fixed, m.elapsed),
        lambda m: (m.spot, m.perpetual, m.forward, m.base),
        lambda m: (m.rate, m.funding),
    )
    markets = [start.market]
    for part in parts:
        markets.append(eqx.tree_at(part, markets[-1], part(end.market)))
    markets.append(end.market)
    rulebook = end.rulebook
    if isinstance(start.rulebook, RiskMeasureRulebook) and isinstance(
        rulebook, RiskMeasureRulebook
    ):
        rulebook = eqx.tree_at(
            lambda r: (r.source, r.key), start.rulebook, (rulebook.source, rulebook.key)
        )
    return [
        *(MarginState(start.rulebook, end.book, market) for market in markets),
        MarginState(rulebook, end.book, end.market),
        end,
    ]


def _first_order(before: MarginState, after: Market) -> float:
    """Derivative of the total margin along the straight line to another market; NaN if none."""
    here, there = _on_common_strikes(before.market, after)
    if jax.tree.structure(here) != jax.tree.structure(there):
        return np.nan
    pairs = zip(jax.tree.leaves(here), jax.tree.leaves(there), strict=True)
    if any(one.shape != other.shape for one, other in pairs):
        return np.nan

    def total(share: Float[Array, ""]) -> Float[Array, ""]:
        def between(one: Array, other: Array) -> Array:
            # what a step leaves alone is the same array: no derivative may pass through its NaN
            if one is other or not eqx.is_inexact_array(one):
                return one
            change = other - one
            return one + share * jnp.where(jnp.isfinite(change), change, 0.0)

        market = jax.tree.map(between, here, there)
        return jnp.sum(before.rulebook.requirement(before.book, market).initial)

    return float(jax.grad(total)(jnp.zeros((), here.spot.dtype)))


def _on_common_strikes(here: Market, there: Market) -> tuple[Market, Market]:
    """Both markets with quotes at the strikes of either, where both have quotes; on the host."""
    one, other = here.surface, there.surface
    if one is other or not (
        isinstance(one, QuotedVolatilities) and isinstance(other, QuotedVolatilities)
    ):
        return here, there
    rows = [np.unique(np.concatenate(pair)) for pair in zip(one.strike, other.strike, strict=True)]
    nodes = max((row.size for row in rows), default=1)
    strike = np.array([np.pad(row, (0, nodes - row.size), mode="edge") for row in rows])
    strike = jnp.asarray(strike.reshape(-1, nodes), here.spot.dtype)
    pillar = jnp.repeat(jnp.arange(strike.shape[0]), nodes)

    def quoted(surface: QuotedVolatilities) -> AbstractVolatilitySurface:
        quote = surface.volatility(pillar, strike.reshape(-1)).reshape(strike.shape)
        quote = jnp.where(jnp.isfinite(quote), quote, 1.0)  # of a pillar that no option needs
        return QuotedVolatilities(
            strike, quote, jnp.ones_like(surface.scale), surface.interpolation
        )

    return tuple(
        eqx.tree_at(lambda m: m.surface, market, quoted(surface))
        for market, surface in ((here, one), (there, other))
    )
