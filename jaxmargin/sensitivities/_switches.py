"""How far an account is from the kinks of its margin, and the derivatives on either side."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxmargin.book import select_accounts
from jaxmargin.errors import require
from jaxmargin.margin import MarginRun
from jaxmargin.market import Market
from jaxmargin.numerics import bucket_size
from jaxmargin.risk import AbstractRiskMeasure
from jaxmargin.scenarios import Shocks
from jaxmargin.sensitivities._account_loss import Holding
from jaxmargin.sensitivities._account_pnl import held_contracts, scenario_pnl
from jaxmargin.sensitivities._kinks import edge_scenarios
from jaxmargin.sensitivities._risk_run import risk_rulebook
from jaxmargin.valuation import memory_errors, stream_accounts

__all__ = ["AccountKinks", "Switches", "account_kinks"]

_ROUNDING = 64.0  # in units of rounding of the largest slope: two scenarios that move alike
_AT_ONCE, _BATCH = 1024, 256  # scenarios; bucket sizes above the first are multiples of the second


class Switches(eqx.Module):
    r"""Along each of some directions, how far the edge of a tail is from the next scenario.

    With the losses $L_s$ of the account and their slopes $v_s$ along a direction, scenario $r$ has
    the loss of the edge $b$ at the distance $(L_r - L_b) / (v_b - v_r)$. A direction is one
    position, in contracts, or one asset, in units of its log price. -1 is no scenario.

    Attributes:
        up: smallest distance at which the direction's rise brings another scenario to the edge;
            infinite if none does, zero at a tie of losses that do not move alike.
        up_scenario: that scenario.
        down: the same for a fall: not positive.
        down_scenario: that scenario.
        left: derivative of the measure along the direction, for a fall.
        right: for a rise; differs from `left` only at ties.
    """

    up: Float[Array, " direction"]
    up_scenario: Int[Array, " direction"]
    down: Float[Array, " direction"]
    down_scenario: Int[Array, " direction"]
    left: Float[Array, " direction"]
    right: Float[Array, " direction"]


class AccountKinks(eqx.Module):
    """Distances to the kinks of an account's measure, before it is lifted to zero.

    Losses are linear in quantities, so that distances by position are exact: no other scenario
    has the loss of the edge before. At that distance the derivative changes, if all scenarios are
    equally likely. If they are not, it may not, and neither may that of an expected shortfall over
    a whole number of scenarios, which change places among themselves: the distance is then a lower
    bound of that to the next kink.

    By asset, distances are of first order: of losses along their tangents today. Derivatives are
    exact in both.

    Attributes:
        instrument: contract of each position, as a row of the book.
        by_position: by the quantity of each position, per contract.
        by_asset: by the log price of each asset today, as `scenario_pnl` moves it: forwards,
            perpetuals and assets that follow it move along.
    """

    instrument: Int[np.ndarray, " position"]
    by_position: Switches
    by_asset: Switches


def account_kinks(run: MarginRun, *, account: int) -> AccountKinks:
    """How far one account's measure is from its kinks, by each position and asset.

    Position slopes are the P&L of `run`, asset slopes a gradient per scenario, whose program is
    compiled once for each kind held, with its number padded.

    Args:
        run: of a `RiskMeasureRulebook`.
        account: the account, as a row of `revalue`.

    Raises:
        InvalidInputError: the margin of `run` is no risk measure, there is no such account, or
            its P&L has no finite derivative by a price.
        MemoryError: memory ran out.
    """
    measure = risk_rulebook(run, "account_kinks").measure
    held = held_contracts(run.book, account)
    alone = select_accounts(run.book.positions, np.array([account]))
    count, assets = held.instrument.size, run.market.spot.shape[0]
    rows = np.zeros(bucket_size(count), np.int32)
    rows[:count] = held.instrument
    with memory_errors():
        pnl = np.asarray(stream_accounts(_same, run.pnl, alone))[0]
        by_asset = np.zeros((assets, pnl.size), pnl.dtype)
        for holding in held.holdings:
            by_asset += np.asarray(_price_slopes(holding, run.market, run.shocks))
        require(
            bool(np.isfinite(by_asset).all()),
            f"account_kinks: in some scenario the P&L of account {account} has no finite "
            "derivative by a price. Check its market data and the shocks.",
        )
        found = _along(measure, run.shocks.weight, pnl, run.pnl, rows, by_asset)

    def some(directions: slice) -> Switches:
        return jax.tree.map(lambda leaf: jax.device_put(np.asarray(leaf)[directions]), found)

    return AccountKinks(held.instrument, some(slice(count)), some(slice(rows.size, None)))


def _same(pnl: Float[Array, "account scenario"]) -> Float[Array, "account scenario"]:
    return pnl


@jax.jit
def _price_slopes(
    holding: Holding, market: Market, shocks: Shocks
) -> Float[Array, "asset scenario"]:
    """Derivative of the holding's P&L in each scenario by today's log prices.

    By reverse mode, one scenario at a time: all assets cost no more than a few valuations.
    """
    scenarios = shocks.weight.shape[0]
    by_scenario = jax.tree.map(
        lambda leaf: (
            jnp.moveaxis(leaf, -1, 0) if leaf.ndim else jnp.broadcast_to(leaf, (scenarios,))
        ),
        shocks,
    )

    def of_one(shock: Shocks) -> Float[Array, " asset"]:
        column = jax.tree.map(lambda leaf: leaf[..., None], shock)
        alone: Shocks = eqx.tree_at(lambda s: s.overlap, column, shock.overlap)

        def pnl(move: Float[Array, " asset"]) -> Float[Array, ""]:
            return scenario_pnl((holding,), market, alone, holding.quantity, move)[0]

        return jax.grad(pnl)(jnp.zeros_like(market.spot))

    batch = scenarios if scenarios <= _AT_ONCE else _BATCH
    return jax.lax.map(of_one, by_scenario, batch_size=batch).T


@jax.jit
def _along(
    measure: AbstractRiskMeasure,
    weight: Float[Array, " scenario"],
    pnl: Float[Array, " scenario"],
    of_one: Float[Array, "instrument scenario"],
    row: Int[Array, " position"],
    by_asset: Float[Array, "asset scenario"],
) -> Switches:
    """Switches of an account with `pnl`, by the positions in `row`, then by assets."""
    edge, loss = edge_scenarios(measure, pnl[None, :], weight)[0], -pnl
    base, exists = jnp.argmax(edge), jnp.any(edge)

    def one(slope: Float[Array, " scenario"]) -> tuple[Array, ...]:
        velocity = -slope
        left, right = _derivatives(measure, weight, loss, velocity)
        closing = velocity[base] - velocity
        alike = _ROUNDING * jnp.finfo(slope.dtype).eps * jnp.max(jnp.abs(slope))
        meets = (jnp.abs(closing) > alike) & (weight > 0.0) & exists
        distance = (loss - loss[base]) / jnp.where(meets, closing, 1.0)
        up = jnp.where(meets & (distance >= 0.0), distance, jnp.inf)
        down = jnp.where(meets & (distance <= 0.0), distance, -jnp.inf)
        return (
            jnp.min(up),
            _numbered(jnp.argmin(up), jnp.min(up)),
            jnp.max(down),
            _numbered(jnp.argmax(down), jnp.max(down)),
            left,
            right,
        )

    return Switches(*jax.lax.map(one, jnp.concatenate([of_one[row], by_asset])))


def _numbered(scenario: Int[Array, ""], distance: Float[Array, ""]) -> Int[Array, ""]:
    return jnp.where(jnp.isfinite(distance), scenario, -1).astype(jnp.int32)


def _derivatives(
    measure: AbstractRiskMeasure,
    weight: Float[Array, " scenario"],
    loss: Float[Array, " scenario"],
    velocity: Float[Array, " scenario"],
) -> Float[Array, " side"]:
    """The measure's left and right derivative, where losses change by `velocity`.

    Before a rise, the smaller of two equal losses is the one that grows faster; after it, the
    larger. A measure's weights depend on the order of losses alone, so ranks in that order serve
    as losses: scenarios that are equal in both share a rank.
    """

    def ranks(tie_break: Float[Array, " scenario"]) -> Float[Array, " scenario"]:
        order = jnp.lexsort((tie_break, loss))
        steps = [part[order][1:] != part[order][:-1] for part in (loss, tie_break)]
        place = jnp.cumsum(jnp.logical_or(*steps), dtype=jnp.int32).astype(loss.dtype)
        return jnp.zeros_like(loss).at[order[1:]].set(place)

    rank = jax.vmap(ranks)(jnp.stack([-velocity, velocity]))
    return jnp.sum(measure.weights(-rank, weight) * velocity[None, :], axis=-1)
