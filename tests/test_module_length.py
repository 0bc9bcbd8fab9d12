"""Small modules: none over 400 lines."""

from pathlib import Path

import kinfolk


def test_no_module_is_longer_than_400_lines():
    root = Path(kinfolk.__file__).parent
    lengths = {path.relative_to(root): len(path.read_text().splitlines()) for path in root.rglob("*.py")}
    assert len(lengths) > 20
    too_long = {str(path): length for path, length in lengths.items() if length > 400}
    assert not too_long
