#!/usr/bin/env python3
"""model-booster standalone, as a person meets it: started, used, restarted, killed, refused.

    MODEL_BOOSTER=build/main/model-booster tests/e2e/test_standalone.py [case...]
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

from running import Running

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("MODEL_BOOSTER", str(ROOT / "build/main/model-booster"))
QUICKSTART = "examples/quickstart.yaml"
MB = "modelbooster.workload.serving.volcano.sh"
PATIENCE_S = 60


def without_repeats(pairs):
    keys = [key for key, _ in pairs]
    assert len(set(keys)) == len(keys), keys
    return dict(pairs)


class Standalone:
    """A running one; `data` None: a temporary folder."""

    def __init__(self, case, data, *arguments):
        self.case, self.data = case, data
        where = ["--data", data] if data else []
        self.process = subprocess.Popen([PROGRAM, "standalone", *where, "--simulate-delay-ms", "50", *arguments], cwd=ROOT, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        case.addCleanup(self.end)
        self.words = ""
        while line := self.process.stdout.readline():
            self.words += line
            if line.startswith("Ctrl-C"):
                break
        else:
            self.process.wait(PATIENCE_S)
        found = re.search(r"kubeconfig  (.+)", self.words)
        self.kubeconfig = found and found.group(1)

    def end(self):
        self.process.kill()
        self.process.communicate()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out, log = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, log

    def run(self, *arguments, stdin=None, kubeconfig=None, program=PROGRAM):
        environment = {**os.environ, "KUBECONFIG": kubeconfig or self.kubeconfig}
        return subprocess.run([program, *arguments], cwd=ROOT, env=environment, input=stdin, capture_output=True, text=True, timeout=PATIENCE_S)

    def request(self, method, path, content=None, form="application/json"):
        """One request without kubectl's or our own help; content that is bytes goes as it is."""
        text = pathlib.Path(self.kubeconfig).read_text()
        where = lambda field: re.search(f"{field}: (.+)", text).group(1)
        body = json.dumps(content).encode() if content and not isinstance(content, bytes) else content
        request = urllib.request.Request(where("server") + path, method=method, data=body,
                                         headers={"Authorization": "Bearer " + where("token"), "Content-Type": form})
        trust = ssl.create_default_context(cafile=str(pathlib.Path(self.kubeconfig).parent / "ca.crt"))
        with urllib.request.urlopen(request, context=trust, timeout=PATIENCE_S) as answer:
            return json.load(answer, object_pairs_hook=without_repeats)

    def good(self, *arguments, **options):
        done = self.run(*arguments, **options)
        self.case.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="standalone-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.data = str(self.folder / "data")

    def start(self, *arguments, data=True):
        return Standalone(self, self.data if data else None, *arguments)

    def refused(self, message, *arguments, data=None):
        done = subprocess.run([PROGRAM, "standalone", "--data", data or self.data, *arguments], cwd=ROOT, capture_output=True, text=True,
                              timeout=PATIENCE_S)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertRegex(done.stderr, message)


class Life(Case):
    def test_starts_and_says_what_to_type(self):
        server = self.start("--simulate-serving")
        self.assertRegex(server.words, r"^Kubernetes' API at https://127\.0\.0\.1:\d+, ready after \d+ ms\n")
        self.assertIn(f"export KUBECONFIG={self.data}/kubeconfig\n", server.words)
        milliseconds = int(re.search(r"after (\d+) ms", server.words).group(1))
        self.assertLess(milliseconds, 2000)  # tests share their machine; make bench holds the bound
        for path in [self.folder / "data", *(self.folder / "data").iterdir()]:
            self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0, path)
        self.assertEqual(server.stop()[0], 0)

    def test_signals_change_the_level_of_the_log(self):
        server = self.start("--log-level", "error")
        for number, line in [(signal.SIGUSR1, "log level changed level=warn was=error"), (signal.SIGUSR2, "log level changed level=error was=warn"),
                             (signal.SIGUSR2, "log level stays level=error"), (signal.SIGUSR1, "log level changed level=warn was=error"),
                             (signal.SIGUSR1, "log level changed level=info was=warn")]:
            server.process.send_signal(number)
            self.assertRegex(server.process.stderr.readline(), rf"^\S+ info  {line}\n$")
        code, log = server.stop()
        self.assertEqual(code, 0, log)
        self.assertIn("stopping", log)  # which level error does not show

    def test_data_survive_a_restart(self):
        server = self.start("--simulate-serving", "--apply", QUICKSTART)
        self.assertEqual(server.good("wait", "mb/quickstart", "--for=create"), f"{MB}/quickstart condition met\n")
        server.good("wait", "mb/quickstart", "--for=condition=Active")
        before = json.loads(server.good("get", "mb", "quickstart", "-o", "json"))
        code, log = server.stop(signal.SIGINT)
        self.assertEqual(code, 0, log)
        again = self.start("--simulate-serving")
        after = json.loads(again.good("get", "mb", "quickstart", "-o", "json"))
        # Active may be told before all that the status has to say: it, and the version, may have moved once more.
        for seen in (before, after):
            del seen["metadata"]["resourceVersion"], seen["status"]
        self.assertEqual(after, before)
        again.good("wait", "mb/quickstart", "--for=condition=Active")
        self.assertEqual(again.good("get", "pods", "-o", "name"), "pod/quickstart-cpu-0-leader-0-0\n")

    def test_killed_and_started_again(self):
        server = self.start("--simulate-serving")
        server.good("apply", "-f", "examples/")
        names = server.good("get", "mb", "-o", "name")
        self.assertEqual(len(names.splitlines()), 12)
        server.process.kill()
        server.process.communicate()
        again = self.start("--simulate-serving")
        self.assertEqual(again.good("get", "mb", "-o", "name"), names)
        again.good("wait", "mb/quickstart", "mb/coder", "--for=condition=Active")

    def test_a_watch_goes_on_through_a_restart(self):
        server = self.start("--no-controller", "--apply", QUICKSTART)
        watch = subprocess.Popen([PROGRAM, "watch", "mb", "--no-headers"], env={**os.environ, "KUBECONFIG": server.kubeconfig}, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(Standalone.end, type("Watch", (), {"process": watch}))
        self.assertRegex(watch.stdout.readline(), "^ADDED      quickstart")
        self.assertEqual(server.stop()[0], 0)
        again = self.start("--no-controller")
        self.assertEqual(again.words.splitlines()[0].split(",")[0], server.words.splitlines()[1].split(",")[0])  # the same port
        again.good("apply", "-f", "examples/suspended.yaml")
        again.good("delete", "mb", "quickstart")
        self.assertRegex(watch.stdout.readline(), "^ADDED      asleep")
        self.assertRegex(watch.stdout.readline(), "^DELETED    quickstart")

    def test_a_controller_follows_a_server_that_is_restored(self):
        server = self.start("--no-controller", "--simulate-serving")
        controller = Running(self, "controller", "--kubeconfig", server.kubeconfig, "--leader-elect=false")
        server.good("apply", "-f", QUICKSTART)
        server.good("wait", "mb/quickstart", "--for=condition=Active")
        self.assertEqual(server.stop()[0], 0)
        shutil.copytree(self.data, self.folder / "backup")
        later = self.start("--no-controller", "--simulate-serving")
        later.good("apply", "-f", "examples/suspended.yaml")
        later.good("wait", "mb/asleep", "--for=condition=Initialized")
        path = "/apis/workload.serving.volcano.sh/v1alpha1/namespaces/default/modelboosters/quickstart"
        for number in range(30):  # so that the new life does not reach the versions of this one before anybody asks
            mb = later.request("GET", path)
            mb["metadata"].setdefault("annotations", {})["example.com/number"] = str(number)
            later.request("PUT", path, mb)
        controller.wait_for("model=asleep")
        self.assertEqual(later.stop()[0], 0)
        shutil.rmtree(self.data)
        shutil.copytree(self.folder / "backup", self.data)
        restored = self.start("--no-controller", "--simulate-serving")
        controller.wait_for("storage was set back")
        mb = restored.request("GET", path)
        mb["spec"]["suspend"] = True
        restored.request("PUT", path, mb)
        restored.good("wait", "mb/quickstart", "--for=condition=Active=False")
        serving = json.loads(restored.good("get", "modelserving", "quickstart-cpu", "-o", "json"))
        self.assertEqual(serving["spec"]["replicas"], 0)
        restored.good("apply", "-f", "examples/suspended.yaml")  # of which the restored state knows nothing
        restored.good("wait", "mb/asleep", "--for=condition=Initialized")
        self.assertEqual(len(re.findall("storage was set back", controller.log)), 1, controller.log)

    def test_a_taken_port_is_no_trouble(self):
        server = self.start()
        port = int(re.search(r":(\d+),", server.words).group(1))
        server.stop()
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            self.start().good("get", "namespaces")

    def test_definitions(self):
        """Ours are brought up to date; those of somebody else stay."""
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/modelroutes.networking.serving.volcano.sh"
        mark = "standalone.model-booster.dev/installed"
        for is_ours in (True, False):
            with self.subTest(is_ours=is_ours):
                server = self.start()
                definition = server.request("GET", path)
                self.assertIn(mark, definition["metadata"]["annotations"])
                definition["spec"]["versions"][0]["additionalPrinterColumns"] = []
                definition["metadata"]["annotations"] = {mark: "of an older version"} if is_ours else {}
                server.request("PUT", path, definition)
                server.stop()
                again = self.start()
                columns = again.request("GET", path)["spec"]["versions"][0].get("additionalPrinterColumns", [])
                self.assertEqual(len(columns) > 0, is_ours)
                again.stop()

    def test_a_second_process_is_refused(self):
        server = self.start()
        self.refused(f'data" is in use by another model-booster standalone \\(process {server.process.pid}\\); stop it, or give another --data')
        server.good("get", "namespaces")
        self.assertEqual(server.stop()[0], 0)
        self.assertEqual(self.start().stop()[0], 0)

    def test_temporary_leaves_nothing(self):
        os.environ["TMPDIR"] = str(self.folder)
        self.addCleanup(os.environ.pop, "TMPDIR")
        server = self.start("--temporary", data=False)
        self.assertRegex(server.words, r"data        .+ \(removed at the end\)")
        self.assertEqual(len(list(self.folder.iterdir())), 1)
        self.assertEqual(server.stop()[0], 0)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_stops_with_watches_open(self):
        server = self.start()
        watch = subprocess.Popen([PROGRAM, "watch", "namespaces"], env={**os.environ, "KUBECONFIG": server.kubeconfig}, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(Standalone.end, type("Watch", (), {"process": watch}))
        watch.stdout.readline()
        self.assertEqual(server.stop()[0], 0)


class Refused(Case):
    def test_wrong_flags(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.refused("--listen: cannot listen on .*in use; give another port", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
        self.refused("either --data or --temporary", "--temporary")
        self.refused('standalone: --listen: cannot listen on "localhost": expected an IP address', "--listen", "localhost")
        self.refused('--metrics-bind-address: cannot listen on "foo"', "--metrics-bind-address", "foo")
        self.refused('--metrics-bind-address: cannot listen on "foo"', "--metrics-bind-address", "foo", "--no-controller")
        self.refused("/nowhere", "--token-auth-file", "/nowhere")

    def test_no_folder(self):
        (self.folder / "file").write_text("x")
        self.refused("give another --data", data=str(self.folder / "file"))
        self.refused("give another --data", data=str(self.folder / "file/below"))

    def test_a_folder_that_others_may_write_to(self):
        """New, and used before."""
        data = pathlib.Path(self.data)
        data.mkdir()
        for _ in range(2):
            before = sorted(data.iterdir())
            for mode in (0o777, 0o720, 0o702, 0o1777):
                data.chmod(mode)
                self.refused(f'others may write to "{data}" \\(mode {mode:04o}\\).*; chmod 700 "{data}", or give another --data')
                self.assertEqual((sorted(data.iterdir()), stat.S_IMODE(data.stat().st_mode)), (before, mode))
            data.chmod(0o700)
            self.assertEqual(self.start().stop()[0], 0)

    def test_a_folder_that_others_may_read(self):
        data = pathlib.Path(self.data)
        data.mkdir()
        for mode in (0o755, 0o2750):  # new, and used before
            data.chmod(mode)
            code, log = self.start().stop()
            self.assertEqual((code, stat.S_IMODE(data.stat().st_mode)), (0, mode & 0o7700))
            self.assertNotIn("look into", log)

    def test_a_folder_with_other_things(self):
        data = pathlib.Path(self.data)
        data.mkdir()
        data.chmod(0o755)
        (data / "theirs").touch()
        code, log = self.start().stop()
        self.assertEqual((code, stat.S_IMODE(data.stat().st_mode)), (0, 0o755))
        self.assertIn(f'others may look into the data folder folder={data} remedy="chmod 700 it', log)
        self.assertEqual({stat.S_IMODE(path.stat().st_mode) & 0o077 for path in data.iterdir() if path.name != "theirs"}, {0})

    def test_a_kubeconfig_of_somebody_else_stays(self):
        path = self.folder / "kubeconfig"
        path.write_text("apiVersion: v1\n")
        self.refused("was written by somebody else", "--kubeconfig-out", str(path))
        self.assertEqual(path.read_text(), "apiVersion: v1\n")

    def test_broken_keys(self):
        self.start().stop()
        for name, content, message in (("ca.crt", "x", "ca.crt: .*remove ca.crt and ca.key"), ("admin.token", "short", "admin.token is too short"),
                                       ("admin.token", b"\xff\0" * 32, "admin.token is damaged: .*; remove it, and a new one is made"),
                                       ("admin.token", "a" * 31 + '"' + "a" * 32, "admin.token is damaged"),
                                       ("admin.token", "a" * 32 + "\n" + "a" * 31, "admin.token is damaged")):
            path = self.folder / "data" / name
            before = path.read_bytes()
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            self.refused(message)
            path.write_bytes(before)
        self.assertEqual(self.start().stop()[0], 0)

    def test_a_token_that_looks_like_a_number(self):
        self.start().stop()
        (self.folder / "data/admin.token").write_text("1" * 40)
        self.start().good("get", "namespaces")

    def test_a_wrong_token_file(self):
        path = self.folder / "tokens"
        path.write_text("# users\nsecret-one,ann,1\nsecret-two,bob\n")
        self.refused(f"{path}:3: write token,user,uid", "--token-auth-file", str(path))

    def test_wrong_manifests_are_told_and_the_server_goes_on(self):
        path = self.folder / "wrong.yaml"
        path.write_text((ROOT / QUICKSTART).read_text().replace("type: vLLM", "type: vLMM") + "---\na: [\n")
        server = self.start("--apply", str(path))
        self.assertEqual(server.good("get", "namespaces", "default", "-o", "name"), "namespace/default\n")
        wrong = (ROOT / QUICKSTART).read_text().replace("type: vLLM", "type: vLMM")
        line = next(number for number, text in enumerate(wrong.splitlines(), 1) if "vLMM" in text)
        done = server.run("apply", "-f", "-", stdin=wrong)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, f'<stdin>:{line}: spec.backends\\[0\\].type: .*"vLMM"')
        self.assertRegex(server.stop()[1], "wrong.yaml:\\d+: (.|\n)*nothing was applied")


    def test_wrong_manifests_are_no_fault_of_the_server(self):
        """Its own answer to them is 500, as kube-apiserver's."""
        good = (ROOT / QUICKSTART).read_text()
        cases = {
            "modelUri": (good.replace("modelURI", "modelUri"), 'unknown field "modelUri"; did you mean modelURI\\?'),
            "minReplicas": (good.replace("minReplicas: 1", "minReplicas: two"), 'found the text "two"; write a whole number'),
            "metadata.foo": (good.replace("metadata:", "metadata:\n  foo: bar"), 'unknown field "foo"; remove it'),
            "bar": ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nbar: 1\n", "field not declared in schema; is the field spelled"),
            "foo": (good.replace("spec:", "foo: 1\nspec:"), 'unknown field "foo"; remove it'),
            "data.a": ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: 1\n", "expected string.*; write it in quotes"),
        }
        server = self.start("--no-controller")
        for field, (text, message) in cases.items():
            with self.subTest(field):
                line = next(number for number, words in enumerate(text.splitlines(), 1) if words.strip().startswith(field.split(".")[-1] + ":"))
                done = server.run("apply", "-f", "-", stdin=text)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, f"^model-booster apply: <stdin>:{line}: (spec.backends\\[0\\].)?{field}: {message}.*\\n$")


class Entrance(Case):
    def test_tokens(self):
        path = self.folder / "tokens"
        path.write_text('secret-one,ann,1\nsecret-two,bob,2,"system:masters,others"\n')
        server = self.start("--token-auth-file", str(path))

        def as_user(token):
            text = re.sub("token: .*", f"token: {token}", pathlib.Path(server.kubeconfig).read_text())
            (self.folder / "other").write_text(text)
            return server.run("get", "mb", kubeconfig=str(self.folder / "other"))
        self.assertEqual(as_user("secret-two").returncode, 0)
        self.assertRegex(as_user("secret-one").stderr, 'User "ann" cannot list')
        self.assertRegex(as_user("secret-three").stderr, "does not know these credentials")

    def test_kubeconfig_out_and_audit(self):
        out, audit = self.folder / "out", self.folder / "audit"
        server = self.start("--kubeconfig-out", str(out), "--audit-log", str(audit))
        self.assertEqual(server.kubeconfig, str(out))
        self.assertEqual(stat.S_IMODE(out.stat().st_mode), 0o600)
        server.good("get", "namespaces", "default")
        self.assertEqual(server.stop()[0], 0)
        events = [json.loads(line) for line in audit.read_text().splitlines()]
        self.assertIn("/api/v1/namespaces/default", [event["requestURI"] for event in events])
        self.assertEqual(self.start("--kubeconfig-out", str(out)).stop()[0], 0)

    def test_the_audit_log_has_no_secrets_of_what_is_refused(self):
        audit = self.folder / "audit"
        server = self.start("--no-controller", "--audit-log", str(audit))
        core, merge, planted = "/api/v1/namespaces/default/", "application/merge-patch+json", "planted 7c1e9f3a5b"
        server.request("POST", core + "secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}})
        token = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": planted}}
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": [planted]}}
        cases = [("POST", "secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "t"}, "data": {"k": planted}}),
                 ("PUT", "secrets/s", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": planted}}),
                 ("PATCH", "secrets/s", {"data": {"k": planted}}), ("PATCH", "secrets/s", {"stringData": {"k": [planted]}}),
                 ("POST", "secrets", {"apiVersion": "v1", "kind": planted, "metadata": {"name": "t"}}),
                 ("POST", "configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "binaryData": {"k": planted}}),
                 ("POST", "serviceaccounts/default/token", token), ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review),
                 ("POST", "pods", {"apiVersion": "v1", "kind": "Node"})]
        for method, path, content in cases:
            with self.subTest(method + path), self.assertRaises(urllib.error.HTTPError):
                server.request(method, path if path.startswith("/") else core + path, content, merge if method == "PATCH" else "application/json")
        server.stop()
        self.assertNotIn(planted, audit.read_text())
        ours = [event for event in map(json.loads, audit.read_text().splitlines()) if "urllib" in event.get("userAgent", "")]
        refused = [event for event in ours if event["responseStatus"]["code"] >= 400]
        self.assertEqual(len(refused), len(cases))
        self.assertIn("Node", refused[-1]["responseStatus"]["message"])

    def test_entries_that_protobuf_repeats_are_stored_once(self):
        def field(number, content):
            return bytes([number << 3 | 2, len(content)]) + content
        entries = b"".join(field(2, field(1, b"k") + field(2, value)) for value in (b"first", b"last"))
        whole = b"k8s\0" + field(1, field(1, b"v1") + field(2, b"ConfigMap")) + field(2, field(1, field(1, b"p")) + entries)
        server = self.start("--no-controller")
        maps = "/api/v1/namespaces/default/configmaps"
        server.request("POST", maps, whole, "application/vnd.kubernetes.protobuf")
        self.assertEqual(server.request("GET", maps + "/p")["data"], {"k": "last"})

    def test_metadata_that_validate_refuses_the_server_refuses(self):
        server = self.start("--no-controller")
        boosters = "/apis/workload.serving.volcano.sh/v1alpha1/namespaces/default/modelboosters"
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u"}
        cases = [{"labels": {"a": 1}}, {"labels": ["a"]}, {"annotations": {"a": True}}, {"annotations": "a"}, {"finalizers": "x"}, {"finalizers": ["a/b", 1]},
                 {"ownerReferences": {}}, {"ownerReferences": ["x"]}, {"ownerReferences": [{**owner, "uid": ""}]}, {"managedFields": {}}, {"generation": "1"},
                 {"ownerReferences": [{**owner, "controller": "yes"}]}, {"selfLink": 1}, {"labels": {"a b": "x y"}}, {"labels": {"A.b/c": "d"}},
                 {"labels": {"a": "a" * 64}}, {"annotations": {"a/b/c": "x"}}, {"annotations": {"a": "x" * (256 * 1024)}}, {"finalizers": ["a b"]},
                 {"namespace": "Foo_Bar"}]
        good = {"labels": {"a": None, "a.b/C": "D-e.f_9"}, "annotations": {"A.b/c": " "}, "finalizers": ["orphan"], "ownerReferences": [owner]}
        for number, metadata in enumerate([good, *cases]):
            with self.subTest(str(metadata)[:80]):
                model = {"apiVersion": "workload.serving.volcano.sh/v1alpha1", "kind": "ModelBooster", "metadata": {"name": f"m{number}", **metadata},
                         "spec": {"backend": {"name": "b", "type": "vLLM", "modelURI": "hf://o/n", "replicas": 1, "workers": [{"image": "i"}]}}}
                self.assertEqual(server.run("validate", "-f", "-", stdin=json.dumps(model)).returncode, int(metadata is not good))
                try:
                    server.request("POST", boosters, model)
                    self.assertIs(metadata, good)
                except urllib.error.HTTPError as refusal:
                    self.assertIn(refusal.code, (400, 422))
                    self.assertIsNot(metadata, good)

    @unittest.skipUnless(shutil.which("kubectl"), "no kubectl")
    def test_kubectl(self):
        server = self.start("--simulate-serving")
        kubectl = lambda *arguments: server.good(*arguments, program="kubectl")
        kubectl("apply", "--server-side", "-f", QUICKSTART)
        kubectl("wait", "--for=condition=Active", "modelbooster/quickstart", "--timeout=60s")
        self.assertRegex(kubectl("get", "mb"), r"^NAME +INITIALIZED +ACTIVE +FAILED +AGE\nquickstart +True +True +False ")
        masked = lambda text: re.sub(r"\b(\d+m)?\d+s\b", "AGE", text)
        for words in ("mb", "mb -o wide", "mb,msv -A", "pods -o wide", "pods,cm", "crd", "namespaces", "clusterroles", "mb -o name", "mb -o yaml",
                      "mb/quickstart msv/quickstart-cpu", "mb quickstart --no-headers", "pods -A -l nobody=has",
                      "all", "model-booster,cm"):
            with self.subTest(words):
                self.assertEqual(masked(server.good("get", *words.split())), masked(kubectl("get", *words.split())))
        kubectl("delete", "mb", "quickstart")


class Lease(Case):
    """Its own controller holds the Lease that controllers beside it wait for."""

    def holder(self, server):
        return json.loads(server.good("get", "lease", "model-booster", "-o", "json"))["spec"]["holderIdentity"]

    def controller(self, server):
        """One beside it; its words on standard error up to "another leads" or "leading"."""
        process = subprocess.Popen([PROGRAM, "controller", "--kubeconfig", server.kubeconfig], text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(Standalone.end, type("Controller", (), {"process": process}))
        for line in process.stderr:
            if re.search(r" (another leads|leading) ", line):
                return process, line
        return self.fail("it has ended")

    def test_a_second_controller_stands_by(self):
        server = self.start("--simulate-serving", "--apply", QUICKSTART)
        server.good("wait", "mb/quickstart", "--for=condition=Active")
        self.assertEqual(self.holder(server), "model-booster-standalone")
        process, words = self.controller(server)
        self.assertRegex(words, 'another leads lease=model-booster holder=model-booster-standalone remedy="start standalone with --no-controller')
        server.good("apply", "-f", "examples/suspended.yaml")
        server.good("wait", "mb/asleep", "--for=condition=Initialized")
        process.terminate()
        self.assertNotRegex(process.communicate(timeout=PATIENCE_S)[1], " (created|status|leading) ")
        self.assertEqual(server.stop()[0], 0)

    def test_works_at_once_after_a_kill(self):
        server = self.start()
        server.good("apply", "-f", QUICKSTART)
        server.good("wait", "mb/quickstart", "--for=condition=Initialized")
        server.process.kill()
        server.process.communicate()
        again = self.start()
        again.good("apply", "-f", "examples/suspended.yaml")
        again.good("wait", "mb/asleep", "--for=condition=Initialized", "--timeout", "5s")  # the Lease runs out after 60 s
        self.assertEqual(self.holder(again), "model-booster-standalone")

    def test_is_given_up_at_the_end(self):
        server = self.start()
        server.good("wait", "lease/model-booster", "--for=create")
        self.assertEqual(server.stop()[0], 0)
        again = self.start("--no-controller")
        self.assertFalse(self.holder(again))
        self.assertRegex(self.controller(again)[1], " leading lease=model-booster ")

    def test_without_controller_there_is_none(self):
        server = self.start("--no-controller")
        self.assertIn("not found", server.run("get", "lease", "model-booster").stderr)

    def test_another_that_holds_it_is_waited_for(self):
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "model-booster"},
                 "spec": {"holderIdentity": "other", "leaseDurationSeconds": 3, "leaseTransitions": 0}}
        server = self.start("--no-controller")
        server.request("POST", "/apis/coordination.k8s.io/v1/namespaces/default/leases", lease)
        server.stop()
        again = self.start()
        again.good("apply", "-f", QUICKSTART)
        again.good("wait", "mb/quickstart", "--for=condition=Initialized")
        self.assertEqual(self.holder(again), "model-booster-standalone")
        self.assertRegex(again.stop()[1], r"(?s)another leads lease=model-booster holder=other\n.* leading lease=model-booster .*created kind=ModelServing")


    def test_is_had_again_after_it_was_lost(self):
        """Writes come when it leads again, and the API is served meanwhile."""
        server = self.start()
        server.good("wait", "lease/model-booster", "--for=create")
        path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/model-booster"
        lease = server.request("GET", path)
        lease["spec"].update(holderIdentity="other", leaseDurationSeconds=3)
        server.request("PUT", path, lease)
        for line in server.process.stderr:
            if "the lease is lost, standing by" in line:
                break
        server.good("apply", "-f", QUICKSTART)
        server.good("wait", "mb/quickstart", "--for=condition=Initialized")
        self.assertRegex(server.stop()[1], r"(?s)\A[^\n]* leading lease=model-booster .*created kind=ModelServing")


class Simulation(Case):
    def test_each_way_to_fail(self):
        server = self.start("--simulate-serving", "--apply", QUICKSTART)
        server.good("wait", "mb/quickstart", "--for=condition=Active")
        serving = json.loads(server.good("get", "msv", "quickstart-cpu", "-o", "json"))
        ways = {"schedule": ("scheduled", "Unschedulable"), "pull": ("downloaded", "ImagePullBackOff"), "download": ("downloaded", "DownloadFailed"),
                "load": ("loaded", "LoadFailed"), "crash": ("loaded", "CrashLoopBackOff")}
        for way, (link, reason) in ways.items():
            with self.subTest(way):
                labelled = {"apiVersion": serving["apiVersion"], "kind": serving["kind"], "metadata": {
                    "name": "quickstart-cpu", "labels": {**serving["metadata"]["labels"], "simulation.model-booster.dev/fail": way}},
                    "spec": serving["spec"]}
                server.good("apply", "-f", "-", "--force-conflicts", stdin=json.dumps(labelled))
                server.good("wait", "mb/quickstart", "--for=condition=Active=False")
                described = self.wait_for(server, reason)
                self.assertRegex(described, f"Active: +False +BackendsNotAvailable: backend cpu: {reason}: simulation: 0 of 1")
                self.assertRegex(described, f"=> it fails where it is to be {link}: pod quickstart-cpu-0-leader-0-0")
        self.assertRegex(server.good("get", "pods", "-o", "yaml"), "simulation: the engine was killed")

    def wait_for(self, server, word):
        """Until the ModelBooster says the word: each look waits for the next change of it."""
        watch = subprocess.Popen([PROGRAM, "get", "mb", "quickstart", "-w", "-o", "json"], text=True, stdout=subprocess.PIPE,
                                 env={**os.environ, "KUBECONFIG": server.kubeconfig})
        try:
            for line in watch.stdout:
                if f"backend cpu: {word}" in line:
                    return server.good("describe", "mb", "quickstart")
        finally:
            watch.kill()
            watch.communicate()
        return self.fail("the watch ended")

    def test_goes_with_its_owner(self):
        server = self.start("--simulate-serving", "--apply", QUICKSTART)
        server.good("wait", "mb/quickstart", "--for=condition=Active")
        kinds = [line.split("/")[0].split(".")[0] for line in server.good("get", "model-booster", "-o", "name").splitlines()]
        self.assertEqual(sorted(kinds), ["modelbooster", "modelroute", "modelserver", "modelserving"])
        self.assertIn(f"{MB}/quickstart\n", server.good("get", "all", "-o", "name"))
        server.good("delete", "mb", "quickstart")
        for name in ("msv/quickstart-cpu", "pod/quickstart-cpu-0-leader-0-0", "modelroute/quickstart"):
            server.good("wait", name, "--for=delete")

    def test_goes_before_its_owner(self):
        server = self.start("--simulate-serving", "--apply", QUICKSTART)
        server.good("wait", "mb/quickstart", "--for=condition=Active")
        server.good("delete", "mb", "quickstart", "--cascade", "foreground")
        self.assertEqual(server.good("get", "pods", "-o", "name"), "")

    def test_stays_without_its_owner(self):
        server = self.start("--simulate-serving", "--apply", "examples/gang-topology.yaml")
        server.good("wait", "mb/tight", "--for=condition=Active")
        pods = server.good("get", "pods", "-o", "name")
        self.assertEqual(len(pods.splitlines()), 6)
        for name in ("mb/tight", "msv/tight-pd"):
            server.good("delete", name, "--cascade", "orphan")
        self.assertEqual(server.good("get", "pods", "-o", "name"), pods)

    def test_a_pod_that_is_deleted_comes_back(self):
        server = self.start("--simulate-serving", "--apply", QUICKSTART)
        server.good("wait", "mb/quickstart", "--for=condition=Active")
        uid = lambda: json.loads(server.good("get", "pod", "quickstart-cpu-0-leader-0-0", "-o", "json"))["metadata"]["uid"]
        before = uid()
        server.good("delete", "pod", "quickstart-cpu-0-leader-0-0")
        server.good("wait", "pod/quickstart-cpu-0-leader-0-0", "--for=create")
        server.good("wait", "pod/quickstart-cpu-0-leader-0-0", "--for=condition=Ready")
        self.assertNotEqual(uid(), before)

    def test_without_simulation_and_controller(self):
        server = self.start("--no-controller", "--apply", QUICKSTART)
        server.good("wait", "mb/quickstart", "--for=create")
        self.assertRegex(server.good("describe", "mb", "quickstart"), "no controller has looked at it yet")


def run_and_count():
    program = unittest.main(verbosity=1, exit=False)
    failed = len(program.result.failures) + len(program.result.errors)
    print(f"{program.result.testsRun - failed} passed, {failed} failed", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    run_and_count()
