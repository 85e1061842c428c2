"""From a set of settings to the rule itself: keys of the tables are names of its fields."""

import itertools
from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from jaxmargin.errors import InvalidInputError
from jaxmargin.io._problems import Problems, nearest
from jaxmargin.io._rulebook_entries import broken_rule
from jaxmargin.io._rulebook_parameters import RulebookSettings
from jaxmargin.io._toml import is_number

__all__ = ["build_module", "build_rulebook", "is_by_asset"]

_OTHERS = "default"  # the table of coins that have none of their own
_TOP = ("source", "date", "assumed", "parameters", "assets")
_Rule = TypeVar("_Rule", bound=eqx.Module)


def build_rulebook(
    kind: type[_Rule],
    settings: RulebookSettings,
    assets: list[str],
    needed: set[str],
    problems: Problems,
) -> _Rule | None:
    """A rule from the tables of a set, whose keys are the names of its fields.

    Numbers and lists come from [parameters]; a field with one entry, or one list, by asset comes
    from the tables [assets.COIN], and [assets.default] for needed coins that have none. Lists by
    asset are padded to one length by their last entry; those of one coin that share an axis, such
    as edges and rates of tiers, need equal lengths, and the length of a list in [parameters] that
    shares it. Fields that are modules of their own are tables in turn. What a field says of its
    `entries` is checked, see `broken_rule`, and that a coin's are `not above` those of a field.

    Args:
        kind: class of the rule.
        settings: the set.
        assets: assets of the market, in its order.
        needed: those that contracts of the book are written on; the others get zeros where the
            set does not have them.
        problems: where problems go.

    Returns:
        The rule; None if something is missing or wrong.
    """
    where, before = f"{settings.file}, [{settings.name}]", len(problems.found)
    shared, tables = settings.content.get("parameters", {}), settings.content.get("assets", {})
    for name, table in (("parameters", shared), ("assets", tables)):
        if not isinstance(table, dict):
            problems.add(f"{where}, {name}", "not a table", f"Write [{settings.name}.{name}].")
            return None
    problems.add_unknown_keys(where, settings.content, _TOP)
    place = f"{where}, parameters."
    rule = build_module(kind, where, place, shared, tables, assets, needed, problems)
    return rule if len(problems.found) == before else None


def build_module(
    kind: type[_Rule],
    where: str,
    place: str,
    shared: dict[str, Any],
    tables: dict[str, Any],
    assets: list[str],
    needed: set[str],
    problems: Problems,
) -> _Rule | None:
    """A module from its numbers and from tables by asset; see `build_rulebook`.

    Args:
        kind: class of the module.
        where: what messages begin with.
        place: the same for the name of a shared setting to follow.
        shared: settings that are not by asset.
        tables: settings by asset.
        assets: see `build_rulebook`.
        needed: see `build_rulebook`.
        problems: where problems go.
    """
    before = len(problems.found)
    rows = {name: table for name, table in tables.items() if isinstance(table, dict)}
    for name in tables.keys() - rows.keys():
        problems.add(f"{where}, assets.{name}", "not a table", "Write a table of settings.")
    reader = _Builder(where, place, assets, needed, problems)
    rule = reader.build(kind, shared, rows, "")
    for coin, table in rows.items():
        reader.check_keys(f"{where}, assets.{coin}", table, "")
    return rule if len(problems.found) == before else None


def is_by_asset(field: Field[Any]) -> bool:
    """Whether a field has one entry, or one list, by asset."""
    return _dims(field.type)[:1] == ("asset",)


class _Builder:
    """Builds modules from tables; collects every problem."""

    def __init__(
        self, where: str, place: str, assets: list[str], needed: set[str], problems: Problems
    ) -> None:
        self.where, self.place = where, place
        self.assets, self.needed, self.problems = assets, needed, problems
        self.by_asset: set[str] = set()

    def build(self, kind: type[_Rule], shared: Any, rows: dict[str, Any], prefix: str) -> Any:
        """An instance of `kind`, or None."""
        if not isinstance(shared, dict):
            place = f"{self.place}{prefix.rstrip('.')}"
            self.problems.add(place, "not a table", "Write it as a table.")
            return None
        values, expected = {}, set()
        complete = self._lengths_agree(kind, shared, rows, prefix)
        for field in fields(kind):
            name = f"{prefix}{field.name}"
            dims = _dims(field.type)
            if is_by_asset(field):
                values[field.name] = self._by_asset(field, name, rows, deep=len(dims) == 2)
            elif isinstance(field.type, type) and issubclass(field.type, eqx.Module):
                expected.add(field.name)
                inner = {coin: _table(table, field.name) for coin, table in rows.items()}
                values[field.name] = self.build(
                    field.type, shared.get(field.name, {}), inner, f"{name}."
                )
            else:
                expected.add(field.name)
                default = field.default if field.default is not MISSING else None
                value = shared.get(field.name, default)
                values[field.name] = self._shared(field, name, value, len(dims))
            complete &= values[field.name] is not None
        for key in shared.keys() - expected:
            hint = nearest(key, expected)
            self.problems.add(
                self.place.rstrip("., "), f"unknown key {prefix + key!r}{hint}",
                f"Its keys are {', '.join(sorted(expected))}." if expected else "Take it out.",
            )  # fmt: skip
        if not complete:
            return None
        try:
            return kind(**values)
        except InvalidInputError as error:
            self.problems.add(self.where, str(error).rstrip("."), "Correct the set.")
            return None

    def check_keys(self, place: str, table: dict[str, Any], prefix: str) -> None:
        """Notes keys of an asset's table that are no field's, and tables that are none."""
        known = {
            name.removeprefix(prefix).split(".")[0]
            for name in self.by_asset
            if name.startswith(prefix)
        }
        for key, value in table.items():
            name = prefix + key
            if key not in known:
                self.problems.add(
                    place,
                    f"unknown key {name!r}{nearest(key, known)}",
                    f"Its keys are {', '.join(sorted(known))}." if known else "Take it out.",
                )
            elif name not in self.by_asset and isinstance(value, dict):
                self.check_keys(place, value, f"{name}.")
            elif name not in self.by_asset:
                self.problems.add(f"{place}.{name}", "not a table", "Write it as a table.")

    def _lengths_agree(
        self, kind: type[_Rule], shared: dict[str, Any], rows: dict[str, Any], prefix: str
    ) -> bool:
        """Whether lists along one axis, one entry a tier say, are of one length for each coin."""
        listed, whole, agree = {}, {}, True
        for field in fields(kind):
            dims = _dims(field.type)
            if is_by_asset(field) and len(dims) == 2:
                listed.setdefault(dims[1], []).append(field.name)
            elif len(dims) == 1 and isinstance(shared.get(field.name), list):
                count = len(shared[field.name])
                whole.setdefault(dims[0], {})[f"parameters.{prefix}{field.name}"] = count
        for (coin, table), axis in itertools.product(rows.items(), listed):
            lists = {prefix + key: table.get(key) for key in listed[axis]}
            counts = {name: len(each) for name, each in lists.items() if isinstance(each, list)}
            counts |= whole.get(axis, {}) if counts else {}
            if len(set(counts.values())) > 1:
                found = ", ".join(f"{name} has {count}" for name, count in counts.items())
                self.problems.add(
                    f"{self.where}, assets.{coin}",
                    f"{found} entries",
                    f"Give each of these lists one entry per {axis}.",
                )
                agree = False
        return agree

    def _shared(self, field: Field[Any], name: str, value: Any, depth: int) -> Any:
        place, kind = f"{self.place}{name}", field.type
        if kind in (str, bool, int):
            if type(value) is kind:
                return value
            words = {str: "a text", bool: "true or false", int: "a whole number"}[kind]
        elif _is_table(value, depth):
            if self._breaks(field, place, value):
                return None
            return float(value) if kind is float else jnp.asarray(np.array(value, np.float64))
        else:
            words = "a list of numbers" if depth else "a number; write 5 % as 0.05"
        self.problems.add(place, f"got {value!r}", f"Give {words}.")
        return None

    def _by_asset(self, field: Field[Any], name: str, rows: dict[str, Any], *, deep: bool) -> Any:
        self.by_asset.add(name)
        found: list[Any] = []
        for asset in self.assets:
            # currencies in which contracts are merely paid must not move like a coin
            table = rows.get(asset, rows.get(_OTHERS) if asset in self.needed else None)
            value = None if table is None else table.get(field.name)
            place = f"{self.where}, assets.{asset}.{name}"
            if value is None and asset not in self.needed:
                found.append([0.0] if deep else 0.0)
                continue
            if not (_is_table(value, 1) if deep else is_number(value)):
                words = "a list of numbers" if deep else "a number; write 5 % as 0.05"
                what = "no value" if value is None else f"got {value!r}"
                self.problems.add(place, what, f"Give {words}.")
                found.append(None)
            else:
                broken = self._breaks(field, place, value) or self._exceeds(field, place, table)
                found.append(None if broken else value)
        if any(value is None for value in found):
            return None
        if not deep:
            return jnp.asarray(np.array(found, np.float64))
        length = max(len(value) for value in found)
        padded = [value + [value[-1]] * (length - len(value)) for value in found]
        return jnp.asarray(np.array(padded, np.float64))

    def _breaks(self, field: Field[Any], place: str, value: Any) -> bool:
        """Whether a field's entries break the rule that it has for them."""
        rule = field.metadata.get("entries")
        cure = None if rule is None else broken_rule(rule, value)
        if cure is not None:
            self.problems.add(place, f"got {value!r}", cure)
        return cure is not None

    def _exceeds(self, field: Field[Any], place: str, table: Any) -> bool:
        """Whether a coin's entries lie above those of the field that they must not exceed."""
        limit = field.metadata.get("not above")
        if limit is None:
            return False
        value, most = table[field.name], table.get(limit)
        depth = int(isinstance(value, list))
        # another kind of value, or length, is a problem of its own
        if not _is_table(most, depth) or np.shape(most) != np.shape(value):
            return False
        above = bool(np.any(np.asarray(value) > np.asarray(most)))
        if above:
            self.problems.add(
                place, f"got {value!r}, above {limit}, {most!r}", f"Give no more than {limit}."
            )
        return above


def _table(table: dict[str, Any], key: str) -> dict[str, Any]:
    """The table of that name within another; an empty one where there is none."""
    found = table.get(key)
    return found if isinstance(found, dict) else {}


def _dims(kind: Any) -> tuple[str, ...]:
    """Names of the axes of an annotated array; none for a scalar, and for what is no array."""
    words = getattr(kind, "dim_str", "").split()
    return tuple(word for word in words if not word.startswith("*"))


def _is_table(value: Any, depth: int) -> bool:
    """Whether `value` is lists of numbers, so deep, not empty and all of one length."""
    if depth == 0:
        return is_number(value)
    if not (isinstance(value, list) and value):
        return False
    same = depth == 1 or len({len(each) for each in value if isinstance(each, list)}) == 1
    return same and all(_is_table(each, depth - 1) for each in value)
