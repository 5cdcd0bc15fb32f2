#!/usr/bin/env python3
"""make test: builds what the tests need, runs them, and ends with the line `N passed, N failed`.

Unit tests always run under AddressSanitizer and UndefinedBehaviorSanitizer (build/test); the command line tests and the layer
check look at the program that users get (build/main). With --sanitize everything runs against the sanitized build, without the
layer check: it reads the symbols of the plain objects. Names given as arguments run only the tests of those names.

A test program that reports cases counts with its cases, any other as one.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLAIN, SANITIZED = ROOT / "build/main", ROOT / "build/test"
SANITIZED_OPTIONS = ["-Dsanitize=true", "-Dbuildtype=debug", "-Doptimization=1"]
ON_THE_PROGRAM = ["cli", "layers"]

CMOCKA_SUMMARY = re.compile(r"^\[ +(PASSED|FAILED) +\] (?:\S+: )?(\d+) test", re.MULTILINE)
OWN_SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)


def set_up(build, *options):
    if (build / "build.ninja").exists():
        return
    log = build.with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as out:
        done = subprocess.run(["meson", "setup", build, *options], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(log.read_text())


def count(entry):
    """(passed, failed) of one line of meson's log."""
    output = entry.get("stdout", "") + "\n" + entry.get("stderr", "")
    passed = failed = 0
    for word, number in CMOCKA_SUMMARY.findall(output):
        if word == "PASSED":
            passed += int(number)
        else:
            failed += int(number)
    own = OWN_SUMMARY.findall(output)
    if own:
        passed, failed = passed + int(own[-1][0]), failed + int(own[-1][1])
    succeeded = entry["result"] in ("OK", "EXPECTEDFAIL")
    if succeeded and passed + failed == 0:
        passed = 1
    if not succeeded and entry["result"] != "SKIP" and failed == 0:
        failed = 1  # it crashed, timed out, leaked, or failed without saying which case
    return passed, failed


def run(build, selection, names):
    """Runs meson's tests of one build; (passed, failed)."""
    log = build / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    done = subprocess.run(["meson", "test", "-C", build, "--print-errorlogs", *selection, *names], cwd=ROOT)
    passed = failed = 0
    if log.exists():
        for line in log.read_text().splitlines():
            more_passed, more_failed = count(json.loads(line))
            passed, failed = passed + more_passed, failed + more_failed
    if done.returncode and not failed:
        failed = 1  # the build of the tests, or meson itself
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sanitize", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()

    set_up(SANITIZED, *SANITIZED_OPTIONS)
    pure = [option for suite in ON_THE_PROGRAM for option in ("--no-suite", suite)]
    program = [option for suite in ON_THE_PROGRAM for option in ("--suite", suite)]
    if arguments.sanitize:
        rounds = [(SANITIZED, ["--no-suite", "layers"])]
        print("skipped: the layer check, which reads the plain objects (make test runs it)")
    else:
        set_up(PLAIN)
        rounds = [(SANITIZED, pure), (PLAIN, program)]
    passed = failed = 0
    for build, selection in rounds:
        more_passed, more_failed = run(build, selection, arguments.names)
        passed, failed = passed + more_passed, failed + more_failed
    if passed + failed == 0:
        print("no test of that name" if arguments.names else "no tests")
        failed = 1
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
