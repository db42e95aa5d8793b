"""`python -m ductile` is the `ductile` command."""

import sys

from ductile.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
