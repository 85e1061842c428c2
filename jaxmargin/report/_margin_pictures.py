"""Pictures of margins: whose are largest, how they spread, what they are made of, and when."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jaxmargin.report._colors import SERIES
from jaxmargin.report._figure import NARROW, amount_scale, name_rows, new_figure, plain_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_components", "plot_margin_spread", "plot_margins", "plot_worst_scenarios"]

_NAMED = 5  # components with a color of their own
_UNSEEN = 1e-4  # of all: smaller components would be a line of nothing in the legend
_BINS = 30
_MARKS = ((0.5, "half"), (0.9, "90 %"), (0.99, "99 %"))


def plot_margins(
    requirements: pd.DataFrame, *, title: str, currency: str, accounts: int = 15
) -> "Figure":
    """The largest initial margins with a bar of two standard errors on either side.

    Args:
        requirements: as `MarginResult` has them.
        title: heading; none if empty.
        currency: of amounts.
        accounts: how many are shown.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    shown = requirements.nlargest(accounts, "initial", keep="first")
    figure = new_figure(NARROW, 1.2 + 0.24 * max(len(shown), 4), title)
    axes = figure.subplots()
    amount, error = (shown[name].to_numpy(np.float64) for name in ("initial", "standard_error"))
    scale, unit = amount_scale(float(amount.max(initial=0.0)))
    place = np.arange(len(shown))[::-1]
    axes.barh(place, amount / scale, height=0.66, color=SERIES[0], alpha=0.75)
    known = np.isfinite(error)
    if known.any():
        axes.errorbar(
            amount[known] / scale, place[known], xerr=2.0 * error[known] / scale, fmt="none",
            ecolor="black", elinewidth=1.2, capsize=2.5,
        )  # fmt: skip
    name_rows(axes, place, shown["account"], f"initial margin, {unit}{plain_text(currency)}")
    axes.set_xlim(left=0.0)
    return figure


def plot_margin_spread(requirements: pd.DataFrame, *, title: str, currency: str) -> "Figure":
    """How many accounts have which initial margin; those with none are left out.

    Args:
        requirements: as `MarginResult` has them.
        title: heading; none if empty.
        currency: of amounts.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    amount = requirements["initial"].to_numpy(np.float64)
    amount = amount[amount > 0.0]
    figure = new_figure(NARROW, 3.2, title)
    from matplotlib.ticker import MaxNLocator

    axes = figure.subplots()
    if amount.size:
        low, high = float(amount.min()), float(amount.max())
        edges = np.geomspace(low, high, _BINS + 1) if high > low else np.array([0.8, 1.25]) * low
        counts, *_ = axes.hist(amount, bins=edges.tolist(), color=SERIES[0], alpha=0.75)
        top = 1.28 * float(np.max(counts))
        for number, (level, words) in enumerate(_MARKS if high > low else ()):
            at = float(np.quantile(amount, level, method="inverted_cdf"))
            axes.axvline(at, ymax=0.8 + 0.07 * number, color="black", linewidth=1.0, linestyle=":")
            right = at > (low * high) ** 0.5
            axes.annotate(
                f"{words} ≤ {_short(at)}", (at, (0.81 + 0.07 * number) * top),
                (-4 if right else 4, 0), textcoords="offset points", fontsize="small",
                ha="right" if right else "left",
            )  # fmt: skip
        axes.set_ylim(0.0, top)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: _short(value))
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    axes.set_xlabel(f"initial margin of an account, {plain_text(currency)}")
    axes.set_ylabel("accounts")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    return figure


def plot_components(
    components: pd.DataFrame, accounts: list[str], *, title: str, currency: str
) -> "Figure":
    """What initial margins are made of, as shares: of all accounts together, and of some.

    Args:
        components: as `MarginResult` has them.
        accounts: which are shown beside all together.
        title: heading; none if empty.
        currency: of amounts.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    total = components.groupby("component", sort=False)["amount"].sum()
    own = components[components["account"].isin(accounts)].pivot_table(
        index="account", columns="component", values="amount", aggfunc="sum", observed=True
    )
    table = pd.concat([total.to_frame("all accounts").T, own.reindex(accounts)])
    weight = components["amount"].abs().groupby(components["component"]).sum()
    weight = weight[weight >= _UNSEEN * weight.sum()]
    order = weight.sort_values(ascending=False, kind="stable").index
    layers = [(plain_text(_words(name)), table[name], SERIES[n]) for n, name in
              enumerate(order[:_NAMED])]  # fmt: skip
    if len(order) > _NAMED:
        layers.append(("others", table[order[_NAMED:]].sum(axis=1), "0.6"))
    figure = new_figure(NARROW, 1.9 + 0.26 * len(table), title)
    axes = figure.subplots()
    whole = table.sum(axis=1).to_numpy(np.float64)
    place = np.arange(len(table))[::-1].astype(float)
    place[0] += 0.4  # all together stands apart
    up, down = np.zeros(len(table)), np.zeros(len(table))
    for label, amounts, color in layers:
        share = np.divide(
            100.0 * amounts.to_numpy(np.float64), whole, out=np.zeros(len(table)), where=whole > 0.0
        )
        start = np.where(share >= 0.0, up, down)
        axes.barh(
            place, share, left=start, height=0.66, color=color, edgecolor="white", linewidth=0.6,
            label=label,
        )  # fmt: skip
        up, down = up + np.maximum(share, 0.0), down + np.minimum(share, 0.0)
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.set_xlim(min(0.0, 1.02 * float(down.min())), 1.02 * max(float(up.max()), 1.0))
    name_rows(axes, place, table.index, f"% of the initial margin in {plain_text(currency)}")
    figure.legend(loc="outside lower center", ncols=2, fontsize="small", frameon=False)
    return figure


def plot_worst_scenarios(
    requirements: pd.DataFrame, *, title: str, currency: str, scenarios: int = 12
) -> "Figure":
    """Which scenarios are the worst of most margin, and of how many accounts.

    Args:
        requirements: as `MarginResult` has them.
        title: heading; none if empty.
        currency: of amounts.
        scenarios: how many are shown.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    by = requirements.groupby("worst_scenario", observed=True)["initial"].agg(["sum", "size"])
    shown = by.sort_values(["sum", "size"], ascending=False, kind="stable").head(scenarios)
    figure = new_figure(NARROW, 1.2 + 0.26 * max(len(shown), 4), title)
    axes = figure.subplots()
    amount = shown["sum"].to_numpy(np.float64)
    scale, unit = amount_scale(float(amount.max(initial=0.0)))
    place = np.arange(len(shown))[::-1]
    axes.barh(place, amount / scale, height=0.66, color=SERIES[3], alpha=0.8)
    for row, size, count in zip(place, amount / scale, shown["size"], strict=True):
        words = "1 account" if count == 1 else f"{count:,} accounts"
        axes.annotate(
            words, (size, row), (4, 0), textcoords="offset points", va="center", fontsize="small"
        )
    name_rows(
        axes, place, shown.index, f"initial margin of these accounts, {unit}{plain_text(currency)}"
    )
    axes.set_xlim(0.0, 1.32 * max(float((amount / scale).max(initial=0.0)), 1e-9))
    return figure


def _words(component: object) -> str:
    return str(component).replace("_", " ")


def _short(value: float) -> str:
    for scale, letter in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if value >= 0.9995 * scale:
            return f"{value / scale:.3g} {letter}"
    return f"{value:.3g}"
