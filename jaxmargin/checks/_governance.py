"""R11, R20 and R21: ages of runs, parameters and validations, and the log of overrides."""

from collections.abc import Mapping, Sequence
from datetime import date

from jaxmargin.checks._conclude import conclude
from jaxmargin.checks._result import CheckResult, Citation, Comparison, Number, Rule

__all__ = ["check_overrides", "check_reviews", "check_sensitivity_age"]


def check_sensitivity_age(
    sensitivity_date: date | None,
    today: date | None,
    *,
    most_sensitivity_age_days: Number,
    citation: Citation,
) -> CheckResult:
    """R11: the last run of sensitivities is recent; a day to come is none."""
    return conclude(
        "R11",
        citation,
        {"sensitivity_date": sensitivity_date, "today": today},
        {"most_sensitivity_age_days": most_sensitivity_age_days},
        lambda: (_ages("days", sensitivity_date, today, most_sensitivity_age_days), ""),
    )


def check_overrides(
    overrides: Sequence[Mapping[str, str]] | None,
    *,
    required: Sequence[str],
    citation: Citation,
) -> CheckResult:
    """R20: every entry of the log of manual overrides is complete.

    Args:
        overrides: the log; empty if nothing was overridden.
        required: fields that no entry may lack or leave empty.
        citation: of the rule.
    """

    def compare() -> tuple[list[Comparison], str]:
        log = overrides or ()
        lacking = [
            row for row, entry in enumerate(log)
            if any(not str(entry.get(field) or "").strip() for field in required)
        ]  # fmt: skip
        note = f"{len(log):,} entries"
        if lacking:
            note += f", the first incomplete is [{lacking[0]}]"
        return [Comparison("incomplete entries", float(len(lacking)), 0.0, Rule.AT_MOST)], note

    return conclude("R20", citation, {"overrides": overrides}, {"required": required}, compare)


def check_reviews(
    parameters_date: date | None,
    validation_date: date | None,
    today: date | None,
    *,
    most_parameters_age_days: Number | None = None,
    most_validation_age_days: Number | None = None,
    citation: Citation,
) -> CheckResult:
    """R21: parameters and the validation of the model are recent; a day to come is none.

    Args:
        parameters_date: day on which parameters were last set.
        validation_date: day of the last independent validation.
        today: day of the check.
        most_parameters_age_days: oldest parameters.
        most_validation_age_days: oldest validation.
        citation: of the limits.
    """
    inputs: dict[str, date | None] = {"today": today}
    if most_parameters_age_days is not None:
        inputs["parameters_date"] = parameters_date
    if most_validation_age_days is not None:
        inputs["validation_date"] = validation_date

    def compare() -> tuple[list[Comparison], str]:
        found = []
        if most_parameters_age_days is not None:
            found += _ages("days of parameters", parameters_date, today, most_parameters_age_days)
        if most_validation_age_days is not None:
            found += _ages("days of validation", validation_date, today, most_validation_age_days)
        return found, ""

    limits = {
        "most_parameters_age_days": most_parameters_age_days,
        "most_validation_age_days": most_validation_age_days,
    }
    return conclude("R21", citation, inputs, limits, compare)


def _ages(name: str, day: date | None, today: date | None, most: Number) -> list[Comparison]:
    """An age that is neither above the limit nor below zero."""
    assert day is not None and today is not None
    age = float((today - day).days)
    return [
        Comparison(name, age, most, Rule.AT_MOST),
        Comparison(name, age, 0.0, Rule.AT_LEAST),
    ]
