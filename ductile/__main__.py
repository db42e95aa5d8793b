"""`python -m ductile` is the `ductile` command."""

import sys

from ductile.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
