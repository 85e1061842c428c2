"""Which accounts are margined on good prices."""

import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxmargin.market import Marks, MarkStatus

__all__ = ["quotes_usable"]


def quotes_usable(exposed: Bool[Array, "account asset"], marks: Marks) -> Bool[Array, " account"]:
    """Whether every asset that an account depends on has a good price.

    Args:
        exposed: which assets the margin of an account depends on.
        marks: from `combine_marks`, which refuses prices that are stale, come from too few sources
            or are far from the others.
    """
    good = marks.status == MarkStatus.GOOD
    return jnp.all(good[None, :] | ~exposed, axis=-1)
