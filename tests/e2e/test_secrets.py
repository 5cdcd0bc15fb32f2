#!/usr/bin/env python3
"""Secrets that were planted turn up nowhere: logs, errors, Events, audit log, cores, memory that is no longer theirs. And TLS of the server.

    MODEL_BOOSTER=build/main/model-booster tests/e2e/test_secrets.py
"""
import base64
import json
import os
import pathlib
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

from running import PATIENCE_S, PROGRAM, ROOT, Running, serve, verb

sys.path.insert(0, str(ROOT / "tests/hostile"))
from hostile_server import HostileServer, status  # noqa: E402

QUICKSTART = "examples/quickstart.yaml"


def secret(name):
    return f"planted-{name}-7c1e9f3a5b"


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="secrets-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "kubeconfig"
        self.kubeconfig = str(self.path)

    def write_kubeconfig(self, server, user, **cluster):
        """Beside the user that is used there is another, whose secrets are nobody's business."""
        other = {"token": secret("other-token"), "client-key-data": base64.b64encode(secret("other-key").encode()).decode()}
        self.path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
            "users": [{"name": "other", "user": other}, {"name": "u", "user": user}]}))

    def expect_silence(self, *texts):
        for text in texts:
            found = re.findall(r".*(?:planted-|cGxhbnRlZ).*", text)
            self.assertEqual(found, [])

    def run_program(self, *arguments):
        done = subprocess.run([PROGRAM, *arguments], cwd=ROOT, env={**os.environ, "KUBECONFIG": self.kubeconfig}, capture_output=True, text=True,
                              timeout=PATIENCE_S)
        return done.returncode, done.stdout + done.stderr


class Texts(Case):
    def refusing_server(self):
        """Answers 401 to everything: the controller has much to say then."""
        server = HostileServer(lambda connection, request: connection.answer(401, status(401, "Unauthorized", "Unauthorized")))
        self.addCleanup(server.close)
        return server

    def try_user(self, user, *flags, **cluster):
        server = self.refusing_server()
        self.write_kubeconfig(server.url, user, **cluster)
        controller = Running(self, "controller", "--kubeconfig", self.kubeconfig, "--log-level", "debug", "--leader-elect=false", *flags)
        controller.wait_for("watch interrupted|model-booster controller:")
        code, said = self.run_program("get", "modelboosters")
        self.assertNotEqual(code, 0)
        controller.stop()
        self.expect_silence(controller.log, controller.out, said)
        return server, controller.log + said

    def test_each_kind_of_user(self):
        server, log = self.try_user({"token": secret("token")})
        self.assertIn("Unauthorized", log)
        self.assertIn(secret("token"), server.requests[0].head)  # it is the right one that is not found
        server, _ = self.try_user({"username": "u", "password": secret("password")})
        self.assertIn("Authorization: Basic", server.requests[0].head)

    def test_a_plugin(self):
        plugin = self.folder / "plugin"
        answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": secret("plugin")}}
        plugin.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
        plugin.chmod(0o700)
        words = {"apiVersion": answer["apiVersion"], "command": str(plugin), "args": [secret("argument")],
                 "env": [{"name": "PASSWORD", "value": secret("variable")}]}
        server, log = self.try_user({"exec": words}, "--allow-exec")
        self.assertIn(secret("plugin"), server.requests[0].head)
        self.assertIn("confined files=", log)  # though it may start nothing itself
        self.assertNotIn("no process for", log)
        plugin.write_text(f"#!/bin/sh\necho '{secret('broken')}'\n")
        self.try_user({"exec": words}, "--allow-exec")

    def test_a_proxy_that_is_away(self):
        _, log = self.try_user({"token": secret("token")}, **{"proxy-url": f"http://user:{secret('proxy')}@127.0.0.1:9"})
        self.assertIn("127.0.0.1", log)

    def test_files_that_are_wrong(self):
        key = base64.b64encode(secret("key").encode()).decode()
        wrong = [{"client-certificate-data": key, "client-key-data": key}, {"client-key-data": key}, {"client-key-data": secret("not base64 ")},
                 {"token": secret("x") + "\nInjected: yes"}, {"token": secret("x"), "username": "u", "password": secret("y")}]
        for user in wrong:
            self.write_kubeconfig("https://127.0.0.1:9", user)
            for arguments in (["get", "modelboosters"], ["controller", "--leader-elect=false", "--check"]):
                code, said = self.run_program(*arguments)
                self.assertNotEqual(code, 0)
                self.expect_silence(said)
        self.path.write_text(f"users: [{{name: u, user: {{token: {secret('broken')}\nclusters: [")
        self.expect_silence(self.run_program("get", "modelboosters")[1])

    def test_standalone_with_a_controller(self):
        audit, tokens = self.folder / "audit", self.folder / "tokens"
        tokens.write_text(f'{secret("static")},somebody,1,"system:masters"\n')
        server = serve(self, self.kubeconfig, "--audit-log", str(audit), "--token-auth-file", str(tokens), "--log-level", "debug")
        admin = re.search(r"token: (\S+)", self.path.read_text()).group(1)
        self.path.write_text(self.path.read_text().replace(admin, secret("static")))
        controller = Running(self, "controller", "--kubeconfig", self.kubeconfig, "--log-level", "debug", "--leader-elect=false")
        manifest = self.folder / "secret.json"
        manifest.write_text(json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": secret("body")}}))
        verb(self, self.kubeconfig, "apply", "-f", str(manifest))
        verb(self, self.kubeconfig, "apply", "-f", QUICKSTART)
        verb(self, self.kubeconfig, "wait", "modelbooster/quickstart", "--for=condition=Active", "--timeout=60s")
        events = verb(self, self.kubeconfig, "get", "events", "-A", "-o", "json")
        self.assertIn("quickstart", events)
        controller.stop()
        server.stop()
        texts = [controller.log, server.log, server.out, audit.read_text(), events]
        self.expect_silence(*texts)
        for text in texts:
            self.assertNotIn(admin, text)


def memory_of(pid):
    """All of it that can be read, as bytes."""
    parts = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, rights, *_ = line.split()
            begin, end = (int(number, 16) for number in span.split("-"))
            if "r" not in rights or line.rstrip().endswith(("[vvar]", "[vsyscall]", "[vdso]", "[vvar_vclock]")):
                continue
            memory.seek(begin)
            parts.append(memory.read(end - begin))
    return b"".join(parts)


class Memory(Case):
    def test_what_is_no_longer_used_is_gone(self):
        accepted = threading.Event()

        def script(connection, request):
            if secret("new") not in request.head:
                return connection.answer(401, status(401, "Unauthorized"))
            accepted.set()
            return NotImplemented

        server = HostileServer(script)
        self.addCleanup(server.close)
        token = self.folder / "token"
        token.write_text(secret("old"))
        self.write_kubeconfig(server.url, {"tokenFile": str(token)})
        controller = Running(self, "controller", "--kubeconfig", self.kubeconfig, "--leader-elect=false")
        controller.wait_for("watch interrupted")
        token.write_text(secret("new"))
        self.assertTrue(accepted.wait(PATIENCE_S))
        controller.wait_for("in step")
        try:
            memory = memory_of(controller.process.pid)
        except PermissionError:
            self.skipTest("this user may not read it, which is as it shall be")
        self.assertIn(secret("new").encode(), memory)  # the search finds what is there
        for name in ("old", "other-token", "other-key"):
            self.assertEqual(memory.count(secret(name).encode()), 0, name)

    def test_no_core_is_written(self):
        serve(self, self.kubeconfig, "--no-controller")
        # its own limit, as if the administrator wanted cores
        controller = Running(self, "controller", "--kubeconfig", self.kubeconfig,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2))
        controller.wait_for("confined")
        controller.process.send_signal(signal.SIGSEGV)
        _, how = os.waitpid(controller.process.pid, 0)
        controller.process.returncode = -os.WTERMSIG(how)
        self.assertEqual((os.WTERMSIG(how), os.WCOREDUMP(how)), (signal.SIGSEGV, False))


class Tls(Case):
    def shake_hands(self, version):
        serve(self, self.kubeconfig, "--no-controller")
        host, port = re.search(r"https://([\d.]+):(\d+)", self.path.read_text()).groups()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")  # else Python itself offers none of the old ones
        context.minimum_version = context.maximum_version = version
        with socket.create_connection((host, int(port)), PATIENCE_S) as plain, context.wrap_socket(plain) as secure:
            return secure.version()

    def test_old_versions_are_refused(self):
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            with self.assertRaises(ssl.SSLError) as refused:
                self.shake_hands(version)
            self.assertIn("PROTOCOL_VERSION", str(refused.exception))

    def test_new_versions_are_taken(self):
        self.assertEqual(self.shake_hands(ssl.TLSVersion.TLSv1_2), "TLSv1.2")
        self.assertEqual(self.shake_hands(ssl.TLSVersion.TLSv1_3), "TLSv1.3")


if __name__ == "__main__":
    program = unittest.main(verbosity=1, exit=False)
    failed = len(program.result.failures) + len(program.result.errors)
    print(f"{program.result.testsRun - failed} passed, {failed} failed", file=sys.stderr)
    sys.exit(1 if failed else 0)
