"""How quickly the pages answer: our slider beside a bare one that moves a bar, in the same page.

Run it with ``make bench``, on a quiet machine, after ``make web``. All are measured in one run, in
a real browser, from the folder on disk: from the event of the key to the painted picture.
"""

import contextlib
import re
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SITE = ROOT / "build" / "web"
sys.path.insert(0, str(ROOT / "tests" / "browser"))

# A range input and what it moves, above everything else.
BARE = """() => {
  const box = document.createElement("div");
  box.innerHTML = '<input id="bare" type="range" max="121"><div id="bar">.</div>';
  const [slider, bar] = box.children;
  bar.style.background = "gray";
  slider.oninput = () => {
    bar.style.width = `${slider.value / 1.21}%`;
    bar.dataset.std = slider.value;
  };
  document.querySelector("h1").after(box);
}"""
SLIDERS = {
    "bare input": ("#bare", "#bar"),
    "explorer": (".initlab-place input[type=range]", ".initlab-place canvas"),
}
# From the event of a key to the end of the frame that shows another picture.
WATCH = """(selector) => {
  const picture = document.querySelector(selector);
  const before = picture.dataset.std;
  window.taken = new Promise((resolve) => {
    document.addEventListener("keydown", (event) => {
      const frame = () => {
        if (picture.dataset.std === before) return requestAnimationFrame(frame);
        const channel = new MessageChannel();
        channel.port1.onmessage = () => resolve(performance.now() - event.timeStamp);
        channel.port2.postMessage(0);
      };
      requestAnimationFrame(frame);
    }, { once: true, capture: true });
  });
}"""
COUNT = """(selector) => {
  const picture = document.querySelector(selector);
  let last = picture.dataset.std;
  [window.painted, window.counting] = [0, true];
  const frame = () => {
    if (picture.dataset.std !== last) window.painted += 1;
    last = picture.dataset.std;
    if (window.counting) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
# From the choice of an activation to its caption.
CHOOSE = """(name) => new Promise((resolve) => {
  const select = [...document.querySelectorAll(".initlab-place select")]
    .find((one) => [...one.options].some(({ value }) => value === name));
  const caption = document.querySelector(".initlab-caption");
  const begin = performance.now();
  new MutationObserver(() => resolve(performance.now() - begin)).observe(
    caption, { childList: true, characterData: true, subtree: true },
  );
  select.value = name;
  select.dispatchEvent(new Event("change"));
})"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def press(page, slider, picture, key):
    """Return the milliseconds from a key to its painted picture."""
    page.locator(slider).focus()
    page.evaluate(WATCH, picture)
    page.keyboard.press(key)
    return page.evaluate("window.taken")


def drag(page, slider, picture, moves=150, seconds=2.5):
    """Drag to the end and back; return pictures a second."""
    page.locator(slider).scroll_into_view_if_needed()
    box = page.locator(slider).bounding_box()
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.1 * box["width"], height)
    page.mouse.down()
    page.evaluate(COUNT, picture)
    begin = time.monotonic()
    for move in range(moves):
        part = 0.05 + 0.9 * abs((2 * move / moves) % 2 - 1)
        page.mouse.move(box["x"] + part * box["width"], height)
        time.sleep(max(0.0, begin + seconds * (move + 1) / moves - time.monotonic()))
    pictures = page.evaluate("window.painted") / (time.monotonic() - begin)
    page.mouse.up()
    page.evaluate("window.counting = false")
    return pictures


def said(values, unit):
    """Return the median, least and greatest of some numbers."""
    return f"{statistics.median(values):.1f} {unit} ({min(values):.1f} to {max(values):.1f})"


def compare(browser, rounds=5, keys=20):
    """Measure both sliders in turns, and another activation.

    A drag leaves them at their right end, so the first key goes left.
    """
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((SITE / "index.html").as_uri())
    page.locator(".initlab-place canvas").wait_for()
    page.evaluate(BARE)
    page.wait_for_timeout(500)
    taken, pictures = {name: [] for name in SLIDERS}, {name: [] for name in SLIDERS}
    for _ in range(rounds):
        for name, places in SLIDERS.items():
            ways = ["ArrowLeft", "ArrowRight"] * (keys // 2)
            taken[name].append(statistics.median(press(page, *places, way) for way in ways))
            pictures[name].append(drag(page, *places))
    for name in SLIDERS:
        print(f"{name:11} key to picture {said(taken[name], 'ms')}", end="")
        print(f", dragged {said(pictures[name], 'pictures a second')}")
    for what, found in (("key", taken), ("drag", pictures)):
        ratios = [ours / bare for bare, ours in zip(*found.values(), strict=True)]
        print(f"explorer over bare input, {what}: {said(ratios, 'times')}")
    names = ("tanh", "relu", "silu", "selu")
    for words in ("fetched", "cached"):
        print(
            f"another activation, {words}: {said([page.evaluate(CHOOSE, n) for n in names], 'ms')}"
        )
    page.close()


def first_paint(browser, rounds=7):
    """Compare the first paint of a page with that of the same page without explorers."""
    name = "00_start_here.html"
    text = (SITE / name).read_text("utf-8")
    bare = re.sub(r'<div class="initlab-place".*?</script></div>', "", text, flags=re.DOTALL)
    bare = re.sub(r"<script[^>]*initlab\.js[^>]*></script>", "", bare)
    other = SITE / "without_explorers.html"
    other.write_text(bare, "utf-8")
    found = {"with": [], "without": []}
    try:
        for _ in range(rounds):
            for words, path in (("with", SITE / name), ("without", other)):
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.goto(path.as_uri())
                page.wait_for_timeout(300)
                found[words].append(page.evaluate(PAINT))
                page.close()
    finally:
        with contextlib.suppress(OSError):
            other.unlink()
    for words, times in found.items():
        print(f"first paint {words} explorers: {said(times, 'ms')}")


def main():
    """Measure, and print."""
    import lab_in_browser

    if not (SITE / "index.html").is_file():
        sys.exit("there are no pages yet: make web")
    with lab_in_browser.browser() as browser:
        compare(browser)
        first_paint(browser)
    size = sum(path.stat().st_size for path in SITE.rglob("*") if path.is_file())
    print(f"the site: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
