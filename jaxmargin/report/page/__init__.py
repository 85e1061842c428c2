"""One page that shows the results of a batch job, for people who read them."""

from jaxmargin.report.page._parts import ResultFolder as ResultFolder
from jaxmargin.report.page._render import render_page as render_page
