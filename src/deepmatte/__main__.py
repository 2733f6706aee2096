"""Lets `python -m deepmatte` do what `deepmatte` does."""

import sys

from deepmatte.cli import main

if __name__ == "__main__":
    sys.exit(main())
