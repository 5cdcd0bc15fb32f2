#!/usr/bin/env python3
"""make coverage: how much of the pure layers the unit tests and the torture scenarios run through, beside the bounds.

Builds with gcov (build/coverage), runs the tests of these layers, and prints lines and branches with gcovr. Left out, because nothing can be done about
them: the branches of an `assert` that fails, those within uthash's tables and yyjson's loops (macros of theirs), and what the compiler itself calls
unreachable. Branches for memory that is out are not left
out: the scenarios of tests/torture run through them.
"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build/coverage"
LAYERS = ["base", "data", "booster", "kube"]
LINES_MIN, BRANCHES_MIN = 95.0, 90.0
NOT_COUNTED = r".*\b(assert|HASH_[A-Z_]+|yyjson_[a-z_]+_foreach)\(.*"

sys.path.insert(0, str(ROOT / "tests"))
import run as suite  # noqa: E402


def measure(layer):
    """gcovr's summary of one layer."""
    command = ["gcovr", "--root", ROOT, "--object-directory", BUILD, "--filter", f"{ROOT}/src/{layer}/", "--exclude-unreachable-branches",
               "--exclude-branches-by-pattern", NOT_COUNTED, "--json-summary", "--gcov-ignore-parse-errors", BUILD]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def main():
    suite.set_up(BUILD, "-Db_coverage=true", "-Dbuildtype=debug", "-Doptimization=0")
    for counts in BUILD.rglob("*.gcda"):
        counts.unlink()
    tested, failed_tests = suite.run(BUILD, ["--suite", "pure", "--timeout-multiplier", "5"], [])
    passed, failed = 0, 1 if failed_tests or not tested else 0
    if failed:
        print("a test fails under coverage, or there is none: the figures say nothing")
    print(f"{'':10} {'lines':>20} {'branches':>20}")
    for layer in LAYERS:
        summary = measure(layer)
        for file in sorted(summary["files"], key=lambda file: file["branch_percent"] or 100.0):
            line, branch = file["line_percent"] or 100.0, file["branch_percent"] or 100.0
            if line < LINES_MIN or branch < BRANCHES_MIN:
                print(f"           {file['filename']}: {line:.1f} % lines, {branch:.1f} % branches")
        lines, branches = summary["line_percent"], summary["branch_percent"]
        is_enough = lines >= LINES_MIN and branches >= BRANCHES_MIN
        print(f"{layer:10} {lines:8.1f} % (>= {LINES_MIN:.0f} %) {branches:8.1f} % (>= {BRANCHES_MIN:.0f} %)  {'ok' if is_enough else 'TOO LOW'}")
        passed, failed = passed + is_enough, failed + (not is_enough)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
