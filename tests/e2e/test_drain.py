#!/usr/bin/env python3
"""What a pod runs before its engine is told to stop: the preStop command of a rendered child, against an engine that is played here.

    MODEL_BOOSTER=build/main/model-booster tests/e2e/test_drain.py
"""
import http.server
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("MODEL_BOOSTER", str(ROOT / "build/main/model-booster"))
METRICS = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a {b} c"} %s
vllm:num_requests_waiting{engine="0",model_name="a {b} c"} %s
vllm:num_requests_running_total 7.0
"""


def drain_command(port, limit_s):
    done = subprocess.run([PROGRAM, "render", "-f", ROOT / "examples/quickstart.yaml", "-o", "json", "--kind", "ModelServing"],
                          capture_output=True, check=True)
    role = json.loads(done.stdout)["items"][0]["spec"]["template"]["roles"][0]
    engine = next(c for c in role["entryTemplate"]["spec"]["containers"] if c["name"] == "engine")
    command = engine["lifecycle"]["preStop"]["exec"]["command"]
    assert command[:2] == ["python3", "-c"] and command[3:] == ["8000", "290"], command
    return [sys.executable, "-c", command[2], str(port), str(limit_s)]


class Engine:
    """Answers /metrics with the next of `answers`, the last again and again. None: no answer until the test is over."""

    def __init__(self, answers):
        self.looks, self.is_over = 0, threading.Event()
        engine = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                answer = answers[min(engine.looks, len(answers) - 1)]
                engine.looks += 1
                if answer is None:
                    engine.is_over.wait()
                    return
                status, body = answer
                self.send_response(status if self.path == "/metrics" else 404)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.server.shutdown()
        self.server.server_close()


def drain(port, limit_s, environment=None):
    """Exit status and seconds."""
    start = time.monotonic()
    done = subprocess.run(drain_command(port, limit_s), timeout=90, capture_output=True, text=True,
                          env={**os.environ, **(environment or {})})
    assert done.stderr == "", done.stderr
    return done.returncode, time.monotonic() - start


def busy(running, waiting):
    return 200, METRICS % (running, waiting)


class Drain(unittest.TestCase):
    def test_an_idle_engine_is_left_after_three_looks(self):
        with Engine([busy("0.0", "0.0")]) as engine:
            self.assertEqual(drain(engine.port, 40)[0], 0)
            self.assertEqual(engine.looks, 3)

    def test_it_waits_while_requests_run_or_wait(self):
        with Engine([busy("0.0", "0.0"), busy("2.0", "0.0"), busy("0", "1e3"), busy("0.0", "0.0")]) as engine:
            self.assertEqual(drain(engine.port, 40)[0], 0)
            self.assertEqual(engine.looks, 6)

    def test_it_waits_no_longer_than_the_limit(self):
        with Engine([busy("1.0", "0.0")]) as engine:
            status, seconds = drain(engine.port, 2)
            self.assertEqual(status, 0)
            self.assertGreaterEqual(seconds, 2)
            self.assertLessEqual(engine.looks, 3)

    def test_an_engine_that_is_gone_is_not_waited_for(self):
        with socket.socket() as taken:  # bound, and nobody listens
            taken.bind(("127.0.0.1", 0))
            started = time.monotonic()
            self.assertEqual(drain(taken.getsockname()[1], 60)[0], 0)
            self.assertLess(time.monotonic() - started, 30)

    def test_an_engine_that_answers_otherwise_is_not_waited_for(self):
        with Engine([(404, "not here")]) as engine:
            self.assertEqual(drain(engine.port, 40)[0], 0)
            self.assertEqual(engine.looks, 1)

    def test_an_engine_too_busy_to_answer_is_waited_for(self):
        with Engine([None, busy("0.0", "0.0")]) as engine:
            self.assertEqual(drain(engine.port, 40)[0], 0)
            self.assertEqual(engine.looks, 4)

    def test_a_proxy_of_the_environment_is_not_asked(self):
        with Engine([busy("0.0", "0.0")]) as engine, Engine([(200, "")]) as proxy:
            url = f"http://127.0.0.1:{proxy.port}"
            self.assertEqual(drain(engine.port, 40, {"http_proxy": url, "HTTP_PROXY": url})[0], 0)
            self.assertEqual((engine.looks, proxy.looks), (3, 0))


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=2).result
    failed = len({test.id().split(" ")[0] for test, _ in result.failures + result.errors})
    print(f"{result.testsRun - failed} passed, {failed} failed", file=sys.stderr)
    sys.exit(1 if failed else 0)
