#!/usr/bin/env python3
"""make torture: the unit tests with memory running out at one allocation after another, and the scenarios.

The scenarios (scenarios_*.c) say what must hold when an allocation fails; they run whole, as in `make test`. Then each unit test program runs in front
of failing_alloc.c (unit_torture.c): a test may fail there, but nothing may crash, spin, or be told by a sanitizer. MINUTES bounds that part (4 by
default): each of its tests gets so many allocations, evenly spread, that the budget is used; the programs are taken in an order that SEED decides.

What goes wrong within a test itself (it used what its own failed call has not given it) is not the product's fault: those are counted apart.
"""
import os
import pathlib
import random
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build/test"
SUMMARY = re.compile(r"^RUNS (\d+) BROKEN (\d+) WAITED (\d+) UNTRIED (\d+)$", re.MULTILINE)
REPORT = re.compile(r"^BROKEN (.*?)\nEND$", re.DOTALL | re.MULTILINE)
FRAME = re.compile(r"^ +#\d+ 0x[0-9a-f]+ in (\S+) (\S+?):\d+", re.MULTILINE)
FIRST_RUNS = 4  # of each test, to learn how long a program takes
TAKES_AT_MOST_S = 180

sys.path.insert(0, str(ROOT / "tests"))
import run as suite  # noqa: E402


def programs():
    """Names of the unit tests, as meson has them."""
    listed = subprocess.run(["ninja", "-C", BUILD, "-t", "targets", "all"], capture_output=True, text=True, check=True).stdout
    return sorted(set(re.findall(r"^tests/torture/torture_(\w+):", listed, re.MULTILINE)))


def is_the_tests_own(report):
    """Does the first frame of ours belong to the test, and not to what it tests?"""
    ours = [path for _, path in FRAME.findall(report) if "/src/libsanitizer/" not in path and re.search(r"(^|/)(src|tests)/", path)]
    ours = [path for path in ours if not path.endswith(("failing_alloc.c", "unit_torture.c"))]
    return bool(ours) and "tests/" in ours[0]


def torture(name, runs):
    """(runs, reports) of one program."""
    environment = dict(os.environ, MB_TORTURE_RUNS=str(runs), MB_SOURCE_ROOT=str(ROOT))
    try:
        done = subprocess.run([BUILD / f"tests/torture/torture_{name}"], cwd=ROOT, env=environment, capture_output=True, text=True,
                              errors="replace", timeout=TAKES_AT_MOST_S)
        output = done.stdout
    except subprocess.TimeoutExpired as expired:
        output = (expired.stdout or b"").decode(errors="replace")
    found = SUMMARY.findall(output)
    return (int(found[-1][0]) if found else 0), REPORT.findall(output)


def main():
    budget_s = 60 * float(os.environ.get("MB_BUDGET_MINUTES") or 4)
    seed = int(os.environ.get("MB_SEED") or 1)
    print(f"torture: seed {seed}, {budget_s / 60:.0f} minutes (SEED=, MINUTES=)")
    suite.set_up(BUILD, *suite.SANITIZED_OPTIONS)
    names = programs()
    passed, failed = suite.run(BUILD, ["--suite", "torture"], [])
    targets = [f"tests/torture/torture_{name}" for name in names]
    if subprocess.run(["ninja", "-C", BUILD, "--quiet", *targets]).returncode:
        sys.exit("the programs do not build")

    random.Random(seed).shuffle(names)
    began = time.monotonic()
    total = own = 0
    skipped = []
    for index, name in enumerate(names):
        share_s = max(0.0, budget_s - (time.monotonic() - began)) / (len(names) - index)
        if share_s < 0.5:
            skipped.append(name)
            continue
        started = time.monotonic()
        runs, reports = torture(name, FIRST_RUNS)
        took_s = max(time.monotonic() - started, 0.01)
        if took_s < share_s / 2:
            more, reports_too = torture(name, max(FIRST_RUNS, int(FIRST_RUNS * share_s / took_s)))
            runs, reports = runs + more, reports + reports_too
        total += runs
        faults = [report for report in reports if not is_the_tests_own(report)]
        own += len(reports) - len(faults)
        for report in faults[:3]:
            print(f"{name}: {report}\n")
        print(f"{'failed' if faults else 'ok':6} {name}: {runs} runs", flush=True)
        passed, failed = passed + (not faults), failed + bool(faults)
    for name in skipped:
        print(f"skipped: {name}, for want of time (MINUTES=)")
    print(f"{total} runs with an allocation that failed, {own} of them ended within the test itself")
    print(f"{passed} passed, {failed} failed" + (f", {len(skipped)} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
