"""Where the pages and their notebooks are, and what the tests do if something is missing."""

import json
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
sys.path.insert(0, str(WEB))  # the pages' own parts
SOME = ("00_start_here", "02_weights_of_zero", "07_the_verdict")


def miss(reason):
    """Skip with a reason; where the tests of the pages are required, fail."""
    required = os.environ.get("INITLAB_REQUIRE_BROWSER") == "1"
    (pytest.fail if required else pytest.skip)(reason)


def notebook_of(name):
    """Return a notebook as it is saved."""
    return json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text("utf-8"))
