"""Laws are tried on the same examples every time; ``HYPOTHESIS_PROFILE=explore`` tries new ones.

No law is a matter of time: a busy machine may take as long as it takes.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
