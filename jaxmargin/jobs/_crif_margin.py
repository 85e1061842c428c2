"""ISDA SIMM of the portfolios of a CRIF file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from jaxmargin.errors import InvalidInputError, require

__all__ = ["SimmResult", "run_simm"]


@dataclass(frozen=True)
class SimmResult:
    """Margins of a CRIF file.

    Attributes:
        margins: one row per portfolio: portfolio, total, each product class, each add-on.
        components: one row per portfolio, product class, risk class and measure that is not zero:
            amount, which adds up to risk classes.
        ignored: what the file says and nothing reads. Whoever prints must name it.
        notice: what users must know. Whoever prints must print it.
    """

    margins: pd.DataFrame
    components: pd.DataFrame
    ignored: tuple[str, ...]
    notice: str


def run_simm(
    path: Path,
    *,
    out: Path | None = None,
    holding_days: int = 10,
    calculation_currency: str = "USD",
) -> SimmResult:
    """Initial margin of every portfolio of a CRIF file by ISDA SIMM 2.5, in USD.

    Commercial use of ISDA SIMM needs a licence from ISDA. In double precision.

    Args:
        path: the file; see `read_crif`.
        out: folder for margins.parquet, components.parquet and simm.json, which states the file,
            the settings and what is ignored; None to write nothing.
        holding_days: 10 or 1.
        calculation_currency: three letters.

    Raises:
        InvalidInputError: with every problem of the file, or a holding period without settings.
    """
    import jax

    from jaxmargin.io import (
        HOLDING_PERIODS,
        Problems,
        build_simm,
        read_crif,
        read_simm_settings,
        require_folder,
        sha256,
        simm_library,
        write_json,
        write_table,
    )
    from jaxmargin.margin.simm import MEASURES, PRODUCT_CLASSES, RISK_CLASSES, margin_simm

    if holding_days not in HOLDING_PERIODS:
        known = " or ".join(map(str, HOLDING_PERIODS))
        raise InvalidInputError(f"holding_days: got {holding_days!r}. Give {known}.")
    code = calculation_currency
    require(
        len(code) == 3 and code.isascii() and code.isalpha() and code.isupper(),
        f"calculation_currency: got {code!r}. Give three capital letters, such as USD.",
    )
    if out is not None:
        require_folder(out)
    problems = Problems()
    with jax.enable_x64(True):  # figures are read in double precision too
        settings = read_simm_settings(simm_library(), HOLDING_PERIODS[holding_days], problems)
        problems.raise_if_any()
        assert settings is not None  # settings that cannot be used have problems
        tables = read_crif(path, settings.currencies, problems)
        problems.raise_if_any()
        assert tables is not None
        sensitivities, add_ons = build_simm(
            tables, settings.currencies, calculation_currency=calculation_currency
        )
        rule = jax.jit(jax.vmap(margin_simm, in_axes=(0, 0, None)))
        margin = jax.tree.map(np.asarray, rule(sensitivities, add_ons, settings.parameters))
    margins = pd.DataFrame({"portfolio": tables.portfolios, "total": margin.total})
    for place, name in enumerate(PRODUCT_CLASSES):
        margins[name] = margin.by_product[:, place]
    for name, amount in margin.add_ons.items():
        margins[name] = amount
    at = np.nonzero(margin.components)
    components = pd.DataFrame(
        {
            "portfolio": tables.portfolios[at[0]],
            "product_class": np.asarray(PRODUCT_CLASSES)[at[1]],
            "risk_class": np.asarray(RISK_CLASSES)[at[2]],
            "measure": np.asarray(MEASURES)[at[3]],
            "amount": margin.components[at],
        }
    )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_table(margins, out / "margins.parquet")
        write_table(components, out / "components.parquet")
        facts = {
            "created": pd.Timestamp.now("UTC").isoformat(timespec="seconds"),
            "inputs": [{"file": path.name, "sha256": sha256(path)}],
            "holding_days": holding_days,
            "calculation_currency": calculation_currency,
            "ignored": list(tables.ignored),
            "notice": settings.notice,
        }
        write_json(facts, out / "simm.json")
    return SimmResult(margins, components, tables.ignored, settings.notice)
