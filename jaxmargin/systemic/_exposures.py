"""Losses beyond what was posted, of members of a venue, in one pass over the accounts."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxmargin.book import DenseBlock, PositionBlock, Positions, slices
from jaxmargin.errors import require

__all__ = ["member_exposures"]

_ROWS = 64  # accounts whose P&L exists at once


def member_exposures(
    pnl: Float[Array, "instrument scenario"],
    positions: Positions,
    resources: Float[Array, " account"],
    member: Int[np.ndarray, " account"],
    *,
    members: int,
    net: bool = False,
) -> Float[Array, "member scenario"]:
    r"""What each member's accounts lose beyond their resources, in every scenario.

    $$ U_{ms} = \sum_{a \in m} \left( L_{as} - R_a \right)^+, $$

    with the loss $L$ of account $a$ and its resources $R$. One account's surplus does not pay for
    another's loss, as clients' accounts are kept apart; with `net` it does within a member, and
    the positive part is taken of the sum.

    Accounts are added up as they are revalued: memory is members x scenarios, and the P&L of 64
    accounts. One device does the work. Differentiable in `pnl` and `resources` except where a loss
    equals its resources.

    Args:
        pnl: P&L of one contract of each row, gain positive; see `contract_pnl`.
        positions: what the accounts hold.
        resources: margin, collateral or equity of each account that can be lost before others pay,
            in the numeraire.
        member: which member each account belongs to, 0 .. `members` - 1; on the host.
        members: number of members.
        net: whether accounts of a member pay for each other.

    Raises:
        InvalidInputError: a member is out of range.
    """
    require(
        bool(np.all((member >= 0) & (member < members))),
        f"member_exposures: member must lie in 0 .. {members - 1}; "
        f"found {member.min(initial=0)} .. {member.max(initial=0)}.",
    )
    rows = sum(block.rows for block in positions.blocks)
    place = np.asarray(positions.row)
    of_row = np.full(rows, members, np.int32)  # padding belongs to nobody and is dropped
    of_row[place] = member
    account = np.zeros(rows, np.int32)
    account[place] = np.arange(place.size)
    own = resources[account] if place.size else jnp.zeros(rows, pnl.dtype)
    total, first = jnp.zeros((members, pnl.shape[1]), pnl.dtype), 0
    for block in slices(positions):
        part = slice(first, first + block.rows)
        total = _add_block(total, pnl, block, own[part], jnp.asarray(of_row[part]), net=net)
        first = part.stop
    return jnp.maximum(total, 0.0) if net else total


@eqx.filter_jit
def _add_block(
    total: Float[Array, "member scenario"],
    pnl: Float[Array, "instrument scenario"],
    block: PositionBlock | DenseBlock,
    resources: Float[Array, " row"],
    member: Int[Array, " row"],
    *,
    net: bool,
) -> Float[Array, "member scenario"]:
    rows, members = block.rows, total.shape[0]
    chunks = -(-rows // _ROWS)

    def cut(leaf: Array, fill: int) -> Array:
        widths = [(0, chunks * _ROWS - rows)] + [(0, 0)] * (leaf.ndim - 1)
        padded = jnp.pad(leaf, widths, constant_values=fill)
        return padded.reshape(chunks, _ROWS, *leaf.shape[1:])

    def add(
        held: Float[Array, "member scenario"],
        chunk: tuple[PositionBlock | DenseBlock, Array, Array],
    ) -> tuple[Float[Array, "member scenario"], None]:
        some, posted, who = chunk
        beyond = -some.account_pnl(pnl) - posted[:, None]
        beyond = beyond if net else jnp.maximum(beyond, 0.0)
        return held.at[who].add(beyond, mode="drop"), None

    blocks = jax.tree.map(lambda leaf: cut(leaf, 0), block)
    return jax.lax.scan(add, total, (blocks, cut(resources, 0), cut(member, members)))[0]
