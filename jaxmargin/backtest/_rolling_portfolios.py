"""Portfolios to backtest models with: structured ones by name, and random ones."""

from collections.abc import Sequence
from itertools import combinations

import equinox as eqx
import numpy as np
from jaxtyping import Float

from jaxmargin.errors import require

__all__ = ["Portfolios", "made_up_portfolios"]


class Portfolios(eqx.Module):
    """Money in each asset, by portfolio.

    Attributes:
        exposure: short negative; of each portfolio the sizes add up to one.
        names: of the portfolios.
    """

    exposure: Float[np.ndarray, "portfolio asset"]
    names: tuple[str, ...] = eqx.field(static=True)


def made_up_portfolios(
    assets: Sequence[str],
    count: int,
    *,
    seed: int,
    past: Float[np.ndarray, "day asset"] | None = None,
) -> Portfolios:
    """Structured portfolios of the assets, and random ones up to `count` in all.

    Structured are, first long and then short: each asset; every pair, one against the other; the
    basket of the others against the first asset; each further asset against the basket of all; and
    with `past`, winners against losers, the better against the worse half (like a strategy that
    follows momentum). Random ones hold 2 to all assets, long and short, with normal sizes.

    Args:
        assets: names of the assets; the first is the one that others are held against.
        count: portfolios in all; the structured ones come first and may be cut off.
        seed: of the random ones.
        past: log returns before the backtest, by which winners and losers are told.

    Raises:
        InvalidInputError: there are fewer than two assets or no portfolio is asked for.
    """
    number = len(assets)
    require(
        number >= 2 and count >= 1,
        f"made_up_portfolios needs two assets and a portfolio at least; got {number} and {count}.",
    )
    unit = np.eye(number)
    basket = np.full(number, 1.0 / number)
    rest = (1.0 - unit[0]) / (number - 1)
    long = {name: unit[i] for i, name in enumerate(assets)}
    long |= {f"{assets[i]} against {assets[j]}": unit[i] - unit[j]
             for i, j in combinations(range(number), 2)}  # fmt: skip
    long[f"basket against {assets[0]}"] = rest - unit[0]
    long |= {f"{name} against basket": unit[i] - basket
             for i, name in enumerate(assets) if i}  # fmt: skip
    if past is not None:
        rank = np.argsort(np.argsort(-past.sum(axis=0)))
        half = number // 2
        winners, losers = rank < half, rank >= number - half
        long["winners against losers"] = (winners.astype(np.float64) - losers) / half
    rows = {}
    for name, row in long.items():
        rows |= {f"long {name}": row, f"short {name}": -row}
    random = np.random.default_rng(seed)
    for i in range(count - len(rows)):
        size = random.normal(size=number)
        held = random.permutation(number) < random.integers(2, number + 1)
        rows[f"random {i + 1:04d}"] = size * held
    exposure = np.stack(list(rows.values())[:count])
    exposure = exposure / np.abs(exposure).sum(axis=1, keepdims=True)
    return Portfolios(exposure, tuple(rows)[:count])
