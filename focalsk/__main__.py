"""``python -m focalsk`` is the command line tool."""

import sys

from focalsk.cli import main

if __name__ == "__main__":
    sys.exit(main())
