"""Values out of a TOML table; every message names the file, the key, what was found and what was expected."""

import math
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kinfolk.exceptions import InputError

_KEY = 40  # characters of a CURVE key in Z85


class Table:
    """A table of a file, and which of its keys were read.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        Of the table: ``""`` for the whole file.
    content : dict
    """

    def __init__(self, path: Path, name: str, content: dict[str, Any]) -> None:
        self.file = path
        self.name = name
        self.content = content
        self._read: set[str] = set()

    def error(self, key: str, expected: str) -> InputError:
        """The message that a key is not what it should be."""
        where = f"{self.name}.{key}" if self.name else key
        found = f"found {self.content[key]!r}" if key in self.content else "it is missing"
        return InputError(f"{self.file}: {where}: expected {expected}; {found}.")

    def refuse_others(self) -> None:
        """Refuse keys that nothing has asked for: they are misspelt."""
        others = sorted(set(self.content) - self._read)
        if others:
            where = f"[{self.name}]" if self.name else "the file"
            known = ", ".join(sorted(self._read))
            raise InputError(f"{self.file}: {where} has {', '.join(others)}, which is not known; known are {known}.")

    def _get(self, key: str, expected: str, kinds: type | tuple[type, ...], default: Any = None) -> Any:
        self._read.add(key)
        value = self.content.get(key, default)
        wanted = kinds if isinstance(kinds, tuple) else (kinds,)
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            raise self.error(key, expected)
        return value

    def table(self, key: str) -> "Table":
        """A table within."""
        name = f"{self.name}.{key}" if self.name else key
        return Table(self.file, name, self._get(key, f"a table [{name}]", dict))

    def tables(self, key: str) -> list["Table"]:
        """An array of tables, perhaps empty."""
        found = self._get(key, f"tables [[{key}]]", list, [])
        if not all(isinstance(item, dict) for item in found):
            raise self.error(key, f"tables [[{key}]]")
        return [Table(self.file, f"{key}[{place}]", item) for place, item in enumerate(found)]

    def whole(self, key: str, *, default: int | None = None, least: int = 0, most: int = 2**53) -> int:
        """A whole number."""
        expected = f"a whole number from {least}" + (f" to {most:,}" if most < 2**53 else " on")
        value = int(self._get(key, expected, int, default))
        if not least <= value <= most:
            raise self.error(key, expected)
        return value

    def number(
        self,
        key: str,
        default: float | None = None,
        *,
        least: float = -math.inf,
        above: float = -math.inf,
        most: float = math.inf,
    ) -> float:
        """A finite number."""
        bounds = [f">= {least:g}"] * (least > -math.inf) + [f"> {above:g}"] * (above > -math.inf)
        expected = " and ".join(["a number " + " ".join(bounds), *([f"<= {most:g}"] if most < math.inf else [])])
        value = float(self._get(key, expected, (int, float), default))
        if not (math.isfinite(value) and least <= value <= most and value > above):
            raise self.error(key, expected)
        return value

    def numbers(self, key: str, n: int, *, above: float = -math.inf) -> tuple[float, ...] | None:
        """A list of n finite numbers; None where it is missing."""
        expected = f"a list of {n} numbers" + (f" > {above:g}" if above > -math.inf else "") + ", one a feature"
        found = self._get(key, expected, (list, type(None)))
        if found is None:
            return None
        good = [
            isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) and x > above for x in found
        ]
        if len(found) != n or not all(good):
            raise self.error(key, expected)
        return tuple(float(x) for x in found)

    def word(self, key: str) -> str:
        """A text that is not empty."""
        value = str(self._get(key, "a text", str))
        if not value:
            raise self.error(key, "a text that is not empty")
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """A list of different texts."""
        expected = "a list of different column names"
        found = self._get(key, expected, list)
        if not found or not all(isinstance(word, str) for word in found) or len(set(found)) < len(found):
            raise self.error(key, expected)
        return tuple(found)

    def choice(self, key: str, options: tuple[str, ...], default: str) -> str:
        """One of some texts."""
        expected = f"one of {', '.join(options)}"
        value = str(self._get(key, expected, str, default))
        if value not in options:
            raise self.error(key, expected)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        return bool(self._get(key, "true or false", bool, default))

    def path(self, key: str, *, required: bool = False) -> Path | None:
        """A path, relative to the folder of the file; None where it may be missing."""
        value = self._get(key, "a path", str if required else (str, type(None)))
        return None if value is None else self.file.parent / value

    def address(self, key: str, default: str | None = None) -> str:
        """A TCP address with a port."""
        expected = "an address as tcp://127.0.0.1:5551"
        value = str(self._get(key, expected, str, default))
        try:
            parts = urlsplit(value)
            good = parts.scheme == "tcp" and bool(parts.hostname) and parts.port is not None and not parts.path
        except ValueError:
            good = False
        if not good:
            raise self.error(key, expected)
        return value

    def key(self, key: str) -> str | None:
        """A public key; None where it is missing."""
        expected = f"a public key of {_KEY} characters, as `kinfolk agent keys` prints it"
        value: str | None = self._get(key, expected, (str, type(None)))
        if value is not None and len(value) != _KEY:
            raise self.error(key, expected)
        return value
