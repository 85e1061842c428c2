"""What an allocation reads beyond the margin job, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxmargin.io import (
    CollateralArrays,
    CollateralTables,
    InventoryTables,
    Problems,
    build_collateral,
    describe_unpriced,
    list_some,
    read_collateral,
    read_inventory,
    read_marks,
)
from jaxmargin.jobs._input_files import InputFile, require_unchanged, see_files
from jaxmargin.jobs._keys import ALLOCATION
from jaxmargin.jobs._load import Inputs

__all__ = ["AllocationInputs", "load_allocation"]

_TABLES = ("collateral", "schedule", "inventory", "limits", "exclusions", "costs", "marks")


@dataclass(frozen=True)
class AllocationInputs:
    """Collateral, schedules and inventory of a job; assets in the order of the market.

    Attributes:
        tables: what is posted and what venues accept.
        arrays: the same as arrays of doubles, with the add-on of currencies in the haircuts.
        inventory: what may be posted, and the costs.
        venue: name of each account's venue.
        price: of one unit of each asset, in the numeraire.
        files: as they were read.
        warnings: sentences about what is posted and counts for nothing.
    """

    tables: CollateralTables
    arrays: CollateralArrays
    inventory: InventoryTables
    venue: np.ndarray
    price: Float[np.ndarray, " asset"]
    files: tuple[InputFile, ...]
    warnings: tuple[str, ...]


def load_allocation(inputs: Inputs) -> AllocationInputs:
    """Read and check the tables that [allocation] names.

    Double precision must be on: amounts of money are compared to the cent.

    Raises:
        InvalidInputError: with every problem of them.
    """
    problems, job = Problems(), inputs.job
    settings = job.allocation
    if settings is None:
        problems.add(
            job.path.name,
            "section [allocation] is missing",
            f"Add it with the keys {', '.join(ALLOCATION)}.",
        )
    elif inputs.book.accounts.empty:
        problems.add(
            job.book["positions"].name, "no positions", "Give accounts whose margin is to cover."
        )
    problems.raise_if_any()
    assert settings is not None
    paths = {name: settings[name] for name in _TABLES if settings[name] is not None}
    files = see_files(paths.values())
    market = inputs.market
    tables = read_collateral(paths, market, inputs.book.accounts, problems)
    problems.raise_if_any()
    assert tables is not None
    inventory = read_inventory(paths, market, tables, problems)
    venue = _venues(paths["collateral"].name, tables, problems)
    price = market.assets["spot"].to_numpy(np.float64)
    if inventory is not None and "marks" in paths:
        price = _marked(paths["marks"], inputs, settings, inventory, problems)
    problems.raise_if_any()
    require_unchanged(files)
    assert inventory is not None
    arrays = build_collateral(tables, market)
    arrays = _with_add_on(arrays, tables, inputs, venue, settings["currency_add_on"])
    odd = tables.not_accepted
    rows = list(odd.itertuples())
    listed = list_some(rows, lambda row: f"{row.asset} of {row.account} at {row.venue}")
    warnings = () if odd.empty else (f"Posted where it is not accepted: {listed}.",)
    return AllocationInputs(tables, arrays, inventory, venue, price, files, warnings)


def _venues(file: str, tables: CollateralTables, problems: Problems) -> np.ndarray:
    """The venue of each account; all that have none are one problem."""
    venues = sorted(tables.schedule["venue"].unique())
    if len(venues) == 1:
        return np.full(len(tables.accounts), venues[0], object)
    posted = tables.collateral.drop_duplicates("account").set_index("account")["venue"]
    found = posted.reindex(tables.accounts)
    absent = list(tables.accounts[found.isna()])
    if absent:
        listed = list_some(absent, repr)
        problems.add(
            f"{file}, column account",
            f"no row, and so no venue and no schedule, for {len(absent):,} of "
            f"{len(found):,} accounts ({listed})",
            f"Add a row with the venue of each ({', '.join(venues)}), with quantity 0 if nothing "
            "is posted yet.",
        )
    return found.to_numpy(object)


def _marked(
    path: Path,
    inputs: Inputs,
    settings: Mapping[str, Any],
    inventory: InventoryTables,
    problems: Problems,
) -> Float[np.ndarray, " asset"]:
    """Prices of several sources; an asset of the inventory without a good one is a problem."""
    import jax.numpy as jnp

    from jaxmargin.market import combine_marks

    market = inputs.market
    names = list(market.assets["asset"])
    marks = read_marks(path, market, numeraire=inputs.job.settings["numeraire"], problems=problems)
    if marks is None:
        return np.full(len(names), np.nan)
    combined = combine_marks(
        marks.price,
        marks.age,
        most_age=jnp.full(len(names), 60.0 * settings["most_age_minutes"]),
        most_deviation=jnp.full(len(names), settings["most_deviation"]),
        least_sources=settings["least_sources"],
    )
    own = set(inventory.inventory["asset"])
    for sentence in describe_unpriced(combined, names):
        if sentence.split(" has no good price")[0] in own:
            problems.add(
                path.name,
                sentence.removesuffix("."),
                "Give recent marks of more sources, or take the asset out of the inventory.",
            )
    return np.asarray(combined.price, np.float64)


def _with_add_on(
    arrays: CollateralArrays,
    tables: CollateralTables,
    inputs: Inputs,
    venue: np.ndarray,
    add_on: float,
) -> CollateralArrays:
    """Haircuts with the add-on for collateral in another currency than the numeraire."""
    import jax.numpy as jnp

    from jaxmargin.collateral import TieredHaircuts

    if add_on == 0.0:
        return arrays
    schedule, numeraire = tables.schedule, inputs.job.settings["numeraire"]
    other = schedule[(schedule["currency"] != "") & (schedule["currency"] != numeraire)]
    mismatched = np.zeros((len(venue), len(inputs.market.assets)), bool)
    for name, rows in other.groupby("venue"):
        mismatched[np.ix_(venue == name, inputs.market.asset_row(rows["asset"]))] = True
    haircuts = arrays.haircuts
    extra = jnp.where(jnp.asarray(mismatched), add_on, 0.0)[..., None]
    fraction = jnp.minimum(haircuts.fraction + extra, 1.0)
    return replace(arrays, haircuts=TieredHaircuts(haircuts.upper, fraction))
