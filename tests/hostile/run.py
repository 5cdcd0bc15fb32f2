#!/usr/bin/env python3
"""make hostile: the real controller against API servers and proxies that mean harm; ends with `N passed, N failed`.

    run.py [--seconds S] [ATTACK...]

During each attack the controller must answer /healthz, ask at a bounded rate, stay under a ceiling of memory (its peak, VmHWM) and of log;
after it, it must be in step with a server that is honest again (some of them), and end in good order. MINUTES= bounds the whole.
"""
import argparse
import concurrent.futures
import os
import pathlib
import sys
import tempfile
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from hostile_server import HostileServer  # noqa: E402
from running import Running  # noqa: E402
from scripts import ATTACKS, RECOVERING  # noqa: E402

AT_ONCE = 3
LOG_BYTES = 512 * 1024
HEALTH_S = 10
LIST_PAGES = 4000  # LIMIT_LIST_PAGES
AT_THE_START = 400  # requests at most, before any back-off grows
RECOVERY_S = 45


class Attack(unittest.TestCase):
    """One of them; a TestCase for its assertions and clean-ups."""

    def attack(self, name, seconds):
        script, most_requests, ceiling_mib = ATTACKS[name]
        with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
            server = HostileServer(script)
            self.addCleanup(server.close)
            controller = Running(self, "controller", "--kubeconfig", server.kubeconfig(pathlib.Path(folder, "kubeconfig")),
                                 "--metrics-bind-address", "127.0.0.1:0", "--leader-elect=false", "--log-level", "debug")
            address = controller.wait_for(r"serving metrics and health address=(\S+)").group(1)
            begun = time.monotonic()
            server.wait_for(lambda requests: False, seconds)  # for as long as the attack shall last
            self.check_health(controller, address)
            lasted = time.monotonic() - begun
            peak_mib = int(controller.status("VmHWM").split()[0]) / 1024
            # further pages come as fast as the server gives them, but no list goes on for ever
            further = sum("continue" in request.query for request in server.requests)
            asked = len(server.requests) - further
            self.assertGreater(asked, 0)
            self.assertLess(further, LIST_PAGES * asked)
            self.assertLess(asked, AT_THE_START + most_requests * lasted, f"in {lasted:.1f} s")
            self.assertLess(peak_mib, ceiling_mib, "MiB at the peak")
            self.assertLess(len(controller.log), LOG_BYTES, controller.log[-2000:])
            if name in RECOVERING:
                server.become_honest()
                controller.wait_for("in step with the cluster", patience_s=RECOVERY_S)
            self.assertEqual(controller.stop(), 0, controller.log[-2000:])
            return f"{asked} requests, {further} further pages, {peak_mib:.0f} MiB at the peak (ceiling {ceiling_mib})"

    def check_health(self, controller, address):
        self.assertTrue(controller.is_alive(), controller.log[-2000:])
        with urllib.request.urlopen(f"http://{address}/healthz", timeout=HEALTH_S) as answer:
            self.assertEqual(answer.status, 200)


def run_one(name, seconds):
    case = Attack()
    try:
        return True, case.attack(name, seconds)
    except (Exception, AssertionError) as problem:
        return False, f"{type(problem).__name__}: {problem}"
    finally:
        case.doCleanups()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, help="of each attack; else 4, or what MINUTES= gives")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    minutes = os.environ.get("MB_BUDGET_MINUTES")
    names = arguments.names or list(ATTACKS)
    seconds = arguments.seconds or min(60.0, float(minutes) * 60 * AT_ONCE / len(names) * 0.7 if minutes else 4.0)
    print(f"{len(names)} attacks of {seconds:.1f} s, {AT_ONCE} at once", flush=True)
    passed = failed = 0
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for name, (is_good, words) in zip(names, pool.map(lambda name: run_one(name, seconds), names)):
            passed, failed = passed + is_good, failed + (not is_good)
            print(f"{'ok    ' if is_good else 'FAILED'} {name}: {words}", flush=True)
    print(f"{time.monotonic() - begun:.0f} s")
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
