"""Liquidation prices: where equity falls to maintenance margin as a price moves."""

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int

from jaxmargin.book import Book, select_accounts
from jaxmargin.errors import require
from jaxmargin.margin import AbstractRulebook
from jaxmargin.market import Market
from jaxmargin.sensitivities._crossings import Crossings, nearest_crossings, solve_crossing
from jaxmargin.sensitivities._one_account import one_account
from jaxmargin.sensitivities._surplus import MovedAccounts, surplus
from jaxmargin.valuation import Progress

__all__ = ["LiquidationPrices", "liquidation_moves", "liquidation_prices"]


class LiquidationPrices(eqx.Module):
    """The nearest prices of an asset, on either side of today's, at which accounts are liquidated.

    Prices are the asset's spot. A perpetual or forward moves along: there, its own price is its
    price today times the same `1 + move`.

    Attributes:
        asset: the asset that moves, as a row of `Market.spot`.
        account: the accounts, as rows of the book.
        spot: price of the asset today, in the numeraire.
        below: at falling prices.
        above: at rising prices.
    """

    asset: int = eqx.field(static=True)
    account: Int[np.ndarray, " account"]
    spot: float
    below: Crossings
    above: Crossings

    @property
    def price_below(self) -> Float[np.ndarray, " account"]:
        """Liquidation price at or below today's, in the numeraire; NaN where there is none."""
        return self.spot * self.below.ratio

    @property
    def price_above(self) -> Float[np.ndarray, " account"]:
        """Liquidation price at or above today's, in the numeraire; NaN where there is none."""
        return self.spot * self.above.ratio


def liquidation_moves(
    lowest: float = -0.9, highest: float = 4.0, *, step: float = 0.05
) -> Float[np.ndarray, " node"]:
    """Relative moves of a price from `lowest` to `highest`, at most `step` apart in logs, with 0.

    Raises:
        InvalidInputError: the range does not hold 0 between two moves above -1, or `step` is not
            positive.
    """
    require(
        -1.0 < lowest < 0.0 < highest < np.inf,
        "liquidation_moves needs -1 < lowest < 0 < highest; got "
        f"{lowest!r} and {highest!r}. Write -90 % as -0.9.",
    )
    require(step > 0.0, f"liquidation_moves: step must be positive; got {step!r}.")
    down, up = np.log1p(lowest), np.log1p(highest)
    below = np.linspace(down, 0.0, int(np.ceil(-down / step)) + 1)
    above = np.linspace(0.0, up, int(np.ceil(up / step)) + 1)
    return np.expm1(np.concatenate([below, above[1:]]))


def liquidation_prices(
    rulebook: AbstractRulebook,
    book: Book,
    market: Market,
    equity: Float[np.ndarray, " account"],
    *,
    asset: int,
    collateral: Float[np.ndarray, "account asset"] | None = None,
    betas: Float[np.ndarray, " asset"] | None = None,
    moves: Float[np.ndarray, " node"] | None = None,
    accounts: Int[np.ndarray, " chosen"] | None = None,
    progress: Progress | None = None,
) -> LiquidationPrices:
    r"""Prices at which equity meets maintenance margin, both as they are at that price.

    With a log move $x$ of the asset at once, and of every other asset $j$ by $\beta_j x$,

    $$ E(x) = E_0 + \text{P\&L}(x) + \sum_j c_j \, (S_j(x) - S_j), \qquad E(x) = M(x), $$

    where P&L is that of all positions of the account, $c_j$ its collateral, and $M$ the
    requirement of a full run in the moved market: cross margin. Forwards, perpetuals and assets
    that follow another move along as with `Shocks.spot`; volatilities do what the market's
    dynamics say.

    All accounts share one grid of moves, a full requirement each. Between the last node at which
    equity suffices, going outward from today, and the first at which it does not, the crossing is
    that of the chord, which is exact where both sides are linear in the price, as for futures and
    perpetuals under shares of notional. `Crossings.tolerance` says how far off it may be. For
    chosen accounts the search goes on between those two nodes, with the account alone, until
    rounding. A margin may fall to equity again beyond the crossing, as that of a straddle that
    is protected farther out; the nearest crossing counts. Crossings that come in pairs between
    two nodes, such as a gap in a calendar spread, are missed: give a smaller step. Where the rule
    refuses an account in a moved market, nothing is known of it there or farther out, and the
    status is `CrossingStatus.UNKNOWN` if there is no crossing before.

    Args:
        rulebook: the rule.
        book: contracts and positions.
        market: today's market.
        equity: of each account today; from all venues and holdings that the margin is for.
        asset: the asset that moves, as a row of `Market.spot`; if it follows another, the ratio
            between them moves.
        collateral: units of each asset that equity consists of (those that count, where equity is
            after haircuts): balances and, as contract P&L counts in what it is settled in,
            `position_value`. Negative is owed. If None, equity moves by P&L alone.
        betas: log move of each asset per log move of `asset`, whose own is 1; of an asset that
            follows another, that of the ratio. Zero for all others if None.
        moves: relative moves of the nodes; see `liquidation_moves`, which are taken if None. 0 is
            added.
        accounts: only these, and these to rounding; if None, all from the grid.
        progress: called with requirements done and in all.

    Raises:
        InvalidInputError: an argument has the wrong size, is no number or out of range, the rule
            refuses an account today, or see `AbstractRulebook.requirement`.
        MemoryError: see `AbstractRulebook.requirement`.
    """
    moves = liquidation_moves() if moves is None else moves
    chosen = np.arange(book.positions.accounts) if accounts is None else np.asarray(accounts)
    direction = _direction(market, asset, betas)
    balances = np.zeros((equity.size, direction.size)) if collateral is None else collateral
    _check(book, market, equity, balances, moves, chosen)
    equity, balances = np.asarray(equity, np.float64), np.asarray(balances, np.float64)
    grid, ratio = book, np.union1d(1.0 + moves, 1.0)
    if accounts is not None:
        grid = Book(book.instruments, select_accounts(book.positions, chosen))
    held = MovedAccounts(rulebook, grid, equity[chosen], balances[chosen], direction)
    table = surplus(held, market, ratio, progress=progress)
    today = int(np.searchsorted(ratio, 1.0))
    below, above = (nearest_crossings(table, ratio, today, step=step) for step in (-1, 1))
    if accounts is not None:
        for row, account in enumerate(chosen):
            alone = MovedAccounts(
                rulebook,
                one_account(book, int(account)),
                equity[[account]],
                balances[[account]],
                direction,
            )

            def at(where: float, alone: MovedAccounts = alone) -> float:
                return float(surplus(alone, market, np.array([where]))[0, 0])

            below, above = (solve_crossing(side, row, at) for side in (below, above))
    return LiquidationPrices(asset, chosen, float(market.spot[asset]), below, above)


def _direction(
    market: Market, asset: int, betas: Float[np.ndarray, " asset"] | None
) -> Float[np.ndarray, " asset"]:
    assets = market.spot.shape[0]
    require(
        0 <= asset < assets, f"liquidation_prices: the market has {assets} assets; got row {asset}."
    )
    if betas is None:
        return np.eye(assets)[asset]
    require(
        betas.shape == (assets,) and bool(np.isfinite(betas).all() and betas[asset] == 1.0),
        f"liquidation_prices.betas needs a finite number for each of {assets} assets, and 1 for "
        f"the one that moves (row {asset}).",
    )
    return np.asarray(betas, np.float64)


def _check(
    book: Book,
    market: Market,
    equity: Float[np.ndarray, " account"],
    collateral: Float[np.ndarray, "account asset"],
    moves: Float[np.ndarray, " node"],
    chosen: Int[np.ndarray, " chosen"],
) -> None:
    """Raises `InvalidInputError` for sizes that differ and for what is no number."""
    count, assets = book.positions.accounts, market.spot.shape[0]
    for name, numbers, shape in (
        ("equity", equity, (count,)),
        ("collateral", collateral, (count, assets)),
    ):
        require(
            numbers.shape == shape and bool(np.isfinite(numbers).all()),
            f"liquidation_prices.{name} must be finite numbers of the shape {shape}, as the book "
            f"and the market have it; got the shape {numbers.shape}.",
        )
    require(
        bool(np.all(np.isfinite(moves) & (moves > -1.0))),
        "liquidation_prices.moves are relative changes and must be finite and above -1.",
    )
    require(
        bool(np.all((chosen >= 0) & (chosen < count))),
        f"liquidation_prices.accounts must be rows of the book, which has {count} accounts.",
    )
