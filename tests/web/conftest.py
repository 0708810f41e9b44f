"""The pages for all tests of this folder: three of them, or those that INITLAB_SITE names."""

import contextlib
import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
sys.path.insert(0, str(WEB))  # the pages' own parts
SOME = ("00_start_here", "02_weights_of_zero", "07_the_verdict")
REQUIRED = os.environ.get("INITLAB_REQUIRE_BROWSER") == "1"


def miss(reason):
    """Skip with a reason; where the tests of the pages are required, fail."""
    (pytest.fail if REQUIRED else pytest.skip)(reason)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Return the folder of the pages."""
    if named := os.environ.get("INITLAB_SITE"):
        return Path(named).resolve()
    if shutil.which("node") is None or not (WEB / "node_modules" / "katex").is_dir():
        miss("node or KaTeX is missing: npm install --no-package-lock --prefix web")
    folder = tmp_path_factory.mktemp("site") / "web"
    command = [sys.executable, str(WEB / "build.py"), "--out", str(folder), "--few-tables"]
    done = subprocess.run(
        [*command, "--only", *SOME], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def names(site):
    """Return the names of the notebooks that are pages."""
    return [path.stem for path in sorted(site.glob("[0-9]*.html"))]


def notebook_of(name):
    """Return a notebook as it is saved."""
    return json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text("utf-8"))


@pytest.fixture(scope="session")
def server(site):
    """Return the address of the pages over HTTP."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.fixture
def visit(chromium, site):
    """Return a function that opens a page; at the end nothing may have gone wrong there."""
    wrong, contexts = [], []

    def open_page(name, base=None, **settings):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | settings)
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        watch(page, wrong)
        page.goto(f"{base or site.as_uri()}/{name if '.html' in name else f'{name}.html'}")
        return page

    yield open_page
    for context in contexts:
        with contextlib.suppress(Exception):
            context.close()
    assert not wrong


def failed(request, wrong):
    """Write down a request that failed, unless the page was left before it ended."""
    if request.failure != "net::ERR_ABORTED":
        wrong.append(f"failed: {request.url}")


def watch(page, wrong):
    """Write down every error, and every request that leaves this machine, which is refused."""

    def allow(route):
        url = route.request.url
        if url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:")):
            route.continue_()
        else:
            wrong.append(f"asked for {url}")
            route.abort()

    page.route("**/*", allow)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: failed(request, wrong))
    page.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
