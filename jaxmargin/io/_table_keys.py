"""What identifies a row of each table that a job file names."""

from jaxmargin.io._collateral_schema import (
    COLLATERAL,
    COSTS,
    EXCLUSIONS,
    HAIRCUTS,
    INVENTORY,
    LIMITS,
    MARKS,
    SCHEDULE,
)
from jaxmargin.io._schema import (
    ASSETS,
    COMBOS,
    CORRELATIONS,
    FORWARDS,
    HISTORY,
    INSTRUMENTS,
    POSITIONS,
    VOLATILITIES,
)
from jaxmargin.io._systemic import CONTRIBUTIONS, MEMBERS, VOLUMES

__all__ = ["table_key"]

_KEYS = {
    table.name: table.key
    for table in (
        ASSETS, COLLATERAL, COMBOS, CONTRIBUTIONS, CORRELATIONS, COSTS, EXCLUSIONS, FORWARDS,
        HAIRCUTS, HISTORY, INSTRUMENTS, INVENTORY, LIMITS, MARKS, MEMBERS, POSITIONS, SCHEDULE,
        VOLATILITIES, VOLUMES,
    )
} | {"file": ("scenario",)}  # fmt: skip


def table_key(name: str) -> tuple[str, ...]:
    """Columns that identify a row of the table that a key of the job file names.

    Scenarios from a file are told apart by their label.
    """
    return _KEYS[name]
