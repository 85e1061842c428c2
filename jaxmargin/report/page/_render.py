"""The page as one HTML file that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path

from jaxmargin.errors import InvalidInputError
from jaxmargin.report._colors import DARK, LIGHT
from jaxmargin.report._inline_svg import gray_variables
from jaxmargin.report._words import name_whole
from jaxmargin.report.page._calls import calls_section
from jaxmargin.report.page._drivers import allocation_section, sensitivity_section
from jaxmargin.report.page._headline import alarms, headline
from jaxmargin.report.page._margins import (
    component_section,
    coverage_section,
    margin_section,
    scenario_section,
)
from jaxmargin.report.page._parts import ResultFolder, Section
from jaxmargin.report.page._proofs import backtest_section, check_section
from jaxmargin.report.page._systemic import comparison_section, stress_section

__all__ = ["render_page"]

_TITLE = "Margin report"


def render_page(folders: Sequence[ResultFolder], *, title: str = "") -> str:
    """HTML of all results; it loads nothing, runs nothing, and is the same for the same results.

    Every text of the results is escaped, and what cannot be seen in a name is written out.

    Args:
        folders: results; of each kind one at most, but for checks.
        title: heading; that of the job if empty.

    Raises:
        InvalidInputError: matplotlib or jinja2 is not installed.
    """
    try:
        import jinja2
        import markupsafe
        import matplotlib as mpl
    except ImportError:
        raise InvalidInputError(
            "A report needs matplotlib and jinja2. Install them with: "
            "pip install 'jaxmargin[report]'."
        ) from None
    del mpl  # the sections draw with it
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["drawn"] = markupsafe.Markup  # figures, which `inline_svg` has escaped
    given = title or next((str(e.facts["title"]) for e in folders if e.facts.get("title")), _TITLE)
    template = environment.get_template("page.html.jinja")
    return template.render(
        title=name_whole(given),
        alarms=alarms(folders),
        sections=_sections(folders),
        light=LIGHT | gray_variables(LIGHT),
        dark=DARK | gray_variables(DARK),
    )


def _sections(folders: Sequence[ResultFolder]) -> list[Section]:
    by = {each.kind: each for each in folders}
    margin = by.get("margin")
    return [
        headline(folders),
        *([] if margin is None or "calls" not in margin.tables else [calls_section(margin)]),
        margin_section(margin),
        component_section(margin),
        scenario_section(margin),
        coverage_section(margin),
        sensitivity_section(by.get("sensitivities")),
        allocation_section(by.get("allocate")),
        backtest_section(by.get("backtest")),
        check_section([each for each in folders if each.kind == "checks"]),
        stress_section(by.get("stress")),
        comparison_section(by.get("compare")),
    ]
