"""Second derivatives of a margin by quantities and prices, of its measure smoothed by a kernel."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.margin import MarginRun
from jaxmargin.market import Market
from jaxmargin.risk import (
    AbstractRiskMeasure,
    AbstractSmoothMeasure,
    ExpectedShortfall,
    KernelExpectedShortfall,
    KernelValueAtRisk,
    ValueAtRisk,
)
from jaxmargin.scenarios import Shocks
from jaxmargin.sensitivities._account_loss import Holding
from jaxmargin.sensitivities._account_pnl import HeldContracts, held_contracts, scenario_pnl
from jaxmargin.sensitivities._risk_run import over_accounts, risk_rulebook
from jaxmargin.valuation import Progress

__all__ = [
    "CrossGamma",
    "SmoothedMargin",
    "cross_gamma",
    "hessian_vector_product",
    "smoothed",
    "smoothed_margin",
]


class SmoothedMargin(eqx.Module):
    """The measure that margins come from, hard and smoothed, in the numeraire, loss positive.

    Attributes:
        hard: the measure of the run, before it is lifted to zero: what is charged.
        smooth: its smoothed neighbor, which is never charged.
    """

    hard: Float[Array, " account"]
    smooth: Float[Array, " account"]

    @property
    def gap(self) -> Float[Array, " account"]:
        """Hard less smooth: how far what has derivatives is from what is charged."""
        return self.hard - self.smooth


class CrossGamma(eqx.Module):
    """Derivatives of one account's smoothed measure, to second order; never of the margin charged.

    By quantities they are per contract, by prices per unit of the log price of an asset today, as
    `scenario_pnl` moves it: 0.01 is about a rise of 1 %. In the numeraire, loss positive.

    Attributes:
        instrument: contract of each position, as a row of the book.
        value: the smoothed measure.
        by_position: first derivatives by quantity.
        by_asset: first derivatives by log price.
        position_position: second derivatives by quantities; symmetric.
        position_asset: by a quantity and a log price.
        asset_asset: by log prices; symmetric.
    """

    instrument: Int[np.ndarray, " position"]
    value: Float[Array, ""]
    by_position: Float[Array, " position"]
    by_asset: Float[Array, " asset"]
    position_position: Float[Array, "position position"]
    position_asset: Float[Array, "position asset"]
    asset_asset: Float[Array, "asset asset"]


def smoothed(measure: AbstractRiskMeasure, bandwidth: float) -> AbstractSmoothMeasure:
    """The kernel measure of the same kind and level.

    Args:
        measure: value at risk or expected shortfall.
        bandwidth: deviation of the kernel, in standard deviations of an account's P&L; positive.

    Raises:
        InvalidInputError: `measure` has no smoothed neighbor, or `bandwidth` is out of range.
    """
    if isinstance(measure, ExpectedShortfall):
        return KernelExpectedShortfall(measure.level, bandwidth)
    if isinstance(measure, ValueAtRisk):
        return KernelValueAtRisk(measure.level, bandwidth)
    raise InvalidInputError(
        f"{type(measure).__name__} has no smoothed neighbor; second derivatives need "
        "ExpectedShortfall or ValueAtRisk."
    )


def smoothed_margin(
    run: MarginRun, smooth: AbstractSmoothMeasure, *, progress: Progress | None = None
) -> SmoothedMargin:
    """The measure of every account as `run` charges it, next to `smooth` of the same P&L.

    Args:
        run: of a `RiskMeasureRulebook`.
        smooth: such as `smoothed` makes of the rulebook's measure.
        progress: see `stream_accounts`.

    Raises:
        InvalidInputError: the margin of `run` is no risk measure.
        MemoryError: see `stream_accounts`.
    """
    risk_rulebook(run, "smoothed_margin")
    charged = run.requirement
    value = over_accounts(_Smooth(smooth, run.shocks.weight), run, progress)
    return SmoothedMargin(charged.initial - charged.components["floor"], value)


class _Smooth(eqx.Module):
    """A smoothed measure of the P&L of some accounts."""

    measure: AbstractSmoothMeasure
    weight: Float[Array, " scenario"]

    def __call__(self, pnl: Float[Array, "account scenario"]) -> Float[Array, " account"]:
        return self.measure(pnl, self.weight)


def hessian_vector_product(
    run: MarginRun,
    smooth: AbstractSmoothMeasure,
    quantity: Float[Array, " position"],
    move: Float[Array, " asset"],
    *,
    account: int,
) -> tuple[Float[Array, " position"], Float[Array, " asset"]]:
    """How the gradient of an account's smoothed measure changes along one direction.

    The derivative of a gradient, at the cost of a few valuations of what the account holds in all
    scenarios, whatever the number of positions. See `CrossGamma` for units.

    Args:
        run: of a `RiskMeasureRulebook`.
        smooth: such as `smoothed` makes of the rulebook's measure.
        quantity: change of each position, in the order of `CrossGamma.instrument`.
        move: change of the log price of each asset.
        account: the account, as a row of `revalue`.

    Returns:
        Changes of the derivatives by quantity and by log price.

    Raises:
        InvalidInputError: the margin of `run` is no risk measure, there is no such account, or a
            direction has another number of entries.
    """
    risk_rulebook(run, "hessian_vector_product")
    held = held_contracts(run.book, account)
    shapes = (held.slot.shape, run.market.spot.shape)
    require(
        (quantity.shape, move.shape) == shapes,
        f"hessian_vector_product needs one entry per position and per asset, {shapes[0][0]} and "
        f"{shapes[1][0]}; got {quantity.shape[0]} and {move.shape[0]}.",
    )
    point = _point(held, run.market)
    slots = point.shape[0] - move.shape[0]
    direction = np.zeros(point.shape[0])
    direction[held.slot] = np.asarray(quantity)
    direction[slots:] = np.asarray(move)
    product = _product(
        smooth, held.holdings, run.market, run.shocks, point, jnp.asarray(direction, point.dtype)
    )
    whole = np.asarray(product)
    return jax.device_put(whole[held.slot]), jax.device_put(whole[slots:])


def cross_gamma(run: MarginRun, smooth: AbstractSmoothMeasure, *, account: int) -> CrossGamma:
    """First and second derivatives of an account's smoothed measure, all of them.

    One gradient is taken and made linear, and that applied to every unit direction: positions and
    assets of it. Memory is that of a gradient over all scenarios: some dozens of numbers for each
    contract and scenario. It compiles once for each set of kinds held, with their numbers padded.

    Args:
        run: of a `RiskMeasureRulebook`.
        smooth: such as `smoothed` makes of the rulebook's measure.
        account: the account, as a row of `revalue`.

    Raises:
        InvalidInputError: the margin of `run` is no risk measure, or there is no such account.
    """
    risk_rulebook(run, "cross_gamma")
    held = held_contracts(run.book, account)
    point, assets = _point(held, run.market), run.market.spot.shape[0]
    value, gradient, hessian = (
        np.asarray(part)
        for part in _all_directions(smooth, held.holdings, run.market, run.shocks, point)
    )
    position, asset = held.slot, np.arange(point.shape[0] - assets, point.shape[0])
    return CrossGamma(
        held.instrument,
        *jax.device_put(
            (
                value,
                gradient[position],
                gradient[asset],
                hessian[np.ix_(position, position)],
                hessian[np.ix_(position, asset)],
                hessian[np.ix_(asset, asset)],
            )
        ),
    )


def _point(held: HeldContracts, market: Market) -> Float[Array, " coordinate"]:
    """Where derivatives are taken: quantities of all slots, then log moves of all assets."""
    dtype = np.asarray(market.spot).dtype
    parts = [np.asarray(holding.quantity, dtype) for holding in held.holdings]
    return jax.device_put(np.concatenate([*parts, np.zeros(market.spot.shape[0], dtype)]))


def _value(
    smooth: AbstractSmoothMeasure,
    holdings: tuple[Holding, ...],
    market: Market,
    shocks: Shocks,
    point: Float[Array, " coordinate"],
) -> Float[Array, ""]:
    slots = point.shape[0] - market.spot.shape[0]
    pnl = scenario_pnl(holdings, market, shocks, point[:slots], point[slots:])
    return smooth(pnl[None, :], shocks.weight)[0]


@jax.jit
def _product(
    smooth: AbstractSmoothMeasure,
    holdings: tuple[Holding, ...],
    market: Market,
    shocks: Shocks,
    point: Float[Array, " coordinate"],
    direction: Float[Array, " coordinate"],
) -> Float[Array, " coordinate"]:
    def gradient(point: Float[Array, " coordinate"]) -> Float[Array, " coordinate"]:
        return jax.grad(_value, argnums=4)(smooth, holdings, market, shocks, point)

    return jax.jvp(gradient, (point,), (direction,))[1]


@jax.jit
def _all_directions(
    smooth: AbstractSmoothMeasure,
    holdings: tuple[Holding, ...],
    market: Market,
    shocks: Shocks,
    point: Float[Array, " coordinate"],
) -> tuple[Float[Array, ""], Float[Array, " coordinate"], Float[Array, "coordinate coordinate"]]:
    """Value, gradient and Hessian."""

    def gradient(
        point: Float[Array, " coordinate"],
    ) -> tuple[Float[Array, " coordinate"], Float[Array, ""]]:
        value, slope = jax.value_and_grad(_value, argnums=4)(
            smooth, holdings, market, shocks, point
        )
        return slope, value

    slope, along, value = jax.linearize(gradient, point, has_aux=True)
    return value, slope, jax.lax.map(along, jnp.eye(point.shape[0], dtype=point.dtype))
