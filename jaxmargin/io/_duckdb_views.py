"""Views of results: the questions that are asked of every run."""

from collections.abc import Collection, Sequence

__all__ = ["view_queries"]

_WORST = """
SELECT worst_scenario, count(*) AS accounts, fsum(initial) AS initial
FROM requirements GROUP BY worst_scenario ORDER BY initial DESC, worst_scenario
"""
_LARGEST = """
SELECT row_number() OVER largest AS rank, account, initial, maintenance, worst_scenario,
    initial / nullif((SELECT fsum(initial) FROM requirements), 0) AS share,
    sum(initial) OVER (largest ROWS UNBOUNDED PRECEDING)
        / nullif((SELECT fsum(initial) FROM requirements), 0) AS cumulative_share
FROM requirements WINDOW largest AS (ORDER BY initial DESC, account) ORDER BY rank
"""
_SHORT = """
SELECT account, status, equity, initial, maintenance, initial - equity AS missing
FROM states WHERE equity < initial ORDER BY missing DESC, account
"""
_STATUS = """
SELECT status, count(*) AS accounts, fsum(initial) AS initial, fsum(equity) AS equity
FROM states GROUP BY status ORDER BY accounts DESC, status
"""


def view_queries(tables: Collection[str], components: Sequence[str]) -> dict[str, str]:
    """The SQL of each view that these tables allow.

    - `accounts`: requirements of each account, with its components as columns.
    - `worst_scenarios`: how many accounts each scenario decides, and their initial margin.
    - `largest_margins`: accounts by initial margin, with their share and the running share.
    - `accounts_short`: accounts whose equity is below initial margin, and what is missing.
    - `account_status`: accounts, margin and equity by status.

    Args:
        tables: names of the tables that are there.
        components: names in column `component`, in order.
    """
    views = {}
    if "requirements" in tables:
        if "components" in tables:
            views["accounts"] = _accounts(components)
        views |= {"worst_scenarios": _WORST, "largest_margins": _LARGEST}
    if "states" in tables:
        views |= {"accounts_short": _SHORT, "account_status": _STATUS}
    return views


def _accounts(components: Sequence[str]) -> str:
    taken = {"account", "initial", "maintenance", "standard_error", "tail_count", "worst_scenario"}
    columns = []
    for component in components:
        name, number = component, 2
        while name.lower() in taken:  # DuckDB's names do not tell capitals from small letters
            name, number = f"{component}_{number}", number + 1
        taken.add(name.lower())
        text, quoted = component.replace("'", "''"), name.replace('"', '""')
        columns.append(f"max(amount) FILTER (WHERE component = '{text}') AS \"{quoted}\"")
    if not columns:
        return "SELECT * FROM requirements"
    return (
        "SELECT requirements.*, parts.* EXCLUDE (account) FROM requirements LEFT JOIN (SELECT "
        f"account, {', '.join(columns)} FROM components GROUP BY account) AS parts USING (account) "
        "ORDER BY account"
    )
