"""`python -m jaxmargin`."""

from jaxmargin.cli import main

main()
