"""Scenarios of a job by themselves: made, as a table, written."""

from pathlib import Path

import pandas as pd

from jaxmargin.errors import require
from jaxmargin.io import (
    Problems,
    nearest,
    read_stress,
    read_toml,
    scenario_table,
    stress_library,
    write_table,
)
from jaxmargin.jobs._load import Inputs, load_inputs, market_of
from jaxmargin.jobs._scenario_keys import SCENARIOS
from jaxmargin.jobs._scenarios import Scenarios

__all__ = [
    "export_scenarios",
    "is_job",
    "list_stresses",
    "make_scenarios",
    "scenario_kinds",
    "show_stress",
]


def make_scenarios(path: Path) -> tuple[pd.DataFrame, Scenarios, Inputs]:
    """The scenarios of the job at `path` as a table; see `scenario_table`.

    Raises:
        InvalidInputError: with every problem of the inputs.
    """
    import jax

    from jaxmargin.jobs._calculation import build_calculation

    inputs = load_inputs(path, safeguards=True)
    market = market_of(inputs)
    scenarios = build_calculation(inputs, market).scenarios
    made = jax.device_get(scenarios.source.shocks(market, scenarios.key))
    return scenario_table(made, inputs.market, scenarios.labels), scenarios, inputs


def export_scenarios(path: Path, out: Path) -> pd.DataFrame:
    """Write the scenarios of a job to the Parquet file `out`; what kind = "file" reads."""
    require(out.suffix == ".parquet", f"--out {out}: give a file that ends in .parquet.")
    table, _, _ = make_scenarios(path)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_table(table, out)
    return table


def scenario_kinds() -> list[str]:
    """Kinds that the section [scenarios] of a job file may have."""
    return list(SCENARIOS)


def is_job(path: Path) -> bool:
    """Whether a file is a job rather than a stress: it has a section [scenarios]."""
    return "scenarios" in (read_toml(path, "file", Problems()) or {})


def list_stresses() -> pd.DataFrame:
    """The stress library: name, date and title of each."""
    problems = Problems()
    read = [read_stress(path, problems) for _, path in sorted(stress_library().items())]
    problems.raise_if_any()
    return pd.DataFrame(
        [
            {
                "name": stress.name,
                "date": stress.date.isoformat() if stress.date else "hypothetical",
                "title": stress.title,
            }
            for stress in read
            if stress is not None
        ]
    )


def show_stress(name: str) -> list[str]:
    """What one stress of the library, or of a file, says: lines to print."""
    library = stress_library()
    path = library.get(name, Path(name))
    require(
        name in library or path.suffix == ".toml",
        f"No stress {name!r}{nearest(name, library)}. Give a file that ends in .toml, or one of "
        f"{', '.join(sorted(library))}.",
    )
    problems = Problems()
    stress = read_stress(path, problems)
    problems.raise_if_any()
    assert stress is not None  # one that cannot be read has problems
    when = f", {stress.date.isoformat()}" if stress.date else ""
    lines = [f"{stress.title} ({stress.kind}{when})", stress.description.strip()]
    for step in stress.steps:
        lines += ["", f"{step.label}: {step.days:g} days"]
        for part in ("spot", "depeg", "volatility", "perpetual", "basis", "funding"):
            moves = getattr(step, part)
            if moves:
                stated = ", ".join(f"{asset} {move:+.4g}" for asset, move in moves.items())
                lines.append(f"  {part}: {stated}")
        if step.volatility_power:
            lines.append(f"  volatility moves x (30 / days to expiry)^{step.volatility_power:g}")
        if (step.depth, step.spread) != (1.0, 1.0):
            lines.append(
                f"  liquidity (not used in revaluation): {step.depth:.0%} of normal depth, "
                f"{step.spread:g} times the normal spread"
            )
    rule = "always" if stress.betas == "default" else "without a history"
    lines += ["", f"Other coins move with BTC; beta {stress.default_beta:g} {rule}."]
    if stress.assumed:
        lines.append(f"Assumed, without a source: {', '.join(stress.assumed)}.")
    return lines + [f"Source: {source}" for source in stress.sources]
