"""Rulebooks that an oracle file can check, by the name that the file gives."""

from collections.abc import Callable
from typing import Any

from jaxmargin.jobs._comparison import Comparison
from jaxmargin.jobs._conform_dydx import conform_dydx

__all__ = ["CONFORM_RULES"]

CONFORM_RULES: dict[str, Callable[[dict[str, Any]], list[Comparison]]] = {
    "dydx.v4": conform_dydx,
}
