"""What a stress test of a whole venue needs beside the inputs of a margin job."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from jaxmargin.io import (
    Problems,
    StressStep,
    build_stress,
    estimate_betas,
    nearest,
    read_contributions,
    read_members,
    read_stress,
    read_volumes,
    stress_library,
)
from jaxmargin.jobs._input_files import InputFile, require_unchanged, see_files
from jaxmargin.jobs._keys import SYSTEMIC
from jaxmargin.jobs._load import Inputs
from jaxmargin.jobs._types import REQUIRED

__all__ = ["StressInputs", "read_stress_inputs"]


@dataclass(frozen=True)
class StressInputs:
    """Stresses, members and settings, checked.

    Attributes:
        inputs: of the margin job.
        settings: of [systemic], defaults filled in.
        steps: the stress scenarios, in the order of the arrays.
        arrays: their moves, named as the fields of `Shocks`.
        collateral: whether resources are the accounts' equity rather than their initial margin.
        members: names of members.
        member: which of them each account belongs to.
        contributions: of each member to the default fund; None without a table.
        volumes: daily volume and volatility of each coin; None without a table.
        coins: rows of the market's assets that are coins.
        missing: what is left out, and what it would take, as sentences.
    """

    inputs: Inputs
    settings: Mapping[str, Any]
    steps: list[StressStep]
    arrays: Mapping[str, np.ndarray]
    collateral: bool
    members: list[str]
    member: Int[np.ndarray, " account"]
    contributions: Float[np.ndarray, " member"] | None
    volumes: pd.DataFrame | None
    coins: Int[np.ndarray, " coin"]
    missing: list[str]
    files: tuple[InputFile, ...]

    @property
    def labels(self) -> list[str]:
        """Name of each stress."""
        return [step.label for step in self.steps]

    @property
    def liquidates(self) -> bool:
        """Whether there is all that a simulation of liquidation needs."""
        known = (self.volumes, self.settings["impact"], self.settings["insurance_fund"])
        return all(part is not None for part in known)


def read_stress_inputs(inputs: Inputs) -> StressInputs:
    """Read and check what [systemic] names, and the stresses: of the job, or of the library.

    Raises:
        InvalidInputError: with every problem found.
    """
    problems, job = Problems(), inputs.job
    settings = job.systemic
    if settings is None:
        settings = {key: rule.default for key, rule in SYSTEMIC.items()}
    assert REQUIRED not in settings.values()  # every key of the section has a default
    files = see_files(value for value in settings.values() if isinstance(value, Path))
    where, accounts = f"{job.path.name}, [systemic]", inputs.book.accounts
    if len(accounts) == 0:
        problems.add(job.book["positions"].name, "no positions", "There is nothing to stress.")
    collateral = inputs.balances is not None and settings["resources"] != "initial-margin"
    if settings["resources"] == "collateral" and inputs.balances is None:
        problems.add(
            f"{where} resources",
            "collateral is asked for, and key 'collateral' of [book] is missing",
            "Give a table with account, asset, quantity, or resources = 'initial-margin'.",
        )
    if settings["policy"] == "auction" and settings["discount"] is None:
        problems.add(
            where,
            "key 'discount' is missing, which an auction needs",
            "Give a share, such as 0.05.",
        )
    steps, arrays = _stresses(inputs, settings["stresses"], where, problems)
    coins = np.flatnonzero(inputs.market.assets["kind"] == "coin")
    names = [str(account) for account in accounts]
    member: np.ndarray = np.arange(len(accounts), dtype=np.int32)
    if settings["members"] is not None:
        read = read_members(settings["members"], accounts, problems)
        names, member = read if read is not None else (names, member)
    contributions = volumes = None
    if settings["contributions"] is not None:
        contributions = read_contributions(settings["contributions"], names, problems)
    if settings["volumes"] is not None:
        listed = list(inputs.market.assets["asset"].iloc[coins])
        volumes = read_volumes(settings["volumes"], listed, problems)
        for step in steps:
            if step.depth == 0.0:
                problems.add(
                    f"stress {step.label!r}", "depth 0, in which nothing can be liquidated",
                    "Give a depth above 0, or leave it out of [systemic] stresses.",
                )  # fmt: skip
    problems.raise_if_any()
    require_unchanged(files)
    return StressInputs(
        inputs, settings, steps, arrays, collateral, names, member, contributions, volumes, coins,
        _missing(inputs, settings), files,
    )  # fmt: skip


def _stresses(
    inputs: Inputs, names: tuple[str, ...], where: str, problems: Problems
) -> tuple[list[StressStep], Mapping[str, np.ndarray]]:
    """Those named; else those of the job, if it has any, or the whole library."""
    if inputs.stress_moves is not None and not names:
        return [step for stress in inputs.stresses for step in stress.steps], inputs.stress_moves[0]
    library = stress_library()
    for name in (name for name in names if name not in library):
        problems.add(
            f"{where} stresses",
            f"unknown stress {name!r}{nearest(name, library)}",
            f"The library has {', '.join(sorted(library))}.",
        )
    chosen = [library[name] for name in names or sorted(library) if name in library]
    read = [stress for path in chosen if (stress := read_stress(path, problems)) is not None]
    betas: dict[str, float] = {}
    if inputs.history is not None:
        betas = estimate_betas(inputs.history.closes, list(inputs.market.assets["asset"]))
    numeraire = inputs.job.settings["numeraire"]
    arrays, _ = build_stress(read, inputs.market, betas, problems, numeraire=numeraire)
    return [step for stress in read for step in stress.steps], arrays


def _missing(inputs: Inputs, settings: Mapping[str, Any]) -> list[str]:
    """What is not given, and what is therefore not computed or taken instead."""
    said = []
    if inputs.balances is None and settings["resources"] is None:
        said.append(
            "[book] collateral is missing: accounts are taken to have posted their initial margin."
        )
    if inputs.haircuts is not None and settings["resources"] != "initial-margin":
        said.append("[book] haircuts do not count here: collateral counts at the price of the day.")
    if settings["members"] is None:
        said.append("[systemic] members is missing: each account is a member of its own.")
    if settings["contributions"] is None:
        said.append("[systemic] contributions is missing: no default waterfall.")
    needs = [key for key in ("volumes", "impact", "insurance_fund") if settings[key] is None]
    if needs:
        said.append(f"[systemic] lacks {', '.join(needs)}: no simulation of liquidation.")
    elif settings["band"] is None:
        said.append("[systemic] band is missing: liquidation is simulated without a breaker alone.")
    return said
