"""Whether collateral, once liquidated, brought the value after its haircut."""

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int

from jaxmargin.backtest._coverage_tests import exact_binomial_test
from jaxmargin.backtest._inputs import checked_days
from jaxmargin.backtest._result import require_level
from jaxmargin.errors import require

__all__ = ["HaircutBacktest", "haircut_backtest"]


class HaircutBacktest(eqx.Module):
    """Liquidations of each asset over windows of the horizon.

    Attributes:
        windows: all windows, one from each day; they overlap.
        breaches: those in which liquidation brought less than the value after the haircut.
        windows_apart: windows that do not overlap, from the first day on; the test needs such.
        breaches_apart: those of them with a breach.
        p_value: probability of as many breaches apart or more, if each has probability 1 - level.
        greatest_loss: largest share of value lost in any window; negative if none lost.
        greatest_shortfall: largest share of value by which proceeds were short of the value after
            the haircut; zero without a breach.
    """

    windows: int
    breaches: Int[np.ndarray, " asset"]
    windows_apart: int
    breaches_apart: Int[np.ndarray, " asset"]
    p_value: Float[np.ndarray, " asset"]
    greatest_loss: Float[np.ndarray, " asset"]
    greatest_shortfall: Float[np.ndarray, " asset"]


def haircut_backtest(
    price: Float[Array | np.ndarray, "asset day"],
    haircut: Float[Array | np.ndarray, "asset day"],
    *,
    horizon_days: int,
    level: float,
    cost: float = 0.0,
) -> HaircutBacktest:
    r"""How often the proceeds of a liquidation fell short of the value after the haircut.

    A breach of the window from $t$ is $(1 - c) P_{t+H} / P_t < 1 - h_t$, strictly. A haircut of
    level $p$ promises $P(\text{breach}) \le 1 - p$, tested by the exact binomial probability on
    windows apart.

    Args:
        price: of one unit at the close of each day, positive.
        haircut: $h$, known on each day, in [0, 1]; repeat what is constant.
        horizon_days: $H$, days that liquidation takes.
        level: $p$, that the haircut is for.
        cost: $c$, share of the proceeds lost to spread and fees, in [0, 1).

    Raises:
        InvalidInputError: shapes differ, a price is not finite or not positive, a haircut is
            outside [0, 1], `level` outside (0, 1), `cost` outside [0, 1), or there is no window.

    References:
        Delegated Regulation (EU) No 153/2013, article 55(2): haircuts are tested so that
        collateral can be liquidated at least at the value after them.
    """
    require_level("haircut_backtest", level)
    require(0.0 <= cost < 1.0, f"haircut_backtest: cost must lie in [0, 1); got {cost!r}.")
    prices, held = checked_days(
        "haircut_backtest", positive=("price",), price=price, haircut=haircut
    )
    require(
        bool(((held >= 0.0) & (held <= 1.0)).all()),
        "haircut_backtest: haircuts must lie in [0, 1]; write 15 % as 0.15.",
    )
    days = prices.shape[-1]
    require(
        1 <= horizon_days < days,
        "haircut_backtest: horizon_days must lie between 1 and the number of days less one; got "
        f"{horizon_days} of {days}.",
    )
    proceeds = (1.0 - cost) * prices[:, horizon_days:] / prices[:, :-horizon_days]
    promised = 1.0 - held[:, :-horizon_days]
    short = proceeds < promised
    apart = short[:, ::horizon_days]
    count = np.count_nonzero(apart, axis=1)
    test = exact_binomial_test(count, np.full_like(count, apart.shape[1]), level=level)
    return HaircutBacktest(
        windows=short.shape[1],
        breaches=np.asarray(np.count_nonzero(short, axis=1)),
        windows_apart=apart.shape[1],
        breaches_apart=np.asarray(count),
        p_value=np.asarray(test.p_value),
        greatest_loss=np.asarray(np.max(1.0 - proceeds, axis=1)),
        greatest_shortfall=np.asarray(np.max(np.maximum(promised - proceeds, 0.0), axis=1)),
    )
