"""Settings of all tests."""

from hypothesis import settings

# the same examples every time, and no deadline: machines that run tests are shared
settings.register_profile("kinfolk", deadline=None, derandomize=True)
settings.load_profile("kinfolk")
