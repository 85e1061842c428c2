"""What a person reads: tables on the terminal."""

from jaxmargin.report._terminal import margin_summary as margin_summary
from jaxmargin.report._terminal import print_plain as print_plain
