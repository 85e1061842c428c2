"""A limit on the change of margin between runs, beyond which a person decides."""

import enum

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.errors import require

__all__ = ["HoldReason", "StepLimit", "limit_step"]


class HoldReason(enum.IntEnum):
    """Why the higher of the last and the new margin counts.

    Attributes:
        NONE: it need not; the new margin counts.
        STEP: the change since the last run is beyond the limit and nobody approved it.
        BAD_DATA: the new margin, or the data behind it, cannot be used.
    """

    NONE = 0
    STEP = 1
    BAD_DATA = 2


class StepLimit(eqx.Module):
    """Largest relative change of margin between two runs that needs no approval.

    Attributes:
        rise: not negative; infinite for no limit.
        fall: in [0, 1]; 1 for no limit.
    """

    rise: float = eqx.field(static=True)
    fall: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a limit is out of range."""
        require(
            self.rise >= 0.0 and 0.0 <= self.fall <= 1.0,
            "StepLimit must have a rise of at least 0 and a fall in [0, 1]; got "
            f"{self.rise!r} and {self.fall!r}. Write 50 % as 0.5.",
        )


def limit_step(
    margin: Float[Array, " account"],
    last: Float[Array, " account"],
    limit: StepLimit | None = None,
    *,
    usable: Bool[Array, " account"] | None = None,
    approved: Bool[Array, " account"] | None = None,
) -> tuple[Float[Array, " account"], Int[Array, " account"]]:
    """The margin that counts, and a `HoldReason` each.

    Fails closed: a margin held for approval, and one that cannot be used, does not count unless it
    is higher than the last. An account held on bad data that has no last margin either has an
    infinite one, so that nothing covers it.

    Args:
        margin: of this run; not usable where it is no finite number or negative.
        last: that counted in the last run; NaN for an account without.
        limit: None for no limit, so that only bad data holds a margin.
        usable: whether the data behind the margin is good; all is if None.
        approved: whether a person approved the change; approves no bad data. None is if None.
    """
    number = jnp.isfinite(margin) & (margin >= 0.0)
    good = number if usable is None else number & usable
    had = jnp.isfinite(last)
    new, before = jnp.where(number, margin, 0.0), jnp.where(had, last, 0.0)
    beyond = jnp.zeros_like(had)
    if limit is not None:
        highest = before if limit.rise == 0.0 else (1.0 + limit.rise) * before
        beyond = had & ((new > highest) | (new < (1.0 - limit.fall) * before))
    if approved is not None:
        beyond &= ~approved
    reason = jnp.where(beyond, HoldReason.STEP, HoldReason.NONE)
    reason = jnp.where(good, reason, HoldReason.BAD_DATA)
    counts = jnp.where(reason == HoldReason.NONE, new, jnp.maximum(new, before))
    return jnp.where(number | had, counts, jnp.inf), reason
