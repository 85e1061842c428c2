"""Accounts over devices: of this process or, where `jax.distributed` is on, of all processes.

Every process then makes the same calls with the same book, prices the contracts itself, and gets
the margins of all accounts. For independent batches separate jobs are simpler, and survive the
loss of a process.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree

__all__ = ["gathered", "mesh_of", "on_every_device", "same_everywhere", "sharded"]


def mesh_of(devices: int) -> Mesh:
    """All devices in a row along which accounts are shared out."""
    return jax.make_mesh((devices,), ("account",), (AxisType.Auto,), devices=jax.devices())


def on_every_device(x: Array, devices: int) -> Array:
    """`x` with a copy on every device; each process makes those on its own."""
    if devices == 1:
        return x
    sharding = NamedSharding(mesh_of(devices), PartitionSpec())
    if jax.process_count() == 1:
        return jax.device_put(x, sharding)
    copies = [jax.device_put(x, device) for device in jax.local_devices()]
    return jax.make_array_from_single_device_arrays(x.shape, sharding, copies)


def same_everywhere(tree: PyTree) -> PyTree:
    """Arrays that every process has alike, as numbers of the host where there are several."""
    return tree if jax.process_count() == 1 else jax.device_get(tree)


def sharded(work: Callable[[Array, Any], PyTree], mesh: Mesh | None) -> Callable[..., PyTree]:
    """`work(whole, chunks)` with each device at its share of the chunks."""
    if mesh is None:
        return work
    arrays, rest = eqx.partition(work, eqx.is_array)

    def own_share(arrays: PyTree, whole: Array, share: PyTree) -> PyTree:
        own: Any = eqx.combine(arrays, rest)
        return own(whole, share)

    mapped = jax.shard_map(
        own_share,
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec(), PartitionSpec("account")),
        out_specs=PartitionSpec("account"),
        check_vma=False,
    )
    return lambda whole, chunks: mapped(arrays, whole, chunks)


def gathered(x: PyTree, devices: int) -> PyTree:
    """All rows of `x` on the first device of each process."""
    if devices == 1:
        return x
    if jax.process_count() == 1:
        return jax.device_put(x, jax.local_devices()[0])
    whole = jax.jit(
        lambda leaves: leaves, out_shardings=NamedSharding(mesh_of(devices), PartitionSpec())
    )(x)
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), whole)
