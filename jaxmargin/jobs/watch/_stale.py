"""Margins while newer inputs cannot be used: never below the last good ones, and raised."""

from dataclasses import replace

import numpy as np
import pandas as pd

from jaxmargin.io import round_up
from jaxmargin.jobs._margin_results import MarginResults
from jaxmargin.jobs._states import state_table
from jaxmargin.jobs.watch._updates import Update

__all__ = ["stale_results"]


def stale_results(update: Update, fresh: MarginResults, uplift: float) -> tuple[MarginResults, int]:
    r"""The tables of an update of which some inputs are older than others.

    The requirement of an account is $(1 + u) \max(R, R_0)$, rounded up, with $R$ that of the update
    and $R_0$ that of the last update of which all inputs were good: a market that nobody knows may
    not lower a margin. An account takes all columns and components of the larger initial margin;
    component `uplift` is what $u$ adds. Its maintenance margin is the larger of the two likewise.
    Accounts that have neither positions nor collateral any more have no row. Tables of safeguards
    are those of the update.

    Args:
        update: with the newest inputs that could be used.
        fresh: results of the last update of which all inputs were good.
        uplift: $u$; 0.1 for 10 %.

    Returns:
        The tables, and how many accounts have the margin of the last good update.
    """
    results, unit = update.results, update.inputs.job.settings["round_to"]
    now = results.requirements
    before = fresh.requirements.set_index("account").reindex(now["account"]).reset_index()
    larger = (before["initial"] > now["initial"]).to_numpy()
    requirements = pd.DataFrame({name: now[name].mask(larger, before[name]) for name in now})
    requirements["maintenance"] = np.fmax(now["maintenance"], before["maintenance"])
    parts, others = _by_account(results.components), _by_account(fresh.components)
    names = list(dict.fromkeys([*map(str, parts), *map(str, others)]))
    parts = parts.reindex(now["account"]).reindex(columns=names, fill_value=0.0)
    others = others.reindex(now["account"]).reindex(columns=names, fill_value=0.0)
    amounts = np.where(larger[:, None], others, parts)
    if uplift > 0.0:
        exact = requirements["initial"].to_numpy()
        for name in ("initial", "maintenance"):
            requirements[name] = round_up(requirements[name].to_numpy() * (1.0 + uplift), unit)
        names = [*names, "uplift"]
        amounts = np.column_stack([amounts, requirements["initial"].to_numpy() - exact])
    components = pd.DataFrame(
        {
            "account": np.repeat(now["account"].to_numpy(), len(names)),
            "component": np.tile(names, len(now)),
            "amount": amounts.reshape(-1),
        }
    )
    states = state_table(update.inputs, update.calculation, results.requirement, requirements)
    raised = replace(results, requirements=requirements, components=components, states=states)
    return raised, int(larger.sum())


def _by_account(components: pd.DataFrame) -> pd.DataFrame:
    """One row for each account and one column for each component, in their order."""
    names = list(dict.fromkeys(components["component"].tolist()))
    wide = components.pivot(index="account", columns="component", values="amount")
    return wide.reindex(columns=names)
