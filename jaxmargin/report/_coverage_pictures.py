"""Pictures of what covers margins, and of breaches beside those expected."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jaxmargin.report._colors import SERIES
from jaxmargin.report._figure import NARROW, amount_scale, name_rows, new_figure, plain_text
from jaxmargin.report._intervals import binomial_counts, share_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_breach_counts", "plot_breaches", "plot_coverage"]


def plot_coverage(
    states: pd.DataFrame, *, title: str, currency: str, accounts: int = 15
) -> "Figure":
    """Equity of the accounts that lack most, beside their initial and maintenance margins.

    Args:
        states: as `MarginResult` has them.
        title: heading; none if empty.
        currency: of amounts.
        accounts: how many are shown.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    lack = (states["initial"] - states["equity"]).sort_values(ascending=False, kind="stable")
    shown = states.loc[lack.index[:accounts]]
    equity, initial, maintenance = (
        shown[name].to_numpy(np.float64) for name in ("equity", "initial", "maintenance")
    )
    figure = new_figure(NARROW, 1.7 + 0.25 * max(len(shown), 4), title)
    axes = figure.subplots()
    scale, unit = amount_scale(float(np.abs([*equity, *initial, 0.0]).max()))
    place = np.arange(len(shown))[::-1]
    axes.barh(place, initial / scale, height=0.7, color="0.85", label="initial margin")
    axes.plot(
        maintenance / scale, place, "|", color="black", markersize=9, markeredgewidth=1.6,
        label="maintenance margin",
    )  # fmt: skip
    for some, color, label in (
        (equity >= initial, SERIES[0], "equity, enough"),
        (equity < initial, SERIES[3], "equity, too little"),
    ):
        if some.any():
            axes.barh(place[some], equity[some] / scale, height=0.34, color=color, label=label)
    axes.axvline(0.0, color="black", linewidth=0.8)
    name_rows(axes, place, shown["account"], f"{unit}{plain_text(currency)}")
    figure.legend(loc="outside lower center", ncols=2, fontsize="small", frameon=False)
    return figure


def plot_breaches(
    breaches: pd.Series, days: int, level: float, *, title: str, accounts: int = 15
) -> "Figure":
    """Share of days beyond the value at risk with its 95 % interval, beside the share expected.

    Args:
        breaches: days beyond the value at risk, by account; on days whose horizons do not overlap.
        days: such days in all.
        level: of the value at risk.
        title: heading; none if empty.
        accounts: how many are shown, those with most breaches.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    shown = breaches.sort_values(ascending=False, kind="stable").head(accounts)
    count = shown.to_numpy(np.float64)
    low, high = share_interval(count, days)
    figure = new_figure(NARROW, 1.7 + 0.25 * max(len(shown), 4), title)
    axes = figure.subplots()
    place = np.arange(len(shown))[::-1]
    share = count / days
    axes.axvline(
        100.0 * (1.0 - level), color="black", linestyle="--", linewidth=1.2, label="expected"
    )
    for some, color, label in (
        (low <= 1.0 - level, SERIES[0], "observed, 95 % interval"),
        (low > 1.0 - level, SERIES[3], "more than expected"),
    ):
        if some.any():
            spread = 100.0 * np.stack([share - low, high - share])[:, some]
            axes.errorbar(
                100.0 * share[some], place[some], xerr=spread, fmt="o", markersize=4, color=color,
                elinewidth=1.3, capsize=2.5, label=label,
            )  # fmt: skip
    axes.set_yticks(place, [plain_text(name) for name in shown.index])
    axes.set_xlim(left=0.0)
    axes.set_xlabel("days with a loss beyond the value at risk, %")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize="small", frameon=False)
    return figure


def plot_breach_counts(breaches: pd.Series, days: int, level: float, *, title: str) -> "Figure":
    """How many accounts have how many breaches, and how many would if the level were right.

    Args:
        breaches: as of `plot_breaches`.
        days: likewise.
        level: likewise.
        title: heading; none if empty.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    figure = new_figure(NARROW, 3.4, title)
    from matplotlib.ticker import MaxNLocator

    found = breaches.to_numpy(np.int64)
    most = max(int(found.max(initial=0)), int(np.ceil(days * (1.0 - level))) + 3)
    counts = np.bincount(found, minlength=most + 1)
    expected = len(found) * binomial_counts(days, 1.0 - level, most)
    axes = figure.subplots()
    axes.bar(np.arange(most + 1), counts, width=0.8, color=SERIES[0], alpha=0.75, label="observed")
    axes.plot(
        np.arange(most + 1), expected, "o-", color=SERIES[3], markersize=4, linewidth=1.2,
        label="expected of a right model",
    )  # fmt: skip
    axes.set_xlabel(f"breaches in {days:,} days")
    axes.set_ylabel("accounts")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=2, fontsize="small", frameon=False)
    return figure
