"""A real JupyterLab in a real browser: what the browser tests and the benchmark start."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"%ProgramFiles%\Google\Chrome\Application\chrome.exe",
    r"%ProgramFiles(x86)%\Google\Chrome\Application\chrome.exe",
    r"%LocalAppData%\Google\Chrome\Application\chrome.exe",
    r"%ProgramFiles(x86)%\Microsoft\Edge\Application\msedge.exe",
)
MISSING = (
    "no Chromium or Chrome found: install one (for example: apt-get install chromium) "
    "or name its program in INITLAB_BROWSER"
)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
)
TOKEN = "explorers"
# So many seconds until something is called broken. No test measures by them: a machine that has
# much else to do may be slow.
PATIENCE = 300
# As `make lab` has it.
CONTENTS = "initlab.explorers.reopened.Contents"
NO_NEWS = "@jupyterlab/apputils-extension/notification.jupyterlab-settings"


def find_browser():
    """Return the program of a Chromium or Chrome, or None."""
    if named := os.environ.get("INITLAB_BROWSER"):
        return named
    for command in COMMANDS:
        if found := shutil.which(command):
            return found
    places = (os.path.expandvars(place) for place in PLACES)
    return next((place for place in places if Path(place).is_file()), None)


@contextlib.contextmanager
def browser():
    """Start the browser; it ends with the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        try:
            yield chromium
        finally:
            chromium.close()


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def server_environment(home):
    """Return the environment of a JupyterLab that reads and writes nothing of the user's own."""
    settings = home / "settings" / NO_NEWS
    settings.parent.mkdir(parents=True)
    settings.write_text('{"fetchNews": "false", "checkForUpdates": false}', encoding="utf-8")
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    own = {name: str(home / place) for name, place in places.items()}
    environment = os.environ | own | {"JUPYTER_PREFER_ENV_PATH": "1"}
    environment.pop("MPLBACKEND", None)
    return environment


def answer(url, method="GET"):
    """Return whether a server answers there."""
    request = urllib.request.Request(
        url, method=method, headers={"Authorization": f"token {TOKEN}"}
    )
    try:
        # A proxy has no business between two programs of one machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=5):
            return True
    except (OSError, urllib.error.URLError):
        return False


@contextlib.contextmanager
def jupyterlab(root, home):
    """Start JupyterLab for the notebooks in ``root``, with all its own files in ``home``.

    Yields its address. It ends with the block, and its kernels with it.
    """
    address = f"http://127.0.0.1:{free_port()}"
    log = home / "jupyterlab.log"
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"),
        *(f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={TOKEN}"),
        *(f"--ServerApp.port={address.rpartition(':')[2]}", "--ServerApp.port_retries=0"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.contents_manager_class={CONTENTS}"),
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    environment = server_environment(home)
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, env=environment, cwd=root, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not answer(f"{address}/api/status"):
            if server.poll() is not None or time.monotonic() > deadline:
                text = log.read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"JupyterLab did not start:\n{text[-2000:]}")
            time.sleep(0.1)
        yield address
    finally:
        answer(f"{address}/api/shutdown", "POST")
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def write_notebook(path, *cells):
    """Write a notebook of these code cells."""
    code = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(cells)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {
        "cells": code,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(notebook), encoding="utf-8")


OPEN = """async (path) => {
  await window.panel?.sessionContext.shutdown();
  window.panel?.dispose();
  const panel = await window.jupyterapp.commands.execute("docmanager:open", {path});
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.revealed;
  await panel.sessionContext.session.kernel.info;
  window.panel = panel;
}"""
# Not by Shift+Enter: after that JupyterLab scrolls, and moves the focus whenever it has done so.
# The command runs a cell of the notebook that JupyterLab takes for the current one, if any.
RUN = """async (index) => {
  const {jupyterapp, panel} = window;
  const {content} = panel;
  const cell = content.widgets[index];
  jupyterapp.shell.activateById(panel.id);
  while (jupyterapp.shell.currentWidget !== panel) {
    await new Promise(requestAnimationFrame);
  }
  document.activeElement.blur();
  content.deselectAll();
  content.activeCellIndex = index;
  await content.scrollToItem(index);
  cell.model.executionCount = null;
  await jupyterapp.commands.execute("notebook:run-cell", {activate: false});
  if (cell.model.executionCount === null) throw new Error(`cell ${index} was not run`);
  return cell.model.outputs.toJSON();
}"""
EXECUTE = """async (code) => {
  const {kernel} = window.panel.sessionContext.session;
  const future = kernel.requestExecute({code, store_history: false});
  let text = "";
  future.onIOPub = ({header, content}) => {
    if (header.msg_type === "stream") text += content.text;
    if (header.msg_type === "error") text += `${content.ename}: ${content.evalue}`;
  };
  await future.done;
  return text.trim();
}"""
START = """(code) => {
  const {kernel} = window.panel.sessionContext.session;
  window.running = true;
  kernel.requestExecute({code, store_history: false}).done.then(() => {
    window.running = false;
  });
}"""


class Lab:
    """A page with JupyterLab in it, one notebook open at a time.

    Attributes
    ----------
    page : playwright Page
    errors : list of str
        What the page has complained about since it was opened.
    """

    def __init__(self, page, address):
        self.page, self.errors = page, []
        page.set_default_timeout(1000 * PATIENCE)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self._complains(str(error.stack)))
        page.goto(f"{address}/lab?token={TOKEN}")
        page.wait_for_function("window.jupyterapp?.commands.hasCommand('docmanager:open')")
        page.evaluate("window.jupyterapp.restored")

    def _said(self, message):
        if message.type == "error":
            self._complains(message.text)

    def _complains(self, text):
        # JupyterLab's own toolbars stumble so when the window changes.
        if not ("removeChild" in text and "jlab_core" in text):
            self.errors.append(text)

    def open(self, path):
        """Open a notebook and start its kernel; the one before is closed, and its kernel."""
        self.page.evaluate(OPEN, path)
        self.errors.clear()

    def sources(self):
        """Return the source of every code cell, by its index."""
        return dict(
            self.page.evaluate(
                """window.panel.content.widgets.map(({model}, index) => [index, model])
                .filter(([, model]) => model.type === "code")
                .map(([index, model]) => [index, model.sharedModel.getSource()])"""
            )
        )

    def run(self, index):
        """Run a cell, and return its outputs when it has run."""
        return self.page.evaluate(RUN, index)

    def ask(self, code):
        """Run code in the kernel, and return what it prints."""
        return self.page.evaluate(EXECUTE, code)

    def start(self, code):
        """Run code in the kernel without waiting for its end."""
        self.page.evaluate(START, code)

    @contextlib.contextmanager
    def busy(self, folder):
        """Keep the kernel busy until the end of the block; it is told by a file in ``folder``."""
        word = Path(folder, "enough")
        word.unlink(missing_ok=True)
        self.start(
            "import pathlib, time\n"
            f"while not pathlib.Path({str(word)!r}).exists():\n    time.sleep(0.01)"
        )
        try:
            yield
            assert self.page.evaluate("window.running"), "the kernel was not busy all the time"
        finally:
            word.touch()
