#!/usr/bin/env python3
"""make fuzz: libFuzzer on every target, two at a time, from the seed MB_SEED (1), its seeds, and what earlier runs have found worth
keeping.

How long each runs: FUZZ_SECONDS where it is set; else its share of MB_BUDGET_MINUTES, where that is, of which FIRST have a minute each
before the others have theirs; else a minute. Targets named as arguments are the only ones. What breaks one is left in build/fuzz/found, and
counts it as failed. Ends with what failed, and `N passed, N failed`.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build/fuzz"
AT_ONCE = min(2, os.cpu_count() or 1)
# What texts from users and servers meet first.
FIRST = {"apiserver", "booster", "cel", "duration", "http_answer", "json", "jsonpath", "kubeconfig", "listwatch", "patch", "quantity",
         "selector", "yaml"}
MINUTE_S = 60
LEAST_S = 5  # of a target, to be worth its start
# Of an input, in bytes: what is slow to run or cannot use more has less.
MAX_BYTES = 16384
MAX_BYTES_OF = {"apiserver": 4096, "cel": 2048, "definition": 8192, "duration": 64, "http_answer": 4096, "quantity": 256, "rfc3339": 64}
# Beside each run's own time: it stops at an input's end, and merges nothing.
GRACE_S = 60


def build(names):
    log = BUILD.with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    steps = []
    if not (BUILD / "build.ninja").exists():
        # Warnings are gcc's business in the other builds; clang has some of its own.
        options = {"fuzz": "true", "sanitize": "true", "werror": "false", "warning_level": "0", "buildtype": "debug", "optimization": "1"}
        steps.append(["meson", "setup", BUILD] + [f"-D{name}={value}" for name, value in options.items()])
    steps.append(["ninja", "-C", BUILD] + [f"tests/fuzz/fuzz_{name}" for name in names])
    compiler = "ccache clang" if shutil.which("ccache") else "clang"
    with open(log, "w") as out:
        for step in steps:
            if subprocess.run(step, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "CC": compiler}).returncode:
                out.flush()
                sys.exit("\n".join(log.read_text().splitlines()[-40:]))


def all_targets():
    """The names, each with its folders of seeds, from the same list that builds them."""
    listed = (ROOT / "tests/fuzz/meson.build").read_text()
    names = re.findall(r"^  '(\w+)': \[", listed, re.MULTILINE)
    examples = re.findall(r"'(\w+)'", re.search(r"^fuzz_examples = \[(.*)\]", listed, re.MULTILINE).group(1))
    return {name: [f"tests/fuzz/seeds/{name}"] + (["examples"] if name in examples else []) for name in names}


def words_of(log):
    """What a log says of a failure: not how the run went up to it, not libFuzzer's own frames."""
    lines = [line for line in log.splitlines() if not re.match(r"#\d+|INFO:|Dictionary:|stat::|\s+#\d+ .*fuzzer::", line)]
    return lines[-40:]


def run(name, seeds, seconds, seed):
    """(passed, the lines that tell of it)."""
    corpus, log = BUILD / "corpus" / name, BUILD / f"{name}.log"
    corpus.mkdir(parents=True, exist_ok=True)
    command = [BUILD / f"tests/fuzz/fuzz_{name}", f"-seed={seed}", f"-max_total_time={seconds}",
               f"-max_len={MAX_BYTES_OF.get(name, MAX_BYTES)}", "-timeout=20", "-rss_limit_mb=2560",
               f"-artifact_prefix={BUILD}/found/{name}-", "-print_final_stats=1", corpus, *seeds]
    dictionary = ROOT / f"tests/fuzz/fuzz_{name}.dict"
    if dictionary.exists():
        command.insert(1, f"-dict={dictionary}")
    with open(log, "w") as out:
        try:
            done = subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, timeout=seconds + GRACE_S,
                                  env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"})
            status = done.returncode
        except subprocess.TimeoutExpired:
            status = 1
    text = log.read_text(errors="replace")
    runs = re.search(r"number_of_executed_units: (\d+)", text)
    if status:
        return False, words_of(text) + [f"fuzz: {name} failed; the input is in build/fuzz/found, the log in build/fuzz/{name}.log"]
    count = int(runs.group(1)) if runs else 0
    covered = re.findall(r"cov: (\d+)", text)
    return count > 0, [f"{name:16} {count:9} runs, {count // max(seconds, 1):6} a second, {covered[-1] if covered else '?':>6} edges"]


def share(names, left):
    """Seconds for each target of `names`, when all together have `left`."""
    total = left * AT_ONCE
    others = len(set(names) - FIRST)
    for_others = (total - MINUTE_S * (len(names) - others)) / others if others else 0
    if for_others < LEAST_S:
        return {name: max(1, int(total / len(names))) for name in names}
    return {name: MINUTE_S if name in FIRST else int(for_others) for name in names}


def main():
    targets = all_targets()
    wanted = sys.argv[1:] or list(targets)
    unknown = [name for name in [*wanted, *FIRST] if name not in targets]
    if unknown:
        sys.exit(f"no target {unknown[0]}; there are: {' '.join(targets)}")
    started = time.monotonic()
    build(wanted)
    (BUILD / "found").mkdir(exist_ok=True)
    seed = int(os.environ.get("MB_SEED") or 1) % 2**32
    minutes = int(os.environ.get("MB_BUDGET_MINUTES") or 0)
    if os.environ.get("FUZZ_SECONDS"):
        seconds = dict.fromkeys(wanted, int(os.environ["FUZZ_SECONDS"]))
    elif minutes:
        seconds = share(wanted, minutes * 60 - (time.monotonic() - started))  # what building took is part of the budget
    else:
        seconds = dict.fromkeys(wanted, MINUTE_S)
    times = " or ".join(str(length) for length in sorted(set(seconds.values())))
    print(f"fuzz: {len(wanted)} targets, {times} s each, {AT_ONCE} at a time, seed {seed}", flush=True)
    failures = {}
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        results = pool.map(lambda name: run(name, targets[name], seconds[name], seed), wanted)
        for name, (is_good, lines) in zip(wanted, results):
            print(lines[-1], flush=True)
            if not is_good:
                failures[name] = lines
    for lines in failures.values():
        print("\n".join(lines))
    print(f"{len(wanted) - len(failures)} passed, {len(failures)} failed", flush=True)
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
