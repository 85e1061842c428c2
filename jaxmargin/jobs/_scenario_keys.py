"""What the section [scenarios] of a job file may say, by kind of source."""

from jaxmargin.jobs._types import (
    COUNT,
    END,
    FLAG,
    GROUPS,
    NAMES,
    NUMBER,
    NUMBERS,
    PATHS,
    TABLE,
    TEXT,
    TIME,
    Key,
    one_of,
)

__all__ = ["HISTORY_KINDS", "SCENARIOS"]

_MOVES = "relative changes above -1; write a fall of 16 % as -0.16"


def _above_minus_one(moves: tuple[float, ...]) -> bool:
    return not moves or min(moves) > -1.0


def _count(default: int | None, least: int = 1) -> Key:
    return Key(COUNT, default, lambda v: v >= least, f"a whole number from {least}")


def _positive(default: float) -> Key:
    return Key(NUMBER, default, lambda v: v > 0.0, "a number above zero")


def _share(default: float) -> Key:
    return Key(NUMBER, default, lambda v: 0.0 <= v <= 1.0, "a number from 0 to 1")


def _decay(default: float) -> Key:
    return Key(NUMBER, default, lambda v: 0.0 < v <= 1.0, "a number above 0 and up to 1")


KIND = {"kind": Key(TEXT)}
HISTORY = {
    "history": Key(TABLE),
    "start": Key(TIME, None),
    "end": Key(END, None),
    "constant": Key(NAMES, ()),
}
SEED = {"seed": Key(COUNT, 0, lambda v: 0 <= v < 2**32, "a whole number from 0 to 2^32 - 1")}
DEPEGS = {
    "depegs": Key(NAMES, ()),
    "depeg_per_year": Key(NUMBERS, (), lambda v: min(v) > 0.0, "numbers above zero"),
    "depeg_size": Key(NUMBERS, (), lambda v: min(v) > 0.0, "log falls above zero; 0.05 is 5 %"),
    "depeg_leader": Key(TEXT, "BTC"),
    "depeg_crash": _positive(0.1),
    "depeg_crash_multiple": Key(NUMBER, 1.0, lambda v: v >= 1.0, "a number from 1"),
}
MONTE_CARLO = {
    "scenarios": _count(10_000),
    "sampling": one_of("pseudo-random", "antithetic", "sobol", "tail-mixture"),
    "tail_distance": Key(NUMBER, 2.5, lambda v: 0.0 < v <= 8.0, "a number above 0 and up to 8"),
    **SEED,
}
CORRELATION = {
    "correlations": Key(TABLE, None),
    "repair_limit": Key(NUMBER, 0.1, lambda v: v >= 0.0, "a Frobenius distance from 0"),
    "correlation_shift": Key(NUMBER, 0.0, lambda v: -1.0 <= v <= 1.0, "a number from -1 to 1"),
    "correlation_blocks": Key(GROUPS, ()),
    "correlation_between": Key(NUMBER, 0.0, lambda v: -1.0 <= v <= 1.0, "a number from -1 to 1"),
}
COVARIANCE = {
    "covariance": one_of("sample", "ewma", "ledoit-wolf"),
    "decay": Key(NUMBER, 0.94, lambda v: 0.0 < v < 1.0, "a number between 0 and 1"),
    "stress_start": Key(TIME, None),
    "stress_end": Key(END, None),
    "stress_weight": _share(0.25),
    "components": _count(None),
    **CORRELATION,
}
DEGREES = {"degrees": _count(None, least=3)}

SCENARIOS: dict[str, dict[str, Key]] = {
    "historical": {**KIND, **HISTORY, "decay": _decay(1.0), **DEPEGS, **SEED},
    "filtered-historical": {
        **KIND,
        **HISTORY,
        "volatility_model": one_of("ewma", "garch"),
        "decay": _decay(0.94),
        "scenarios": _count(None),
        **SEED,
        **DEPEGS,
    },
    "stationary-bootstrap": {
        **KIND,
        **HISTORY,
        "scenarios": _count(10_000),
        "mean_block_days": Key(NUMBER, 10.0, lambda v: v >= 1.0, "days, from 1"),
        **SEED,
        **DEPEGS,
    },
    "gaussian": {**KIND, **HISTORY, **MONTE_CARLO, **COVARIANCE, **DEPEGS},
    "student": {**KIND, **HISTORY, **MONTE_CARLO, **COVARIANCE, **DEGREES, **DEPEGS},
    "copula": {**KIND, **HISTORY, **MONTE_CARLO, **CORRELATION, **DEGREES, **DEPEGS},
    "jumps": {**KIND, **HISTORY, **MONTE_CARLO, "jump_threshold": _positive(4.0), **DEPEGS},
    "spot-volatility-grid": {
        **KIND,
        "spot_moves": Key(NUMBERS, rule=_above_minus_one, cure=_MOVES),
        "volatility_moves": Key(NUMBERS, rule=_above_minus_one, cure=_MOVES),
        **SEED,
        **DEPEGS,
    },
    "tenor-scaled-grid": {
        **KIND,
        "spot_moves": Key(NUMBERS, rule=_above_minus_one, cure=_MOVES),
        "tail_moves": Key(
            NUMBERS, (), lambda v: _above_minus_one(v) and 0.0 not in v, f"{_MOVES}; none is 0"
        ),
        "outer_up_only": Key(FLAG, False),
        "tail_damping": _positive(1.0),
        "range_up": _positive(0.5),
        "range_down": _positive(0.25),
        "short_power": Key(NUMBER, 0.3, lambda v: v >= 0.0, "a power from 0"),
        "long_power": Key(NUMBER, 0.13, lambda v: v >= 0.0, "a power from 0"),
        "floor_days": _positive(1.0),
        "minimum_up": Key(NUMBER, 0.0, lambda v: v >= 0.0, "an annual volatility from 0"),
        "skew": Key(FLAG, False),
        "skew_cap": _positive(0.15),
        "skew_cap_slope": Key(NUMBER, -0.05),
        "skew_smallest_width": _positive(0.01),
        "skew_width_scale": _positive(4.0),
        "skew_volatility": _positive(0.6),
        "skew_volatility_slope": Key(NUMBER, -0.1),
        **SEED,
        **DEPEGS,
    },
    "stress": {
        **KIND,
        "names": Key(NAMES, ()),
        "files": Key(PATHS, ()),
        "history": Key(TABLE, None),
        "start": Key(TIME, None),
        "end": Key(END, None),
        "constant": Key(NAMES, ()),
        **SEED,
        **DEPEGS,
    },
    "file": {**KIND, "file": Key(TABLE), "constant": Key(NAMES, ()), **SEED, **DEPEGS},
}
HISTORY_KINDS = (
    "historical",
    "filtered-historical",
    "stationary-bootstrap",
    "gaussian",
    "student",
    "copula",
    "jumps",
)
