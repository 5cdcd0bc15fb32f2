#!/usr/bin/env python3
"""make valgrind: unit tests under memcheck, without sanitizers: the pure layers, the controller and the storage.

What AddressSanitizer does not see: reads of memory that nothing was written to, in our code and, through it, in the libraries. MINUTES bounds it (10
by default); the tests are taken in an order that SEED decides, and those that there was no time for are named. suppressions.supp says what of the
libraries is left out, and why.
"""
import os
import pathlib
import random
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build/memcheck"
SUITE = "memcheck"
FOUND_EXIT = 99
COMMAND = ["valgrind", "--quiet", f"--error-exitcode={FOUND_EXIT}", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect,possible",
           "--show-leak-kinds=definite,indirect,possible", "--child-silent-after-fork=yes", "--num-callers=20",
           f"--suppressions={ROOT}/tests/memcheck/suppressions.supp"]
TAKES_AT_MOST_S = 600

sys.path.insert(0, str(ROOT / "tests"))
import run as suite  # noqa: E402


def tests():
    listed = subprocess.run(["meson", "test", "-C", BUILD, "--list", "--suite", SUITE], capture_output=True, text=True, check=True).stdout
    return sorted(line.split(" / ")[-1].strip() for line in listed.splitlines() if " / " in line)


def check(name):
    """None when it is clean, else what was said."""
    environment = dict(os.environ, MB_SOURCE_ROOT=str(ROOT))
    try:
        done = subprocess.run([*COMMAND, BUILD / f"tests/unit/test_{name}"], cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace",
                              timeout=TAKES_AT_MOST_S)
    except subprocess.TimeoutExpired:
        return f"it took longer than {TAKES_AT_MOST_S} s"
    return done.stderr + done.stdout[-2000:] if done.returncode else None


def main():
    budget_s = 60 * float(os.environ.get("MB_BUDGET_MINUTES") or 10)
    seed = int(os.environ.get("MB_SEED") or 1)
    print(f"memcheck: seed {seed}, {budget_s / 60:.0f} minutes (SEED=, MINUTES=)")
    suite.set_up(BUILD, "-Dbuildtype=debug", "-Doptimization=g")
    names = tests()
    targets = [f"tests/unit/test_{name}" for name in names]
    if subprocess.run(["ninja", "-C", BUILD, "--quiet", *targets]).returncode:
        sys.exit("the tests do not build")
    random.Random(seed).shuffle(names)
    began = time.monotonic()
    passed = failed = skipped = 0
    for name in names:
        if time.monotonic() - began > budget_s:
            print(f"skipped: {name}, for want of time (MINUTES=)")
            skipped += 1
            continue
        started = time.monotonic()
        problem = check(name)
        print(f"{'failed' if problem else 'ok':6} {name}: {time.monotonic() - started:.0f} s", flush=True)
        if problem:
            print(problem)
        passed, failed = passed + (not problem), failed + bool(problem)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
