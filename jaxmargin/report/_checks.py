"""Framework checks: a table of values beside limits, and what decided."""

from typing import Any

import numpy as np
import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

__all__ = ["checks_summary"]

_STYLES = {"pass": "green", "fail": "red", "not-evaluated": "yellow"}


def checks_summary(table: pd.DataFrame, facts: dict[str, Any]) -> Group:
    """Every check with its value and limit, then why some failed and what others lack.

    Args:
        table: as `checks.parquet` has it.
        facts: as `checks.json` has them.
    """
    shown = Table(title=Text(facts["framework_title"]))
    shown.add_column("check", no_wrap=True)
    shown.add_column("", no_wrap=True, overflow="ellipsis", max_width=30)
    for heading in ("value", "limit"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("status", no_wrap=True)
    for row in table.itertuples(index=False):
        mark = "" if row.basis == "read" else "*"
        shown.add_row(
            Text(str(row.id)),
            Text(str(row.title)),
            _number(row.value),
            _number(row.limit) + mark,
            Text(str(row.status), style=_STYLES[str(row.status)]),
        )
    lines = []
    for row in table.itertuples(index=False):
        if row.status != "pass":
            give = f". Give {row.give}" if row.give else ""
            lines.append(f"{row.id} {row.status}: {row.reason}{give}.")
    counts, day = facts["counts"], facts["day"]
    lines += facts["notes"]
    lines.append(
        f"{counts['pass'] + counts['fail']} checks evaluated as of {day}: {counts['pass']} pass, "
        f"{counts['fail']} fail; {counts['not-evaluated']} not evaluated."
    )
    if (table["basis"] != "read").any():
        lines.append("* The limit is from memory, or chosen where the framework gives no figure.")
    return Group(shown, *map(Text, lines))


def _number(value: Any) -> str:
    return "" if np.isnan(value) else f"{value:,.4g}"
