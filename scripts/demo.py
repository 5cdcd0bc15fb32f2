#!/usr/bin/env python3
"""make demo: two ModelBoosters live, one breaks, both go, on a Kubernetes API of this program's own. Needs no cluster, leaves nothing behind.

KEEP=1 stays up with both of them serving, and says how to look at them.
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("MODEL_BOOSTER", str(ROOT / "build/main/model-booster"))
EXAMPLES = {"quickstart": "examples/quickstart.yaml", "coder": "examples/multi-backend-weighted.yaml"}
KINDS = "modelservings,modelservers,modelroutes,pods"
BROKEN_AFTER = "  - name: l40s\n    type: vLLM\n"
BREAKAGE = "    podTemplate:\n      annotations: {simulation.model-booster.dev/fail: pull}\n"
PATIENCE_S = 60


def say(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


class Demo:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.kubeconfig = self.folder / "data/kubeconfig"
        self.environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        self.log = open(self.folder / "log", "w+")
        self.server = None

    def fail(self, what):
        self.log.seek(0)
        sys.exit(f"\nmake demo: {what}\n{self.log.read()[-4000:]}")

    def start(self):
        say("$ model-booster standalone --simulate-serving")
        self.server = subprocess.Popen([PROGRAM, "standalone", "--data", self.folder / "data", "--simulate-serving"], cwd=ROOT, text=True,
                                       stdout=subprocess.PIPE, stderr=self.log)
        while line := self.server.stdout.readline():
            if line.startswith("Next"):
                return
            print(f"  {line}", end="")
        self.fail("the server did not start")

    def run(self, *arguments, stdin=None, shows=None):
        """One command, as a person would type it."""
        say(f"$ model-booster {shows or ' '.join(arguments)}")
        done = subprocess.run([PROGRAM, *arguments], cwd=ROOT, env=self.environment, input=stdin, text=True, timeout=PATIENCE_S,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        print("".join(f"  {line}\n" for line in done.stdout.splitlines()), end="", flush=True)
        if done.returncode:
            self.fail(f"that ended with {done.returncode}")

    def watch_until(self, is_enough):
        """Shows the lines of a watch until they say what is wanted."""
        say("$ model-booster watch modelboosters")
        watch = subprocess.Popen([PROGRAM, "watch", "modelboosters"], cwd=ROOT, env=self.environment, text=True, stdout=subprocess.PIPE)
        signal.alarm(PATIENCE_S)
        try:
            seen = {}
            for line in watch.stdout:
                print(f"  {line}", end="", flush=True)
                words = line.split()
                seen[words[1]] = words
                if is_enough(seen):
                    return
        finally:
            signal.alarm(0)
            watch.kill()
            watch.communicate()
        self.fail("the watch ended")

    def live(self):
        for path in EXAMPLES.values():
            self.run("apply", "-f", path)
        # EVENT NAME INITIALIZED ACTIVE FAILED AGE
        self.watch_until(lambda seen: all(seen.get(name, [])[3:4] == ["True"] for name in EXAMPLES))
        self.run("get", KINDS)

    def keep(self):
        say("All of it stays up until Ctrl-C. In another terminal:")
        print(f"  export KUBECONFIG={self.kubeconfig}\n  kubectl get modelboosters,modelservings,modelservers,modelroutes,pods\n"
              f"  {PROGRAM} describe modelbooster coder", flush=True)
        try:
            self.server.wait()
        except KeyboardInterrupt:
            pass

    def break_one(self):
        text = (ROOT / EXAMPLES["coder"]).read_text()
        assert BROKEN_AFTER in text
        say("Backend l40s of coder gets a pod template whose image cannot be pulled (as the simulation plays it):")
        print("".join(f"  {line}\n" for line in (BROKEN_AFTER + BREAKAGE).splitlines()), end="")
        self.run("apply", "-f", "-", stdin=text.replace(BROKEN_AFTER, BROKEN_AFTER + BREAKAGE), shows="apply -f broken.yaml")
        self.watch_until(lambda seen: seen.get("coder", [])[3:4] == ["False"])
        subprocess.run([PROGRAM, "wait", "modelserving/coder-l40s", "--for=condition=Available=False", "--timeout", "30s"], env=self.environment,
                       stdout=subprocess.DEVNULL, check=True)
        self.run("describe", "modelbooster", "coder")

    def end(self):
        for path in EXAMPLES.values():
            self.run("delete", "-f", path)
        for name in ("modelserving/quickstart-cpu", "modelserving/coder-l40s", "pod/coder-l40s-0-leader-0-0", "pod/quickstart-cpu-0-leader-0-0"):
            subprocess.run([PROGRAM, "wait", name, "--for=delete"], env=self.environment, stdout=subprocess.DEVNULL, check=True)
        self.run("get", "modelboosters," + KINDS)

    def stop(self):
        if self.server and self.server.poll() is None:
            self.server.send_signal(signal.SIGTERM)
            self.server.wait(timeout=PATIENCE_S)
        self.log.close()


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)
    with tempfile.TemporaryDirectory(prefix="model-booster-demo-") as folder:
        demo = Demo(folder)
        try:
            demo.start()
            demo.live()
            if os.environ.get("KEEP") == "1":
                demo.keep()
            else:
                demo.break_one()
                demo.end()
                say("That was all: nothing is left of it.")
        except KeyboardInterrupt:
            print()
        finally:
            demo.stop()


main()
