"""What identifies a row of each table that a job file names."""

from jaxmargin.io._collateral_schema import (
    COLLATERAL,
    COSTS,
    EXCLUSIONS,
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

__all__ = ["table_key"]

_KEYS = {
    table.name: table.key
    for table in (
        ASSETS, COLLATERAL, COMBOS, CORRELATIONS, COSTS, EXCLUSIONS, FORWARDS, HISTORY,
        INSTRUMENTS, INVENTORY, LIMITS, MARKS, POSITIONS, SCHEDULE, VOLATILITIES,
    )
}  # fmt: skip


def table_key(name: str) -> tuple[str, ...]:
    """Columns that identify a row of the table that a key of the job file names, if any do."""
    return _KEYS.get(name, ())
