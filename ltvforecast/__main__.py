"""Run the command line as ``python -m ltvforecast``."""

from __future__ import annotations

import sys

from ltvforecast.cli import main

sys.exit(main())
