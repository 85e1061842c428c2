"""Rulebooks that an oracle file can check, by the name that the file gives."""

from collections.abc import Callable
from typing import Any

from jaxmargin.jobs._comparison import Comparison
from jaxmargin.jobs._conform_deribit import conform_deribit
from jaxmargin.jobs._conform_derive import conform_derive
from jaxmargin.jobs._conform_drift import conform_drift
from jaxmargin.jobs._conform_dydx import conform_dydx
from jaxmargin.jobs._conform_simm import conform_simm
from jaxmargin.jobs._conform_vega import conform_vega
from jaxmargin.jobs._conform_venues import conform_venues
from jaxmargin.margin.simm import SIMM_NOTICE

__all__ = ["CONFORM_NOTICES", "CONFORM_RULES"]

CONFORM_RULES: dict[str, Callable[[dict[str, Any]], list[Comparison]]] = {
    "deribit.pme": conform_deribit,
    "derive.pmrm1": conform_derive,
    "derive.pmrm2": conform_derive,
    "derive.srm": conform_derive,
    "drift.size_weights": conform_drift,
    "dydx.v4": conform_dydx,
    "isda.simm.2_5": conform_simm,
    "vega.lognormal_es": conform_vega,
    "venue worked examples": conform_venues,
}

CONFORM_NOTICES = {"isda.simm.2_5": SIMM_NOTICE}
"""What users of a rulebook must know, by its name."""
