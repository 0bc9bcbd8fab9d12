"""Without PyTorch the modules of nets that need it are left out, and pytest says so."""

from importlib.util import find_spec

WITH_TORCH = find_spec("torch") is not None
_NEED_TORCH = ("_torch", "torch_network", "trunks", "weighting/torchjd")

_BUILD = ["docs/conf.py", "docs/_ext", "docs/gallery", "docs/generated"]  # what Sphinx uses and makes
collect_ignore = _BUILD if WITH_TORCH else _BUILD + [f"src/kinfolk/nets/{name}.py" for name in _NEED_TORCH]


def pytest_report_header():
    """Say what is left out."""
    return None if WITH_TORCH else "PyTorch is not installed: what needs it in kinfolk.nets is left out"
