"""Without PyTorch the modules of nets that need it are left out, and pytest says so."""

from importlib.util import find_spec

WITH_TORCH = find_spec("torch") is not None
_NEED_TORCH = ("_torch", "torch_network", "trunks", "weighting/torchjd")

collect_ignore = [] if WITH_TORCH else [f"src/kinfolk/nets/{name}.py" for name in _NEED_TORCH]


def pytest_report_header():
    """Say what is left out."""
    return None if WITH_TORCH else "PyTorch is not installed: what needs it in kinfolk.nets is left out"
