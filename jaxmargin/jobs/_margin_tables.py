"""Tables of margins: one row per account, and one per account and component."""

from typing import Any

import numpy as np
import pandas as pd

from jaxmargin.io import round_up
from jaxmargin.jobs._load import Inputs

__all__ = ["margin_tables"]


def margin_tables(
    inputs: Inputs, requirement: Any, labels: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Requirements and components of every account, rounded up to the job's `round_to`.

    Args:
        inputs: the job, for its accounts and rounding.
        requirement: a `Requirement` on the host.
        labels: names of its scenarios.

    Returns:
        Columns account, initial, maintenance, standard_error, tail_count and worst_scenario; and
        account, component and amount, where the component `rounding` makes the sum whole.
    """
    accounts, unit = inputs.book.accounts, inputs.job.settings["round_to"]
    exact = np.asarray(requirement.initial, np.float64)
    initial = round_up(exact, unit)
    requirements = pd.DataFrame(
        {
            "account": accounts,
            "initial": initial,
            "maintenance": round_up(np.asarray(requirement.maintenance), unit),
            "standard_error": np.asarray(requirement.standard_error, np.float64),
            "tail_count": np.asarray(requirement.tail_count, np.float64),
            "worst_scenario": np.asarray(labels, object)[np.asarray(requirement.worst_scenario)],
        }
    )
    parts = {name: np.asarray(v, np.float64) for name, v in requirement.components.items()}
    parts["rounding"] = initial - sum(parts.values())
    components = pd.DataFrame(
        {
            "account": np.repeat(accounts, len(parts)),
            "component": np.tile(list(parts), len(accounts)),
            "amount": np.stack(list(parts.values()), axis=1).reshape(-1),
        }
    )
    return requirements, components
