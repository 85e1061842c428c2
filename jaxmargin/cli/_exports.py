"""Options of commands whose results also go elsewhere than to their folder."""

from typing import Annotated

import typer

__all__ = ["DuckdbFlag", "SqlUrl"]

DuckdbFlag = Annotated[
    bool,
    typer.Option("--duckdb", help="Also write results.duckdb there, with views ready to query."),
]
SqlUrl = Annotated[
    str | None,
    typer.Option(
        help="Also append the results to the tables jaxmargin_... of this database, a URL of "
        "SQLAlchemy such as 'postgresql://risk:${JAXMARGIN_PASSWORD}@host/db'; ${JAXMARGIN_NAME} "
        "is taken from the environment. A run that is there already is not appended again."
    ),
]
