"""The pages for all tests of this folder: three of them, or those that INITLAB_SITE names."""

import contextlib
import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from site_of_pages import SOME, WEB, miss


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
