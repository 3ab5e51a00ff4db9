"""Opens reports in headless Chromium: a hostile corpus runs no script, 1000 findings open at once, and
pictures for looking at.

Usage: python browser.py TASTER [FOLDER]

Needs pyarrow and Chromium (CHROMIUM names it). Pictures of the hostile report in light and dark, and as a PDF,
are left in FOLDER, with those of every other folder under it that holds a report.html.
Exits with 1 if the page does what the corpus says.
"""
import glob
import os
import random
import re
import subprocess
import sys
import tempfile
import time

import pyarrow
import pyarrow.parquet

RAN = "ran-by-the-corpus"
HOSTILE = [
    f"</script><script>document.title='{RAN}'</script>",
    f"</style><script>document.title='{RAN}'</script>",
    f"<img src=x onerror=\"document.title='{RAN}'\">",
    f"\"><svg onload=document.title='{RAN}'>",
    f"' onmouseover='document.title=1' autofocus onfocus='document.title=\"{RAN}\"' x='",
    f"<!-- <iframe src=javascript:document.title='{RAN}'> -->",
    f"</title></bdi></details><form action=//evil.example><input autofocus onfocus=document.title='{RAN}'>",
    "{{ 7 * 7 }}{% include \"x\" %}",
    "\u202e\u2066evil\u2069\u200b\U000e0041<base href=//evil.example>",
]
# What the page itself has no use for: the corpus wrote it, if it is there as an element.
NEVER = re.compile(r"<(img|iframe|form|base|object|embed|link|video|audio)[\s>]", re.IGNORECASE)


def corpus(folder):
    """Hostile texts, ids, hosts and names of shards; each text is the payload of a trigger as well."""
    chance = random.Random(3)
    words = lambda most, count=60: " ".join(f"w{chance.randrange(most)}" for _ in range(count))
    os.makedirs(folder, exist_ok=True)
    for shard, name in enumerate([f"a<img src=x onerror=document.title='{RAN}'>", "b\"onload=\"x'&amp;"]):
        rows = []
        for row in range(600):
            text = words(40) + HOSTILE[row % len(HOSTILE)]
            if row % 10 == 0:
                text = f"{words(40)} zarquon {HOSTILE[row // 10 % len(HOSTILE)]} vexil {words(1 << 32)}"
            hostile = HOSTILE[(row + shard) % len(HOSTILE)]
            rows.append({"id": f"{shard}-{row}{hostile}", "text": text, "host": f"{hostile}{row % 40}", "date": f"2026-01-{row % 28 + 1:02}"})
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), f"{folder}/{name}.parquet")


def chromium(*arguments):
    program = os.environ.get("CHROMIUM", "chromium")
    command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stderr}"
    return done.stdout


def dom(path):
    """The page as it is once its scripts have run."""
    return chromium("--virtual-time-budget=3000", "--dump-dom", f"file://{path}")


def title(page):
    return re.search(r"<title>(.*?)</title>", page, re.DOTALL).group(1)


def pictures(page, name):
    for scheme, number in (("light", 1), ("dark", 0)):
        theme = f"--blink-settings=preferredColorScheme={number}"
        chromium(theme, "--window-size=1200,3400", f"--screenshot={name}-{scheme}.png", f"file://{page}")
    chromium("--no-pdf-header-footer", f"--print-to-pdf={name}-print.pdf", f"file://{page}")


def main():
    taster = os.path.abspath(sys.argv[1])
    root = os.path.abspath(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())
    corpus(f"{root}/data")
    out = f"{root}/hostile"
    subprocess.run([taster, "audit", f"{root}/data", "--out", out, "--fail-on", "never", "--quiet"], check=True, stdout=subprocess.DEVNULL)

    # The check can fail: without the page's policy and escaping the same text runs.
    with open(f"{root}/control.html", "w") as control:
        control.write(f"<title>control</title>{HOSTILE[2]}")
    assert title(dom(f"{root}/control.html")) == RAN, "the control did not run; this Chromium proves nothing"

    page = dom(f"{out}/report.html")
    assert RAN not in title(page), "a text of the corpus ran as a script"
    assert "zarquon" in page and "onerror" in page, "the hostile texts are not on the page"
    # Inside text and attributes "<" is written "&lt;": what is left are elements.
    bare = re.sub(r'"[^"]*"', '""', page)
    found = NEVER.search(re.sub(r"<(script|style)[\s>].*?</\1>", "", bare, flags=re.DOTALL))
    assert not found, f"an element that no template writes: {bare[found.start():found.start() + 80]}"
    print(f"hostile corpus: {page.count('<details')} foldings, nothing ran, no element of its own")

    for report in sorted(glob.glob(f"{root}/**/report.html", recursive=True)):
        began = time.monotonic()
        elements = len(re.findall(r"<[a-z]", dom(report)))
        name = os.path.relpath(os.path.dirname(report), root).replace(os.sep, "-")
        print(f"{name}: {os.path.getsize(report):,} bytes, {elements:,} elements, {time.monotonic() - began:.1f} s to open, Chromium's start included")
        pictures(report, f"{root}/{name}")
    print(f"pictures are in {root}")


if __name__ == "__main__":
    main()
