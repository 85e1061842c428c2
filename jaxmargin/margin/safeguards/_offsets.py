"""A cap on how much products may offset one another."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["CappedOffsets", "cap_offsets"]


class CappedOffsets(eqx.Module):
    """Margins with capped offsets, in the numeraire.

    Attributes:
        margin: of the account, over its groups of products; infinite where an input is no finite
            number.
        added: by how much it is above the margins of the portfolios; not negative.
        offset: reduction that is left, as a share of the standalone margins, in [0, 1].
    """

    margin: Float[Array, " account"]
    added: Float[Array, " account"]
    offset: Float[Array, " account"]


def cap_offsets(
    standalone: Float[Array, "account product_group"],
    portfolio: Float[Array, "account product_group"],
    most_offset: Float[Array, " product_group"],
) -> CappedOffsets:
    r"""Margins in which offsets count in part, $M = \sum_g S_g - \kappa_g (S_g - P_g)^+$.

    Written as $P_g + (1 - \kappa_g)(S_g - P_g)^+$ where $S_g \ge P_g$; where the portfolio needs
    more than its parts, its margin stays. There is no offset between groups. Kink where both are
    equal.

    Args:
        standalone: sum of the margins of the products of a group, each by itself.
        portfolio: margin of the group's products together.
        most_offset: $\kappa$, largest part of the reduction that is granted, in [0, 1].

    References:
        Delegated Regulation (EU) No 153/2013, article 27: 80 %, or 100 % where the clearing house
        is not exposed to a risk from the reduction.
    """
    finite = jnp.all(jnp.isfinite(standalone) & jnp.isfinite(portfolio), axis=-1)
    apart = jnp.where(finite[:, None], standalone, 0.0)
    together = jnp.where(finite[:, None], portfolio, 0.0)
    kept = (1.0 - most_offset)[None, :] * jnp.maximum(apart - together, 0.0)
    added, whole = jnp.sum(kept, axis=-1), jnp.sum(apart, axis=-1)
    margin = jnp.sum(together, axis=-1) + added
    left = jnp.maximum(whole - margin, 0.0)
    offset = jnp.where(whole > 0.0, left / jnp.where(whole > 0.0, whole, 1.0), 0.0)
    return CappedOffsets(
        jnp.where(finite, margin, jnp.inf), jnp.where(finite, added, jnp.inf), offset
    )
