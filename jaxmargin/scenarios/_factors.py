"""Risk factors: the few numbers whose joint moves make a scenario, and what each moves."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.market import Market
from jaxmargin.numerics import exact_matmul
from jaxmargin.scenarios._shocks import Shocks, TiltShocks

__all__ = ["FactorHistory", "RiskFactors", "price_history", "require_moving"]


class RiskFactors(eqx.Module):
    r"""What each risk factor moves: the parts of `Shocks` are linear in the factors' moves.

    Attributes:
        spot: log change of each asset's price (of its ratio to what it follows) for a unit move.
        funding: change of each asset's annual funding rate. For this and the next ones, None if no
            factor moves them.
        basis: log change of each forward against its asset's price.
        volatility: log change of each pillar's volatilities.
        skew: relative change of each pillar's volatility at `width`.
        width: log-moneyness of one standard deviation at each pillar, see `SmileTilt.width`;
            given together with `skew`.
        pillars: number of pillars of the market; may be left out where one of the above has it.
    """

    spot: Float[Array, "asset factor"]
    funding: Float[Array, "asset factor"] | None = None
    basis: Float[Array, "pillar factor"] | None = None
    volatility: Float[Array, "pillar factor"] | None = None
    skew: Float[Array, "pillar factor"] | None = None
    width: Float[Array, " pillar"] | None = None
    pillars: int = eqx.field(static=True, default=-1)

    def __post_init__(self) -> None:
        for part in (self.basis, self.volatility, self.skew):
            if self.pillars == -1 and part is not None:
                self.pillars = part.shape[0]

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if parts do not fit together."""
        loadings = (self.spot, self.funding, self.basis, self.volatility, self.skew)
        counts = {leaf.shape[-1] for leaf in loadings if leaf is not None}
        require(len(counts) == 1, f"RiskFactors needs one column per factor; got {counts}.")
        require(
            (self.skew is None) == (self.width is None),
            "RiskFactors needs both skew and width, or neither.",
        )
        require(
            self.pillars >= 0,
            "RiskFactors.pillars is needed where no factor moves a basis or a volatility.",
        )

    def rotate(self, root: Float[Array, "factor component"]) -> "RiskFactors":
        """The same parts moved by components whose moves are `root @ component`."""

        def turned(part: Float[Array, "row factor"] | None) -> Float[Array, "row component"] | None:
            return None if part is None else exact_matmul(part.astype(root.dtype), root)

        return RiskFactors(
            spot=exact_matmul(self.spot.astype(root.dtype), root),
            funding=turned(self.funding),
            basis=turned(self.basis),
            volatility=turned(self.volatility),
            skew=turned(self.skew),
            width=self.width,
            pillars=self.pillars,
        )

    def shocks(
        self,
        moves: Float[Array, "factor scenario"],
        *,
        time: float,
        stretch: Float[Array, " scenario"] | None = None,
        weight: Float[Array, " scenario"] | None = None,
        overlap: float | Float[Array, ""] = 1.0,
    ) -> Shocks:
        """The scenarios in which the factors make `moves`, over `time` years.

        Args:
            moves: move of each factor, in its own unit.
            time: years that pass in every scenario.
            stretch: factor on all moves of each scenario; None for one. Stretched here rather than
                by the caller because a product of which XLA computes an operand on the fly is
                fourteen times slower.
            weight: relative weights of the scenarios, scaled here to a mean of one; None for
                equal ones.
            overlap: see `Shocks.overlap`.
        """
        scenarios, dtype = moves.shape[-1], moves.dtype
        parts = _products(self, moves, stretch)
        tilt = None
        if self.width is not None:
            skew = parts["skew"]
            width = jnp.broadcast_to(self.width.astype(dtype)[:, None], skew.shape)
            tilt = TiltShocks(width, skew, jnp.zeros_like(skew), jnp.zeros_like(skew))
        return Shocks(
            spot=parts["spot"],
            funding=parts.get("funding"),
            basis=parts.get("basis"),
            volatility=parts.get("volatility"),
            time=jnp.full((scenarios,), time, dtype),
            weight=jnp.ones((scenarios,), dtype) if weight is None else weight / jnp.mean(weight),
            overlap=jnp.asarray(overlap, dtype),
            tilt=tilt,
        )


@jax.jit
def _products(
    factors: RiskFactors,
    moves: Float[Array, "factor scenario"],
    stretch: Float[Array, " scenario"] | None,
) -> dict[str, Float[Array, "_ scenario"]]:
    """What moves, by name."""
    parts = {}
    for name in ("spot", "funding", "basis", "volatility", "skew"):
        loadings = getattr(factors, name)
        if loadings is not None:
            product = exact_matmul(loadings.astype(moves.dtype), moves)
            parts[name] = product if stretch is None else product * stretch[None, :]
    return parts


class FactorHistory(eqx.Module):
    """Past one-day moves of risk factors, all on the same days.

    Attributes:
        factors: what each factor moves.
        moves: one-day moves, oldest first.
    """

    factors: RiskFactors
    moves: Float[Array, "day factor"]

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the numbers of factors differ or there is no day."""
        require(
            self.moves.shape[1] == self.factors.spot.shape[1],
            f"FactorHistory.moves has {self.moves.shape[1]} columns for "
            f"{self.factors.spot.shape[1]} factors.",
        )
        require(self.moves.shape[0] >= 1, "FactorHistory.moves needs at least one day.")


def price_history(
    close: Float[Array | np.ndarray, "day1 moving"], market: Market, asset: Sequence[int]
) -> FactorHistory:
    """Daily log returns of some assets of `market`, one factor each; the others do not move.

    An asset that follows another (see `Market.base`) has the ratio of their closes as its factor;
    what it follows must be among `asset`.

    Args:
        close: daily closes, oldest first, without gaps; positive.
        market: the market that scenarios are for.
        asset: asset of each column, as a row of `Market.spot`.

    Raises:
        InvalidInputError: a close is not a positive number, a column is constant, there are fewer
            than two days, or columns do not fit the assets.
    """
    prices, base = np.asarray(close), np.asarray(market.base)
    require(
        prices.shape[1] == len(asset) and len(set(asset)) == len(asset),
        f"price_history needs one column per asset; got {prices.shape[1]} for {list(asset)}.",
    )
    require(
        all(0 <= row < base.shape[0] for row in asset),
        f"price_history: the market has assets 0 to {base.shape[0] - 1}; got {list(asset)}.",
    )
    require(
        prices.shape[0] >= 2,
        f"price_history needs at least two days; got {prices.shape[0]}.",
    )
    bad = np.argwhere(~(np.isfinite(prices) & (prices > 0.0)))
    if bad.size:
        day, column = (int(i) for i in bad[0])
        raise InvalidInputError(
            f"price_history: {len(bad)} closes are not positive numbers, the first is "
            f"{prices[day, column]} on day {day} of asset {asset[column]}. Correct or leave out "
            "those days for all assets."
        )
    columns = {row: i for i, row in enumerate(asset)}
    ratio = prices.copy()
    for row, i in columns.items():
        if base[row] != row:
            require(
                int(base[row]) in columns,
                f"price_history: asset {row} follows asset {base[row]}, whose closes are missing.",
            )
            ratio[:, i] = prices[:, i] / prices[:, columns[int(base[row])]]
    moves = np.diff(np.log(ratio), axis=0)
    require_moving(moves, [f"asset {row}" for row in asset])
    spot = np.zeros((base.shape[0], len(asset)), prices.dtype)
    spot[list(asset), np.arange(len(asset))] = 1.0
    factors = RiskFactors(jnp.asarray(spot), pillars=market.time.shape[0])
    return FactorHistory(factors, jnp.asarray(moves))


def require_moving(moves: np.ndarray, names: Sequence[str]) -> None:
    """Raise `InvalidInputError` if a column of `moves` is all zero: a constant series."""
    still = [name for name, column in zip(names, moves.T, strict=True) if not np.any(column)]
    require(
        not still,
        f"The history of {', '.join(still)} is constant, which is no history of moves. Leave it "
        "out to hold it still.",
    )
