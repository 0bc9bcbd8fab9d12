"""``python -m kinfolk``."""

import sys

from kinfolk.cli import main

if __name__ == "__main__":
    sys.exit(main())
