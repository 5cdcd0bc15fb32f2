#!/usr/bin/env python3
"""What controller and standalone give up after their start: tried by a program that is confined as they are, and seen on both of them.

    MODEL_BOOSTER=build/main/model-booster CONFINED=build/main/tests/e2e/confined tests/e2e/test_sandbox.py
"""
import ctypes
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

from running import PATIENCE_S, ROOT, Running, serve, verb

CONFINED = os.environ.get("CONFINED", str(ROOT / "build/main/tests/e2e/confined"))
LANDLOCK_CREATE_RULESET, ASK_VERSION = 444, 1
LANDLOCK = ctypes.CDLL(None, use_errno=True).syscall(LANDLOCK_CREATE_RULESET, None, 0, ASK_VERSION)

# name of the try -> how it may be refused
BY_CALLS = {
    "link_out": {"EPERM"}, "widen_mode": {"EPERM"}, "run_program": {"EPERM"}, "fork_child": {"ENOSYS", "EPERM"},
    "trace_another": {"EPERM"}, "signal_another": {"EPERM"}, "listen_for_others": {"EPERM"}, "raw_socket": {"ENOSYS"},
    "vsock_socket": {"ENOSYS"}, "become_root": {"EPERM"}, "new_namespace": {"EPERM"}, "mount_something": {"EPERM"},
    "type_into_terminal": {"ENOSYS"}, "raise_limit": {"ENOSYS"}, "allow_dumps": {"ENOSYS"}, "memory_written_and_executed": {"ENOSYS"},
    "ring_of_calls": {"EPERM"}, "load_filter": {"EPERM"},
}
BY_FILES = {name: {"EACCES"} for name in ("read_elsewhere", "read_elsewhere_in_thread", "write_elsewhere", "make_elsewhere", "read_shadow",
                                          "read_memory_of_another", "list_root")}
BY_PORTS = {"connect_elsewhere": {"EACCES"}, "bind_a_port": {"EACCES"}}
ALLOWED = ("change_inside", "read_libraries", "read_random", "read_itself", "start_thread", "resolve_a_name")
# What anybody may do who is not confined: that these are refused is the sandbox's doing.
HARMLESS = ("read_elsewhere", "write_elsewhere", "list_root", "link_out", "widen_mode", "run_program", "fork_child", "signal_another",
            "listen_for_others", "bind_a_port", "memory_written_and_executed", "connect_there")


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sandbox-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.kubeconfig = str(self.folder / "kubeconfig")


class Tries(Case):
    """Of the confined program."""

    def attempt(self, mode, *names):
        inside, forbidden = self.folder / "inside", self.folder / "forbidden"
        inside.mkdir(exist_ok=True)
        (inside / "file").write_text("x")
        (inside / "link").unlink(missing_ok=True)
        forbidden.write_text("secret")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            done = subprocess.run([CONFINED, str(inside), str(forbidden), str(listener.getsockname()[1]), mode, *names], capture_output=True,
                                  text=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return dict(line.split(" ", 1) for line in done.stdout.splitlines())

    def expect(self, got, refused, allowed):
        self.assertEqual({name: got[name] for name in refused if got[name] not in refused[name]}, {})
        self.assertEqual({name: got[name] for name in allowed if got[name] != "ok"}, {})

    def test_these_are_possible_without(self):
        # run_program replaces the program, so it is last and leaves no line
        for name in HARMLESS:
            got = self.attempt("free", name)
            self.assertEqual(got.get(name, "ok"), "ok", name)

    def test_calls_are_refused_with_a_network(self):
        got = self.attempt("network")
        self.assertEqual(got["calls"], "limited")
        self.expect(got, BY_CALLS, (*ALLOWED, "connect_there"))

    def test_calls_are_refused_without_a_network(self):
        got = self.attempt("local")
        self.expect(got, {**BY_CALLS, "connect_there": {"ENOSYS"}, "connect_elsewhere": {"ENOSYS"}, "bind_a_port": {"ENOSYS"}}, ALLOWED)

    @unittest.skipIf(LANDLOCK < 1, "this kernel has no Landlock")
    def test_files_are_refused(self):
        got = self.attempt("network")
        self.assertEqual(got["files"], "limited")
        self.expect(got, BY_FILES, ALLOWED)

    @unittest.skipIf(LANDLOCK < 4, "this kernel's Landlock knows no ports")
    def test_ports_are_refused(self):
        self.expect(self.attempt("network"), BY_PORTS, ("connect_there",))

    def test_memory_is_nobody_elses(self):
        self.assertEqual(self.attempt("free", "read_itself")["dumpable"], "0")


class Program(Case):
    """Of the program itself."""

    def check_confined(self, running):
        self.assertEqual(running.status("NoNewPrivs"), "1")
        for thread in os.listdir(f"/proc/{running.process.pid}/task"):
            self.assertEqual(running.status("Seccomp", thread), "2", thread)
        limits = pathlib.Path(f"/proc/{running.process.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        files = "limited" if LANDLOCK >= 1 else '".*Landlock.*"'
        running.wait_for(rf"confined files={files} calls=limited")

    def test_both_work_confined(self):
        server = serve(self, self.kubeconfig, "--no-controller")
        self.check_confined(server)
        controller = Running(self, "controller", "--kubeconfig", self.kubeconfig, "--metrics-bind-address", "127.0.0.1:0")
        controller.wait_for("leading")
        self.check_confined(controller)
        verb(self, self.kubeconfig, "apply", "-f", "examples/quickstart.yaml")
        verb(self, self.kubeconfig, "wait", "modelbooster/quickstart", "--for=condition=Active", "--timeout=60s")
        verb(self, self.kubeconfig, "delete", "-f", "examples/quickstart.yaml")
        self.assertEqual((controller.stop(), server.stop()), (0, 0), controller.log + server.log)

    def test_files_are_found_that_change_later(self):
        """A token is exchanged as kubelet does it: a link to a folder is turned to another one."""
        serve(self, self.kubeconfig, "--no-controller")
        text = pathlib.Path(self.kubeconfig).read_text()
        token = text.rsplit("token: ", 1)[1].strip()
        account = self.folder / "account"
        for name in ("..1", "..2"):
            (account / name).mkdir(parents=True)
            (account / name / "token").write_text(token if name == "..2" else "wrong")
        (account / "..data").symlink_to("..1")
        (account / "token").symlink_to("..data/token")
        pathlib.Path(self.kubeconfig).write_text(text.replace(f"token: {token}", f"tokenFile: {account}/token"))
        controller = Running(self, "controller", "--kubeconfig", self.kubeconfig)
        controller.wait_for("confined")
        (account / "..next").symlink_to("..2")
        os.replace(account / "..next", account / "..data")
        controller.wait_for("leading")

    def test_names_are_resolved(self):
        serve(self, self.kubeconfig, "--no-controller")
        config = pathlib.Path(self.kubeconfig)
        config.write_text(config.read_text().replace("https://127.0.0.1", "https://localhost"))
        Running(self, "controller", "--kubeconfig", self.kubeconfig).wait_for("leading")

    def test_all_that_standalone_was_told_of_is_in_reach(self):
        tokens, audit = self.folder / "tokens.csv", self.folder / "audit"
        tokens.write_text("a-token,somebody,1\n")
        data = self.folder / "data"
        server = Running(self, "standalone", "--data", str(data), "--simulate-serving", "--token-auth-file", str(tokens), "--audit-log",
                         str(audit), "--metrics-bind-address", "127.0.0.1:0", "--apply", "examples/quickstart.yaml")
        server.wait_for("^Ctrl-C", "out")
        self.check_confined(server)
        verb(self, data / "kubeconfig", "get", "modelboosters")
        self.assertIn("modelboosters", audit.read_text())
        self.assertEqual(server.stop(), 0)

    def test_can_be_left_out(self):
        server = serve(self, self.kubeconfig, "--no-controller", "--no-sandbox")
        controller = Running(self, "controller", "--kubeconfig", self.kubeconfig, "--no-sandbox")
        controller.wait_for("leading")
        for running in (server, controller):
            running.wait_for("warn  confined files=--no-sandbox calls=--no-sandbox")
            self.assertEqual(running.status("Seccomp"), "0")


class AnyUser(Case):
    """As the restricted profile of Kubernetes has it: any user, no capabilities, a root that cannot be written."""

    UID = 54321

    def before(self):
        """Words that start a program so; the folder alone can be written."""
        if os.geteuid() != 0 or not shutil.which("setpriv") or not shutil.which("unshare"):
            self.skipTest("needs root, setpriv and unshare to become somebody else")
        os.chown(self.folder, self.UID, self.UID)
        drop = ["setpriv", f"--reuid={self.UID}", f"--regid={self.UID}", "--clear-groups", "--no-new-privs", "--bounding-set=-all",
                "--inh-caps=-all"]
        frozen = ["unshare", "--mount", "sh", "-c", f'mount --bind {self.folder} {self.folder} && mount -o remount,bind,ro / && exec "$@"', "-"]
        probe = subprocess.run([*frozen, "true"], capture_output=True, timeout=PATIENCE_S)
        if probe.returncode:
            print("skipped: the read-only root, since no file system may be mounted here", file=sys.stderr)
            return drop
        return [*frozen, *drop]

    def test_runs(self):
        before, bare = self.before(), {"TMPDIR": str(self.folder)}
        server = serve(self, self.kubeconfig, "--no-controller", before=before, environment=bare)
        controller = Running(self, "controller", "--kubeconfig", self.kubeconfig, "--metrics-bind-address", "127.0.0.1:0", before=before,
                             environment={})
        controller.wait_for("leading")
        for running in (server, controller):
            self.assertEqual(running.status("Uid").split(), [str(self.UID)] * 4)
            self.assertEqual(int(running.status("CapEff"), 16) | int(running.status("CapBnd"), 16), 0)
            # memory of a process that may be dumped belongs to its user
            self.assertEqual(os.stat(f"/proc/{running.process.pid}/mem").st_uid, 0)
            running.wait_for("confined .*calls=limited")
        verb(self, self.kubeconfig, "apply", "-f", "examples/quickstart.yaml")
        verb(self, self.kubeconfig, "wait", "modelbooster/quickstart", "--for=condition=Active", "--timeout=60s")
        self.assertEqual((controller.stop(), server.stop()), (0, 0))


class Deployment(Case):
    """deploy/deployment.yaml against the restricted profile of Pod Security, field by field."""

    # Deployments are no kind of the embedded API: one that takes anything makes it read the file.
    DEPLOYMENTS = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "deployments.apps.test"},
        "spec": {"group": "apps.test", "scope": "Namespaced", "names": {"plural": "deployments", "kind": "Deployment"}, "versions": [
            {"name": "v1", "served": True, "storage": True,
             "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}
    VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}

    def test_is_restricted(self):
        serve(self, self.kubeconfig, "--no-controller")
        verb(self, self.kubeconfig, "apply", "-f", "-", input=json.dumps(self.DEPLOYMENTS))
        verb(self, self.kubeconfig, "apply", "-f", "deploy/namespace.yaml")
        documents = (ROOT / "deploy/deployment.yaml").read_text().split("\n---\n")
        manifest = next(text for text in documents if "kind: Deployment" in text).replace("apps/v1", "apps.test/v1")
        verb(self, self.kubeconfig, "apply", "-f", "-", input=manifest)
        pod = json.loads(verb(self, self.kubeconfig, "get", "deployment", "model-booster", "-n", "model-booster-system", "-o", "json"))
        pod = pod["spec"]["template"]["spec"]
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            self.assertFalse(pod.get(field))
        for volume in pod.get("volumes", []):
            self.assertLessEqual(set(volume) - {"name"}, self.VOLUMES)
        common = pod["securityContext"]
        for container in pod["containers"] + pod.get("initContainers", []):
            mine = {**common, **container["securityContext"]}
            self.assertIs(mine["runAsNonRoot"], True)
            self.assertNotEqual(mine.get("runAsUser"), 0)
            self.assertIn(mine["seccompProfile"]["type"], ("RuntimeDefault", "Localhost"))
            self.assertIs(mine["allowPrivilegeEscalation"], False)
            self.assertIs(mine["readOnlyRootFilesystem"], True)
            self.assertEqual(mine["capabilities"]["drop"], ["ALL"])
            self.assertLessEqual(set(mine["capabilities"].get("add", [])), {"NET_BIND_SERVICE"})
            self.assertFalse(mine.get("privileged"))
            self.assertEqual(mine.get("procMount", "Default"), "Default")
            self.assertFalse([port for port in container.get("ports", []) if port.get("hostPort")])


if __name__ == "__main__":
    program = unittest.main(verbosity=1, exit=False)
    failed = len(program.result.failures) + len(program.result.errors)
    print(f"{program.result.testsRun - failed} passed, {failed} failed", file=sys.stderr)
    sys.exit(1 if failed else 0)
