"""What [governance] of a job file may say: days of reviews, and the log of overrides."""

from jaxmargin.jobs._types import GROUPS, NAMES, PATH, TIME, Key

__all__ = ["GOVERNANCE"]

GOVERNANCE = {
    "validation_date": Key(TIME, None),
    "parameters_date": Key(TIME, None),
    "sensitivity_date": Key(TIME, None),
    "overrides": Key(PATH, None),
    "products": Key(NAMES, ()),
    "stress_periods": Key(
        GROUPS,
        (),
        lambda v: all(len(each) == 2 and each[0] <= each[1] for each in v),
        'pairs of days, the first not after the second: [["2022-11-07", "2022-11-21"]]',
    ),
}
