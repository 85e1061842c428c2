"""Haircuts: the share of collateral's market value that does not count."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.numerics import marginal_tiers

__all__ = ["AbstractHaircuts", "FixedHaircuts", "TieredHaircuts"]


class AbstractHaircuts(eqx.Module):
    """Haircuts of every asset, the same for all accounts or each account's own.

    They depend on how much is posted, not on what it is worth, so that the value after haircuts
    is proportional to the price. An account that posts more never has less of it.
    """

    @abc.abstractmethod
    def haircut(self, quantity: Float[Array, "account asset"]) -> Float[Array, "account asset"]:
        """Mean haircut of the whole holding, in [0, 1]; that of the first unit where it is zero.

        Args:
            quantity: units posted, not negative.
        """

    def value(
        self, quantity: Float[Array, "account asset"], price: Float[Array, " asset"]
    ) -> Float[Array, "account asset"]:
        """Value after haircuts, in the numeraire; between zero and the market value.

        Args:
            quantity: units posted, not negative.
            price: of one unit; zero for an asset without a good mark, see `combine_marks`.
        """
        return (1.0 - self.haircut(quantity)) * quantity * price[None, :]


class FixedHaircuts(AbstractHaircuts):
    """The same haircut whatever the size.

    Attributes:
        fraction: haircut in [0, 1]; one row for all accounts, or one each.
    """

    fraction: Float[Array, "#account asset"]

    def haircut(self, quantity: Float[Array, "account asset"]) -> Float[Array, "account asset"]:
        """See `AbstractHaircuts.haircut`."""
        return jnp.broadcast_to(self.fraction, quantity.shape)


class TieredHaircuts(AbstractHaircuts):
    r"""Haircuts that rise with size, each tier's on the part of the holding within it.

    With bounds $0 = u_0 \le u_1 \le \dots$ and haircuts $h_1 \le h_2 \le \dots$, of $q$ units

    $$ \sum_t (1 - h_t) \big( \min(q, u_t) - \min(q, u_{t-1}) \big) $$

    count: concave in $q$, and nothing beyond the last bound. Not differentiable at the bounds.
    Bounds that a venue gives in money are to be divided by the price of the day.

    Attributes:
        upper: upper bound of each tier in units of the asset, not falling; infinite for a tier
            without end. Fewer tiers are padded with the last bound repeated.
        fraction: haircut of each tier in [0, 1], not falling.

    References:
        Such tiers in use: Bybit Help Center (2025), "Understanding Collateral Value Ratios in
        Unified Trading Account".
    """

    upper: Float[Array, "#account asset tier"]
    fraction: Float[Array, "#account asset tier"]

    def haircut(self, quantity: Float[Array, "account asset"]) -> Float[Array, "account asset"]:
        """See `AbstractHaircuts.haircut`."""
        held = quantity > 0.0
        size = jnp.where(held, quantity, 1.0)
        counted = marginal_tiers(size, self.upper, 1.0 - self.fraction) / size
        first = jnp.broadcast_to(self.fraction[..., 0], quantity.shape)
        return jnp.where(held, 1.0 - jnp.clip(counted, 0.0, 1.0), first)
