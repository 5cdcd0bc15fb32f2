"""A running subcommand of the program for tests: its log is read line by line, by a thread, so that it never waits for us."""
import os
import pathlib
import re
import signal
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("MODEL_BOOSTER", str(ROOT / "build/main/model-booster"))
PATIENCE_S = 60


class Running:
    """`before`: words before the program's own, as in ["setpriv", ...]."""

    def __init__(self, case, *arguments, before=(), environment=None, **options):
        self.process = subprocess.Popen([*before, PROGRAM, *arguments], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=os.environ if environment is None else environment, **options)
        self.out, self.log = "", ""
        self.change, self.open_streams = threading.Condition(), 2
        for name, stream in (("out", self.process.stdout), ("log", self.process.stderr)):
            threading.Thread(target=self.read, args=(name, stream), daemon=True).start()
        case.addCleanup(self.end)

    def read(self, name, stream):
        for line in stream:
            with self.change:
                setattr(self, name, getattr(self, name) + line)
                self.change.notify_all()
        with self.change:
            self.open_streams -= 1
            self.change.notify_all()

    def wait_for(self, pattern, stream="log", patience_s=PATIENCE_S):
        with self.change:
            self.change.wait_for(lambda: re.search(pattern, getattr(self, stream), re.MULTILINE) or not self.open_streams, patience_s)
            match = re.search(pattern, getattr(self, stream), re.MULTILINE)
        if not match:
            raise AssertionError(f"no {pattern} in: {self.out}{self.log}")
        return match

    def status(self, field, thread=None):
        """A field of /proc/PID/status, as text."""
        place = f"/proc/{self.process.pid}/" + (f"task/{thread}/" if thread else "")
        return re.search(rf"^{field}:\s*(.*)$", pathlib.Path(place, "status").read_text(), re.MULTILINE).group(1)

    def memory_kib(self):
        """Of its own, without what is mapped from files."""
        return int(self.status("RssAnon").split()[0])

    def is_alive(self):
        return self.process.poll() is None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        with self.change:
            self.change.wait_for(lambda: not self.open_streams, PATIENCE_S)
        return code

    def end(self):
        self.process.kill()
        self.process.wait(PATIENCE_S)
        with self.change:
            self.change.wait_for(lambda: not self.open_streams, PATIENCE_S)
        self.process.stdout.close()
        self.process.stderr.close()


def serve(case, kubeconfig, *arguments, **options):
    """Kubernetes' API without a controller, pods played; ready when this returns."""
    server = Running(case, "standalone", "--temporary", "--simulate-serving", "--simulate-delay-ms", "20", "--kubeconfig-out", kubeconfig,
                     *arguments, **options)
    server.wait_for("^Ctrl-C", "out")
    return server


def verb(case, kubeconfig, *arguments, **options):
    done = subprocess.run([PROGRAM, *arguments], cwd=ROOT, env={**os.environ, "KUBECONFIG": str(kubeconfig)}, capture_output=True, text=True,
                          timeout=PATIENCE_S, **options)
    case.assertEqual(done.returncode, 0, done.stdout + done.stderr)
    return done.stdout
