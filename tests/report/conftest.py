"""One browser for all pages that a process opens."""

import pytest
from browser import NO_BROWSER, Driven, chromium


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if chromium() is None:
        pytest.skip(NO_BROWSER)
    with Driven(tmp_path_factory.mktemp("browser")) as driven:
        yield driven
