"""``python -m mnstudy`` is the command line."""

import sys

from mnstudy.cli import main

if __name__ == "__main__":
    sys.exit(main())
