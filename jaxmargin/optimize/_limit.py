"""A cap on what groups of assets may count for."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jaxmargin.errors import require

__all__ = ["Limit"]

Basis = Literal["requirement", "posted", "absolute"]
_BASES = ("requirement", "posted", "absolute")


@dataclass(frozen=True, eq=False)
class Limit:
    """The collateral value of each group of assets stays at or below a cap.

    Attributes:
        name: what answers and errors call it.
        group: [asset] number of the group, -1 for none, counted from 0: classes, issuers,
            currencies, or each asset by itself. True and false mark a single group.
        most: share of the basis, above 0; or money, at least 0, where the basis is absolute.
        basis: of the share: the requirement of the venue, or the collateral value of all that is
            posted there. "absolute" if `most` is money.
        venues: those that have it, each for itself; None for every venue.
        pooled: the venues are taken together, as one.

    Raises:
        InvalidInputError: naming field and cure.
    """

    name: str
    group: np.ndarray
    most: float
    basis: Basis = "requirement"
    venues: tuple[int, ...] | None = None
    pooled: bool = False

    def __post_init__(self) -> None:
        """Raises `InvalidInputError`; see the class."""
        say = f"limit {self.name!r}: "
        group = np.array(self.group)
        if group.dtype == bool:
            group = np.where(group, 0, -1)
        require(
            group.ndim == 1
            and np.issubdtype(group.dtype, np.integer)
            and bool(np.all(group >= -1)),
            say + "group must be true or false, or whole numbers >= -1, one for each asset.",
        )
        group = group.astype(np.int64)
        group.flags.writeable = False
        object.__setattr__(self, "group", group)
        require(self.basis in _BASES, say + f"basis must be one of {_BASES}; got {self.basis!r}.")
        if self.basis == "absolute":
            good = math.isfinite(self.most) and self.most >= 0.0
            require(good, say + f"most must be an amount of money >= 0; got {self.most!r}.")
        else:
            good = math.isfinite(self.most) and self.most > 0.0
            require(
                good,
                say + f"most must be a share above 0; got {self.most!r}. Write 40 % as 0.4; what "
                "may not be posted at all is not eligible: leave its lines out.",
            )
            require(
                self.basis != "posted" or self.most < 1.0,
                say
                + f"most must be below 1 as a share of what is posted; got {self.most!r}, which "
                "no group can exceed. Write 40 % as 0.4.",
            )
        if self.venues is not None:
            venues = tuple(int(venue) for venue in self.venues)
            require(
                0 < len(venues) == len(set(venues)),
                say + f"venues must name venues once each, or be None for all; got {venues}.",
            )
            object.__setattr__(self, "venues", venues)
