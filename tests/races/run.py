#!/usr/bin/env python3
"""make tsan: what has threads, under ThreadSanitizer: the unit tests of it, then `model-booster standalone` under load.

Threads there are few: the storage thread, the wakes of the loop, and those that the C library, libcurl and OpenSSL start for themselves. The load is
clients that create, apply, list, watch and delete at once, with the controller and the played pods beside them, for LOAD_S seconds; of
MB_BUDGET_MINUTES, where that is set, what building and the unit tests leave.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build/tsan"
BUDGET_S = 60 * float(os.environ.get("MB_BUDGET_MINUTES") or 0)
LOAD_S, LEAST_LOAD_S, STOPPING_S = 15, 5, 15
CLIENTS = 6
PATIENCE_S = 120

sys.path.insert(0, str(ROOT / "tests"))
import run as suite  # noqa: E402


def fix_addresses():
    """ThreadSanitizer of older compilers does not start where the kernel spreads addresses widely: this script, and what it starts, go without."""
    command = ["setarch", os.uname().machine, "-R"]
    if os.environ.get("MB_ADDRESSES_ARE_FIXED") or not shutil.which("setarch") or subprocess.run([*command, "true"], capture_output=True).returncode:
        return
    os.environ["MB_ADDRESSES_ARE_FIXED"] = "1"
    os.execvp(command[0], [*command, sys.executable, *sys.argv])


class Server:
    """`model-booster standalone` in a folder of its own."""

    def __init__(self, folder):
        self.reports = folder / "reports"
        self.reports.mkdir()
        environment = {**os.environ, "TSAN_OPTIONS": f"log_path={self.reports}/race second_deadlock_stack=1"}
        self.process = subprocess.Popen(
            [BUILD / "model-booster", "standalone", "--data", folder / "data", "--simulate-serving", "--simulate-delay-ms", "20",
             "--apply", "examples/quickstart.yaml"], cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for line in self.process.stdout:
            if line.startswith("Ctrl-C"):
                break
        else:
            sys.exit(f"standalone does not start: {self.told()}")
        words = (folder / "data/kubeconfig").read_text()
        self.url, self.token = (re.search(f"{field}: (.+)", words).group(1) for field in ("server", "token"))
        self.trust = ssl.create_default_context(cafile=str(folder / "data/ca.crt"))

    def ask(self, method, path, body=None, content_type="application/json"):
        request = urllib.request.Request(self.url + path, method=method, data=body.encode() if body else None,
                                         headers={"Authorization": "Bearer " + self.token, "Content-Type": content_type})
        with urllib.request.urlopen(request, context=self.trust, timeout=PATIENCE_S) as answer:
            return answer.read()

    def told(self):
        return "\n".join(file.read_text(errors="replace") for file in sorted(self.reports.iterdir()))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


def client(server, number, end, counts):
    maps, models = "/api/v1/namespaces/default/configmaps", "/apis/workload.serving.volcano.sh/v1alpha1/namespaces/default/modelboosters"
    for turn in range(1 << 30):
        if time.monotonic() > end:
            return
        name = f"c{number}-{turn}"
        steps = [("POST", maps, json.dumps({"metadata": {"name": name}, "data": {"k": "v" * 2000}}), "application/json"),
                 ("PATCH", f"{maps}/{name}?fieldManager=m", json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
                                                                          "data": {"l": str(turn)}}), "application/apply-patch+yaml"),
                 ("PATCH", f"{models}/quickstart", json.dumps({"metadata": {"annotations": {f"turn-{number}": str(turn)}}}),
                  "application/merge-patch+json"),
                 ("GET", f"{maps}?watch=true&timeoutSeconds=1&resourceVersion=0", None, "application/json") if turn % 8 == 0 else ("GET", maps, None, ""),
                 ("DELETE", f"{maps}/{name}", None, "application/json")]
        for step in steps:
            try:
                server.ask(*step)
                counts[number][0] += 1
            except (urllib.error.HTTPError, OSError) as problem:
                counts[number][1] += 1
                counts[number][2] = f"{step[0]} {step[1]}: {problem}"


def standalone_under_load(load_s):
    with tempfile.TemporaryDirectory(prefix="races-") as folder:
        server = Server(pathlib.Path(folder))
        counts = [[0, 0, ""] for _ in range(CLIENTS)]
        end = time.monotonic() + load_s
        clients = [threading.Thread(target=client, args=(server, number, end, counts)) for number in range(CLIENTS)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        status = server.stop()
        answered, failed = sum(count[0] for count in counts), sum(count[1] for count in counts)
        problems = [f"exit status {status}"] if status else []
        problems += [server.told()] if server.told() else []
        if failed or not answered:
            problems.append(f"{failed} requests failed, such as {next((count[2] for count in counts if count[2]), 'none was answered')}")
        print(f"{'failed' if problems else 'ok':6} standalone under load: {answered} requests in {load_s:.0f} s")
        for problem in problems:
            print(problem)
        return not problems


def main():
    fix_addresses()
    started = time.monotonic()
    suite.set_up(BUILD, "-Dsanitize_threads=true", "-Dbuildtype=debug", "-Doptimization=1")
    os.environ["TSAN_OPTIONS"] = "second_deadlock_stack=1"
    passed, failed = suite.run(BUILD, ["--suite", "threads", "--timeout-multiplier", "4"], [])
    if subprocess.run(["ninja", "-C", BUILD, "--quiet", "model-booster"]).returncode:
        sys.exit("the program does not build")
    left_s = BUDGET_S - (time.monotonic() - started) - STOPPING_S
    is_clean = standalone_under_load(max(left_s, LEAST_LOAD_S) if BUDGET_S else LOAD_S)
    passed, failed = passed + is_clean, failed + (not is_clean)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
