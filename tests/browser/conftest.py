"""One JupyterLab and one page for all browser tests."""

import shutil
from pathlib import Path

import lab_in_browser
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="session")
def lab(tmp_path_factory, chromium):
    home, root = (tmp_path_factory.mktemp(name) for name in ("home", "root"))
    shutil.copytree(NOTEBOOKS, root, dirs_exist_ok=True)
    with lab_in_browser.jupyterlab(root, home) as address:
        page = chromium.new_page(viewport={"width": 1280, "height": 1600})
        lab = lab_in_browser.Lab(page, address)
        lab.root = root
        yield lab
