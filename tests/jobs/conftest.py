"""What tests of jobs with databases share."""

import pytest


@pytest.fixture(scope="module")
def postgres():
    """Address of a PostgreSQL server of the module's own; skips where there is none."""
    from database_servers import postgres_server

    with postgres_server() as url:
        yield url


@pytest.fixture
def database_password(monkeypatch):
    """Let the environment have the password that addresses of the server ask for."""
    from database_servers import PASSWORD

    monkeypatch.setenv("JAXMARGIN_TEST_PASSWORD", PASSWORD)
