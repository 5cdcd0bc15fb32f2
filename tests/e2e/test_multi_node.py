#!/usr/bin/env python3
"""How pods of several nodes start: the shell lines of a rendered child, in a played image.

    MODEL_BOOSTER=build/main/model-booster tests/e2e/test_multi_node.py
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("MODEL_BOOSTER", str(ROOT / "build/main/model-booster"))
# Where images keep the script that starts or joins a Ray cluster; none of them is executable.
SCRIPTS = {
    "vllm-openai": "examples/online_serving",
    "vllm-openai, later": "examples/ray_serving",
    "vllm-ascend": "vllm/examples/online_serving",
    "vllm-ascend, later": "vllm/examples/ray_serving",
}
RECORD = '#!/bin/bash\nprintf "%%s\\n" "%s" "$@" >>"$CALLS"\nexit "${STATUS:-0}"\n'


def lines():
    """The lines of leader and worker."""
    done = subprocess.run([PROGRAM, "render", "-f", ROOT / "examples/multi-node.yaml", "-o", "json", "--kind", "ModelServing"],
                          capture_output=True, check=True)
    role = json.loads(done.stdout)["items"][0]["spec"]["template"]["roles"][0]
    found = []
    for template in ("entryTemplate", "workerTemplate"):
        engine = next(c for c in role[template]["spec"]["containers"] if c["name"] == "engine")
        assert engine["command"][:2] == ["bash", "-c"] and len(engine["command"]) == 3, engine["command"]
        found.append(engine["command"][2])
    return found


class MultiNode(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="image-")
        self.addCleanup(folder.cleanup)
        self.image = pathlib.Path(folder.name)
        self.calls = self.image / "calls"
        self.calls.write_text("")
        self.write("bin/python3", RECORD % "python3", executable=True)
        self.leader, self.worker = lines()

    def write(self, name, text, executable=False):
        path = self.image / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if executable else 0o444)

    def start(self, line, status=0):
        """Exit status, what was called with which words, and standard error. Kubernetes fills $(ENTRY_ADDRESS) in."""
        self.calls.write_text("")
        line = line.replace("/vllm-workspace", str(self.image)).replace("$(ENTRY_ADDRESS)", "leader.models")
        environment = {"PATH": f"{self.image}/bin:{os.environ['PATH']}", "CALLS": str(self.calls), "STATUS": str(status)}
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, env=environment)
        return done.returncode, self.calls.read_text().splitlines(), done.stderr

    def test_the_script_is_found_in_every_image(self):
        for name, folder in SCRIPTS.items():
            with self.subTest(name):
                script = f"{folder}/multi-node-serving.sh"
                self.write(script, RECORD % "script")
                status, calls, errors = self.start(self.leader)
                self.assertEqual((status, errors), (0, ""))
                self.assertEqual(calls[:5], ["script", "leader", "--ray_cluster_size=2", "--num-gpus=8", "--ray_init_timeout=1800"])
                self.assertEqual(calls[5:9], ["python3", "-m", "vllm.entrypoints.openai.api_server", "--model"])
                self.assertTrue(json.loads(calls[calls.index("--kv-events-config") + 1])["enable_kv_cache_events"])
                status, calls, errors = self.start(self.worker)
                self.assertEqual((status, errors), (0, ""))
                self.assertEqual(calls, ["script", "worker", "--ray_address=leader.models", "--ray_init_timeout=1800"])
                (self.image / script).unlink()

    def test_an_image_without_the_script_says_so(self):
        for line in (self.leader, self.worker):
            status, calls, errors = self.start(line)
            self.assertEqual((status, calls), (127, []))
            self.assertIn("multi-node-serving.sh: No such file", errors)

    def test_no_engine_is_started_on_a_cluster_that_is_not_complete(self):
        self.write("examples/online_serving/multi-node-serving.sh", RECORD % "script")
        status, calls, _ = self.start(self.leader, status=1)
        self.assertEqual(status, 1)
        self.assertNotIn("python3", calls)


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=2).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
