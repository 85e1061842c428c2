"""Backtests: margins beside the losses that came."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

from jaxmargin.report._figure import new_figure, plain_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["backtest_summary", "plot_margin_paths"]

_ROWS = 5


def plot_margin_paths(
    paths: pd.DataFrame, *, title: str, unit: str, width: float = 11.0
) -> "Figure":
    """Margin by day of a few portfolios, a line for each model, and the losses it was for.

    Losses that some model's margin did not cover are red.

    Args:
        paths: portfolio, model, time, margin, and the loss that followed.
        title: heading.
        unit: of margins and losses.
        width: inches.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    portfolios = list(dict.fromkeys(paths["portfolio"]))
    figure = new_figure(width, 1.0 + 2.8 * len(portfolios), title.replace("$", r"\$"))
    panels = figure.subplots(len(portfolios), 1, sharex=True, squeeze=False)[:, 0]
    beyond = "loss, not covered" + (" by every model" if paths["model"].nunique() > 1 else "")
    for axes, name in zip(panels, portfolios, strict=True):
        own = paths[paths["portfolio"] == name]
        first = own[own["model"] == own["model"].iloc[0]]
        least = own.groupby("time")["margin"].min().reindex(first["time"]).to_numpy(np.float64)
        loss = first["loss"].to_numpy(np.float64)
        for label, shown, color in (
            ("loss, covered", (loss > 0.0) & (loss <= least), "0.75"),
            (beyond, (loss > 0.0) & (loss > least), "C3"),
        ):
            axes.bar(
                first["time"].to_numpy()[shown], loss[shown], width=1.5, color=color, label=label
            )
        for number, (model, line) in enumerate(own.groupby("model", sort=False)):
            color = ("C0", "C1", "C2", "C4", "C5")[number % 5]
            axes.plot(line["time"], line["margin"], color=color, linewidth=1.1, label=str(model))
        axes.set_title(plain_text(name), fontsize=10, loc="left")
        axes.set_ylabel(unit)
        axes.set_ylim(bottom=0.0)
        if axes.get_ylim()[1] >= 1_000.0:
            axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.grid(alpha=0.3)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=5 if width > 8.0 else 2,
        fontsize=8,
        frameon=False,
    )
    return figure


def backtest_summary(
    tests: pd.DataFrame, kpis: pd.DataFrame, published: pd.DataFrame, facts: dict[str, Any]
) -> Group:
    """Accounts with the most breaches, what tests reject, and what clearing houses publish."""
    table = Table(title=Text(facts["title"]) if facts["title"] else None)
    table.add_column("account", no_wrap=True, overflow="ellipsis", max_width=18)
    for heading in ("breaches", "coverage", f"mean {facts['currency']}", "peak/trough", "30 days"):
        table.add_column(heading, justify="right", no_wrap=True)
    worst = kpis.sort_values(["breaches", "mean_margin"], ascending=False, kind="stable")
    total = kpis["account"] == "all"
    for row in [*worst[~worst["account"].eq("all")].head(_ROWS).itertuples(index=False)]:
        table.add_row(*_cells(row))
    others = len(kpis) - int(total.sum()) - _ROWS
    if others > 0:
        table.add_row(f"{others:,} more", "", "", "", "", "")
    table.add_section()
    for row in kpis[total].itertuples(index=False):
        table.add_row(*_cells(row))
    lines = [
        f"{facts['measure']} over {facts['horizon_days']} days, from the {facts['window']} days "
        f"before; {facts['days']:,} days to {facts['last_day']}.",
        *(
            f"{name}: rejected for {int(group['rejected'].sum()):,} of "
            f"{int(group['p_value'].notna().sum()):,} accounts that it is defined for."
            for name, group in tests[tests["account"].isin(kpis["account"])].groupby(
                "test", sort=False
            )
            if group["p_value"].notna().any()
        ),
        f"Cold {facts['seconds']['cold']:.2f} s, warm {facts['seconds']['warm']:.2f} s.",
    ]
    warnings = [Text(f"warning: {warning}", style="yellow") for warning in facts["warnings"]]
    return Group(table, *map(Text, lines), _beside(kpis[total], published), *warnings)


def _beside(own: pd.DataFrame, published: pd.DataFrame) -> Table:
    """The figures of all accounts above those that clearing houses publish."""
    table = Table(title=f"beside {', '.join(published['house'].unique())}")
    table.add_column("", no_wrap=True, overflow="ellipsis", max_width=22)
    for heading in ("coverage", "loss/margin", "1, 5, 10 days", "peak"):
        table.add_column(heading, justify="right", no_wrap=True)
    rises = ("increase_1_days", "increase_5_days", "increase_10_days")
    rows = [{"group": "all accounts"} | own.to_dict("records")[0], *published.to_dict("records")]
    for row in rows:
        rise = ", ".join(_percent(row.get(name, np.nan), 0) for name in rises)
        table.add_row(
            Text(str(row["group"])),
            _percent(row["coverage"], 2),
            _percent(row.get("mean_loss_to_margin", np.nan), 0),
            rise.strip(", "),
            "" if np.isnan(row["peak_to_trough"]) else f"{row['peak_to_trough']:.2f}x",
        )
    return table


def _percent(share: float, digits: int) -> str:
    return "" if np.isnan(share) else f"{share:.{digits}%}"


def _cells(row: Any) -> list[Text]:
    def share(value: float) -> str:
        return "" if np.isnan(value) else f"{value:+.0%}"

    return [
        Text(str(row.account)),
        Text(f"{row.breaches:,.0f}"),
        Text(f"{row.coverage:.2%}"),
        Text(f"{row.mean_margin:,.0f}"),
        Text("" if np.isnan(row.peak_to_trough) else f"{row.peak_to_trough:.2f}x"),
        Text(share(getattr(row, "increase_30_days", float("nan")))),
    ]
