"""How quickly sliders answer: ours beside a bare link in the page and the usual ``interact``.

Run it with ``make bench``, on a quiet machine. All are measured in one run, in a real JupyterLab
and browser: from the input event to the painted picture.
"""

import importlib.util
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from initlab.explorers import ActivationExplorer, ActivationSettings, scrub_table
from initlab.explorers.tables import pack

HELPER = Path(__file__).parents[1] / "tests" / "browser" / "lab_in_browser.py"


@dataclass(frozen=True)
class Kind:
    """A way to make a picture follow a slider.

    Attributes
    ----------
    code : str
        The cell that shows it.
    slider, picture : str
        Selectors of the slider's knob and of what follows it.
    shown : str
        A JavaScript expression of ``picture`` (an element): other pictures, other values.
    right : str
        A JavaScript expression: whether ``picture`` shows what ``readout`` (a text) says.
    """

    code: str
    slider: str
    picture: str
    shown: str
    right: str


BARE = """
import ipywidgets as widgets
slider, bar = widgets.IntSlider(max=121), widgets.IntProgress(max=121)
link = widgets.jslink((slider, "value"), (bar, "value"))
box = widgets.VBox([slider, bar])
box.add_class("bench")
box
"""
OURS = """
from initlab.explorers import ActivationExplorer
explorer = ActivationExplorer(std=0.0)
explorer.wait()
explorer.add_class("bench")
explorer
"""
# What most courses do: a new figure at each move.
INTERACT = """
import ipywidgets as widgets
import matplotlib.pyplot as plt
from initlab import experiments
from initlab import initializers as init

def show(position):
    start = init.normal(0.01 * 10 ** (position / 40))
    layers = experiments.five_layers(start, dtype="float32").layers
    figure, axes = plt.subplots(1, 5, figsize=(13, 4))
    for ax, layer in zip(axes, layers, strict=True):
        ax.hist(layer.h.ravel(), bins=30)
    plt.show()
    print(position)

box = widgets.interactive(show, position=widgets.IntSlider(max=121))
box.add_class("bench")
box
"""
KINDS = {
    "bare link": Kind(
        BARE,
        ".bench .noUi-handle",
        ".bench .progress-bar",
        "picture.style.width",
        "Math.abs(parseFloat(picture.style.width) - 100 * readout / 121) < 0.01",
    ),
    "initlab": Kind(
        OURS,
        ".bench .initlab-std .noUi-handle",
        ".bench canvas",
        "picture.dataset.std",
        "Math.abs(picture.dataset.std / parseFloat(readout) - 1) < 1e-3",
    ),
    "interact": Kind(
        INTERACT,
        ".bench .noUi-handle",
        ".bench .jp-OutputArea",
        "picture.querySelector('img')?.src",
        "picture.innerText.trim() === readout.trim()",
    ),
}

# Frames come steadily, as they do where something moves on the screen, and the key is pressed at
# a given part of one. Resolves when the frame with the next picture has been painted.
PRESS = """([slider, selector, part]) => new Promise((resolve, reject) => {
  const picture = document.querySelector(selector);
  const shown = () => SHOWN;
  const before = shown();
  let begin = null;
  const frame = () => {
    if (begin !== null && shown() !== before) {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => resolve(performance.now() - begin);
      channel.port2.postMessage(0);
    } else if (begin !== null && performance.now() - begin > 20000) {
      reject(new Error("no other picture in 20 s"));
    } else {
      requestAnimationFrame(frame);
    }
  };
  const press = () => {
    const handle = document.querySelector(slider);
    handle.focus();
    begin = performance.now();
    handle.dispatchEvent(
      new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true, cancelable: true}),
    );
  };
  requestAnimationFrame(() => {
    requestAnimationFrame(frame);
    setTimeout(press, 16 * part);
  });
})"""
# Counts the frames that show another picture than the one before.
COUNT = """(selector) => {
  const picture = document.querySelector(selector);
  const shown = () => SHOWN;
  let last = shown();
  window.painted = 0;
  window.counting = true;
  const frame = () => {
    const now = shown();
    if (now && now !== last) {
      last = now;
      window.painted += 1;
    }
    if (window.counting) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
RIGHT = """([slider, selector]) => {
  const picture = document.querySelector(selector);
  const control = document.querySelector(slider).closest(".widget-inline-hbox");
  const readout = control.querySelector(".widget-readout").innerText;
  return RIGHT;
}"""
TRACK = """(handle) => {
  const {x, y, width, height} = handle.closest(".noUi-target").getBoundingClientRect();
  return [x, y + height / 2, width];
}"""
BUSY = "import time; t = time.time()\nwhile time.time() - t < 60: pass"


def helper():
    """Return the module that starts JupyterLab and the browser."""
    spec = importlib.util.spec_from_file_location("lab_in_browser", HELPER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def presses(page, kind, count):
    """Return the milliseconds from a key press to its painted picture, for each press."""
    page.locator(kind.slider).press("Home")
    page.wait_for_timeout(1500)
    times = []
    for number in range(count):
        part = number * 0.618 % 1  # every part of a frame as often as any other
        press = PRESS.replace("SHOWN", kind.shown)
        times.append(page.evaluate(press, [kind.slider, kind.picture, part]))
        page.wait_for_timeout(60)
    return times


def drag(page, kind, moves=150, seconds=2.5):
    """Drag fast, to the end and back; return pictures a second, and whether the last is right."""
    left, middle, wide = page.locator(kind.slider).evaluate(TRACK)
    knob = page.locator(kind.slider).bounding_box()
    page.mouse.move(knob["x"] + knob["width"] / 2, middle)
    page.mouse.down()
    page.evaluate(COUNT.replace("SHOWN", kind.shown), kind.picture)
    begin = time.monotonic()
    for move in range(moves):
        part = 0.05 + 0.9 * abs((2 * move / moves) % 2 - 1)
        page.mouse.move(left + part * wide, middle)
        time.sleep(max(0.0, begin + seconds * (move + 1) / moves - time.monotonic()))
    pictures = page.evaluate("window.painted") / (time.monotonic() - begin)
    page.mouse.up()
    page.wait_for_timeout(1500)
    page.evaluate("window.counting = false")
    right = page.evaluate(RIGHT.replace("RIGHT", kind.right), [kind.slider, kind.picture])
    return pictures, right


def in_the_page(count=40):
    """Measure every kind, ours also while the kernel is busy: times, pictures a second, right."""
    tools, rows = helper(), {}
    with tempfile.TemporaryDirectory() as folder:
        root, home = Path(folder, "root"), Path(folder, "home")
        root.mkdir()
        home.mkdir()
        with tools.jupyterlab(root, home) as address, tools.browser() as browser:
            page = browser.new_page(viewport={"width": 1600, "height": 900})
            lab = tools.Lab(page, address)
            for number, (name, kind) in enumerate(KINDS.items()):
                notebook = f"{number}.ipynb"
                tools.write_notebook(root / notebook, kind.code.strip())
                lab.open(notebook)
                lab.run(0)
                page.wait_for_selector(kind.picture, state="attached")
                page.wait_for_timeout(1500)
                times = presses(page, kind, 10 if name == "interact" else count)
                rows[name] = times, *drag(page, kind)
                if name == "initlab":
                    lab.start(BUSY)
                    times = presses(page, kind, count)
                    rows["initlab, kernel busy"] = times, *drag(page, kind)
                    page.evaluate("window.panel.sessionContext.session.kernel.interrupt()")
    return rows


def in_the_kernel():
    """Return what a change of setting costs there: for each figure its words and the aim."""
    explorer = ActivationExplorer()
    explorer.wait()
    first, whole = [], []
    for name in ("tanh", "relu", "softsign", "silu", "identity"):
        begin = time.perf_counter()
        explorer.activation.value = name
        first.append(1000 * (time.perf_counter() - begin))
        explorer.wait()
    explorer.activation.value = "sigmoid"
    for seed in range(1, 6):
        begin = time.perf_counter()
        explorer.seed.value = seed
        explorer.wait()
        whole.append(time.perf_counter() - begin)
    size = len(pack("activations", [scrub_table(ActivationSettings()).for_page()]))
    before = resident()
    for seed in range(500):
        explorer.seed.value = seed
    explorer.wait()
    grown = "unknown here" if before is None else f"{(resident() - before) / 1e6:+.1f} MB"
    explorer.close()
    return {
        "another activation: first position": (f"{statistics.median(first):.0f} ms", "150 ms"),
        "every position of the default table": (f"{statistics.median(whole):.2f} s", "0.45 s"),
        "size of the default table": (f"{size / 1000:.1f} kB", "100 kB"),
        "memory after 500 changes of setting": (grown, "10 MB"),
    }


def resident():
    """Return the bytes of memory of this process, or None where the system doesn't tell."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def late(times):
    """Return the 95th percentile."""
    return statistics.quantiles(times, n=20, method="inclusive")[-1]


def print_pages(rows):
    """Print what was measured in the page, and the ratios."""
    bare, rate = statistics.median(rows["bare link"][0]), rows["bare link"][1]
    print(f"{'':22}{'key to picture':^32}{'drag':^34}")
    print(f"{'':22}{'median':>10}{'95 %':>11}{'/ bare':>8}", end="   ")
    print(f"{'pictures/s':>11}{'/ bare':>8}   last one right")
    for name, (times, pictures, right) in rows.items():
        median = statistics.median(times)
        print(f"{name:22}{median:7.1f} ms{late(times):8.1f} ms{median / bare:8.2f}", end="   ")
        print(f"{pictures:11.1f}{pictures / rate:8.2f}   {'yes' if right else 'NO'}")
    print(f"{'aim for initlab':22}{'at most 1.5':>29}{'at least 0.8':>22}   yes")
    usual = statistics.median(rows["interact"][0]) / statistics.median(rows["initlab"][0])
    print(f"\ninteract takes {usual:.0f} times as long as initlab (aim: at least 25)")


def main():
    """Print both tables."""
    for words, (measured, aim) in in_the_kernel().items():
        print(f"{words:40}{measured:>12}   (aim: at most {aim})")
    print()
    tools = helper()
    if tools.find_browser() is None:
        print(f"sliders in the page: skipped, {tools.MISSING}")
    else:
        print_pages(in_the_page())


if __name__ == "__main__":
    main()
