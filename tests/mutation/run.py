#!/usr/bin/env python3
"""make mutation: each patch in patches/ is a mistake that somebody could make; a test must fail with it.

A patch begins with what is wrong, in one sentence, and a line `tests: NAME...`: the unit tests that are to see it, or `simulate`.
Every patch is applied to a copy of the sources (build/mutation), the tests are built and run until one fails, and the patch is taken back.
A mistake that no test sees is a failure here, and so is a patch that does not apply or build any more, or names no test.

SEED shuffles the order, MINUTES (MB_BUDGET_MINUTES) bounds the time: what does not fit is said. Names as arguments run only those.
"""
import os
import pathlib
import queue
import random
import shutil
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATCHES = ROOT / "tests/mutation/patches"
BUILD = ROOT / "build/mutation"
SOURCES = ["src", "tests", "examples", "deploy", "scripts", "docs", "meson.build", "meson_options.txt", "README.md", "LICENSE", "CHANGELOG.md"]
TEST_SECONDS = 60
SIMULATED_SEEDS = "1-200"


def files_of(path):
    return [path] if path.is_file() else [inner for inner in path.rglob("*") if inner.is_file() and "__pycache__" not in inner.parts]


def copy_if_other(source, target):
    """What is the same keeps its time, so that nothing is built for it."""
    if target.exists() and target.read_bytes() == source.read_bytes():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


class Mutant:
    def __init__(self, path):
        self.path, self.name = path, path.stem
        lines = path.read_text().splitlines()
        head, self.files = lines[:2], [line.removeprefix("+++ b/") for line in lines if line.startswith("+++ b/")]
        self.mistake = head[0]
        self.tests = head[1].removeprefix("tests:").split() if head[1].startswith("tests:") else []


class Workshop:
    """A copy of the sources with a build folder of its own."""

    def __init__(self, number):
        self.tree = BUILD / f"tree{number}"
        self.build = BUILD / f"build{number}"
        self.environment = dict(os.environ, MB_SOURCE_ROOT=str(self.tree))

    def set_up(self):
        wanted = {path.relative_to(ROOT) for source in SOURCES for path in files_of(ROOT / source)}
        for path in files_of(self.tree):
            if path.relative_to(self.tree) not in wanted:
                path.unlink()
        for name in wanted:
            copy_if_other(ROOT / name, self.tree / name)
        if not (self.build / "build.ninja").exists():
            options = ["-Dwerror=false", "-Doptimization=1", "-Ddebug=false"]
            done = subprocess.run(["meson", "setup", self.build, self.tree, *options], capture_output=True, text=True)
            if done.returncode:
                sys.exit(done.stdout + done.stderr)

    def target(self, test):
        return "tests/simulation/simulate" if test == "simulate" else f"tests/unit/test_{test}"

    def builds(self, tests):
        """None, or what the compiler said."""
        targets = [self.target(test) for test in tests]
        done = subprocess.run(["ninja", "-C", self.build, "-j2", *targets], capture_output=True, text=True)
        return None if done.returncode == 0 else done.stdout

    def passes(self, test):
        command = [self.build / self.target(test)]
        if test == "simulate":
            command += ["--seeds", SIMULATED_SEEDS, "--quiet"]
        try:
            done = subprocess.run(command, cwd=self.tree, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, timeout=TEST_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def patch(self, mutant, *flags):
        command = ["patch", "--strip=1", "--force", "--silent", "--reject-file=-", "--no-backup-if-mismatch", *flags]
        with open(mutant.path) as text:
            done = subprocess.run(command, cwd=self.tree, stdin=text, capture_output=True, text=True)
        return done.returncode == 0

    def verdict(self, mutant):
        """(is_killed, what to say)"""
        if not mutant.tests:
            return False, "names no tests"
        if not self.patch(mutant, "--dry-run"):
            return False, "the patch does not apply any more: make it anew"
        self.patch(mutant)
        try:
            complaint = self.builds(mutant.tests)
            if complaint:
                return False, "does not build:\n" + complaint[-2000:]
            for test in mutant.tests:
                if not self.passes(test):
                    return True, f"seen by {test}"
            return False, f"SURVIVED {' '.join(mutant.tests)}: {mutant.mistake}"
        finally:
            for name in mutant.files:
                shutil.copy(ROOT / name, self.tree / name)


class Run:
    def __init__(self, mutants, deadline):
        self.waiting = queue.SimpleQueue()
        for mutant in mutants:
            self.waiting.put(mutant)
        self.deadline = deadline
        self.lock = threading.Lock()
        self.passed = self.failed = 0
        self.skipped = []

    def work(self, workshop):
        while True:
            try:
                mutant = self.waiting.get_nowait()
            except queue.Empty:
                return
            if time.monotonic() > self.deadline:
                self.skipped.append(mutant.name)
                continue
            start = time.monotonic()
            is_killed, words = workshop.verdict(mutant)
            with self.lock:
                self.passed += is_killed
                self.failed += not is_killed
                print(f"{'ok  ' if is_killed else 'FAIL'} {mutant.name}: {words} ({time.monotonic() - start:.1f} s)", flush=True)


def unmutated(workshop, tests):
    complaint = workshop.builds(tests)
    if complaint:
        sys.exit(complaint)
    return [test for test in tests if not workshop.passes(test)]


def main():
    seed = int(os.environ.get("MB_SEED") or 1)
    minutes = float(os.environ.get("MB_BUDGET_MINUTES") or 30)
    deadline = time.monotonic() + minutes * 60
    mutants = [Mutant(path) for path in sorted(PATCHES.glob("*.patch")) if not sys.argv[1:] or path.stem in sys.argv[1:]]
    random.Random(seed).shuffle(mutants)
    print(f"mutation: {len(mutants)} mistakes, seed {seed}, {minutes:g} minutes", flush=True)
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    workshops = [Workshop(number) for number in range(min(2, os.cpu_count() or 1))]
    for workshop in workshops:
        workshop.set_up()
    broken = [f"{test} fails without any mistake" for workshop in workshops for test in unmutated(workshop, tests)]
    if broken:
        print("\n".join(broken))
        print(f"0 passed, {len(broken)} failed")
        return 1
    run = Run(mutants, deadline)
    threads = [threading.Thread(target=run.work, args=(workshop,)) for workshop in workshops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if run.skipped:
        print(f"skipped: {len(run.skipped)} mistakes for lack of time: {' '.join(sorted(run.skipped))}")
    print(f"{run.passed} passed, {run.failed} failed" + (f", {len(run.skipped)} skipped" if run.skipped else ""))
    return 1 if run.failed or not run.passed else 0


if __name__ == "__main__":
    sys.exit(main())
