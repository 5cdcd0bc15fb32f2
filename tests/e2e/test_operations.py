#!/usr/bin/env python3
"""How the controller is told what to do, and what it says of itself before it starts: flags, file, environment, --check.

    MODEL_BOOSTER=build/main/model-booster tests/e2e/test_operations.py [case...]
"""
import json
import os
import pathlib
import re
import socket
import subprocess
import unittest

from played_server import PlayedServer, status
from test_standalone import PATIENCE_S, PROGRAM, ROOT, Case, Standalone, run_and_count

NO_CLUSTER = "no cluster to talk to"


def plain_environment(**more):
    ours = {"KUBECONFIG", "OTEL_EXPORTER_OTLP_ENDPOINT", "HOME", "KUBERNETES_SERVICE_HOST"}
    return {**{name: value for name, value in os.environ.items() if name not in ours and not name.startswith("MODEL_BOOSTER_")}, **more}


def controller(*arguments, **environment):
    return subprocess.run([PROGRAM, "controller", *arguments], cwd=ROOT, env=plain_environment(**environment), capture_output=True, text=True,
                          timeout=PATIENCE_S)


def variable(name):
    return "MODEL_BOOSTER_" + name.upper().replace("-", "_")


def settings_of(text):
    """name -> (value as printed, where from); value None: not set."""
    settings = {}
    for line in text.splitlines():
        if match := re.fullmatch(r"([a-z-]+): (.*\S) +# (.+)", line):
            settings[match.group(1)] = (match.group(2), match.group(3))
        elif match := re.fullmatch(r"# ([a-z-]+): +# not set", line):
            settings[match.group(1)] = (None, "not set")
    return settings


def flags_of_help():
    """name -> its argument as the help shows it ("" for a switch), but for those of one call."""
    text = controller("--help").stdout
    flags = {name: argument or "" for name, argument in re.findall(r"^  (?:-\w, |    )--([a-z-]+)(?: (\S*[A-Z|]\S*))?(?: |$)", text, re.M)}
    return {name: argument for name, argument in flags.items() if name not in ("help", "config", "check", "output")}


def samples(name, argument):
    """Three values that differ, as on a command line. A switch has two."""
    if argument == "":
        return ["true", "false", "true"]
    if "|" in argument:
        words = argument.split("|")
        return [words[-1], words[0], words[-1]]
    if argument == "N":
        return ["3", "2", "1"]
    if argument == "DURATION":
        return ["15s", "14s", "13s"] if "lease-duration" in name else ["9s", "8s", "7s"] if "renew" in name else ["3s", "2s", "1s"]
    return ["one", "two", "three"]


class Settings(Case):
    """Each flag of the help, whoever adds one: from everywhere, in the order of strength."""

    def check(self, arguments=(), file="", **environment):
        where = []
        if file:
            path = self.folder / "settings.yaml"
            path.write_text(file)
            where = ["--config", str(path)]
        done = controller("--check", *where, *arguments, **environment)
        self.assertEqual(done.stderr, "", done.stdout)
        self.assertEqual(done.returncode, 2)
        return settings_of(done.stdout)

    def test_there_are_flags_to_try(self):
        flags = flags_of_help()
        self.assertGreater(len(flags), 10)
        self.assertEqual(set(self.check()), set(flags))

    def test_flags_are_stronger_than_the_file_and_the_file_than_the_environment(self):
        for name, argument in flags_of_help().items():
            of_flag, of_file, of_environment = samples(name, argument)
            quoted = json.dumps(of_file) if argument not in ("", "N") else of_file
            file, flag = f"# settings\n{name}: {quoted}\n", [f"--{name}={of_flag}"]
            environment = {variable(name): of_environment}
            shown = lambda value: {value, f'["{value}"]'}
            for sources, value, origin in [((), None, "(default|not set)"), ((environment,), of_environment, f"environment {variable(name)}"),
                                           ((file,), of_file, re.escape(str(self.folder)) + r"/settings\.yaml:2"),
                                           ((file, environment), of_file, re.escape(str(self.folder)) + r"/settings\.yaml:2"),
                                           ((flag, environment), of_flag, "flag"), ((flag, file), of_flag, "flag"),
                                           ((flag, file, environment), of_flag, "flag")]:
                with self.subTest(name=name, origin=origin, sources=len(sources)):
                    settings = self.check(flag if flag in sources else (), file if file in sources else "",
                                          **(environment if environment in sources else {}))
                    self.assertRegex(settings[name][1], f"^{origin}$")
                    if value:
                        self.assertIn(settings[name][0], shown(value))

    def test_what_is_printed_can_be_given_back(self):
        arguments = ["--namespace", "team-a", "-n", "team-b", "--context", "it's: \"odd\" # yes", "--runtime-image", "true", "--max-in-flight", "7",
                     "--log-level", "warn", "--downloader-image", "007"]
        first = controller("--check", *arguments)
        path = self.folder / "printed.yaml"
        path.write_text(first.stdout)
        second = controller("--check", "--config", str(path))
        self.assertEqual(second.stderr, "")
        self.assertIn(NO_CLUSTER, second.stdout)
        before, after = settings_of(first.stdout), settings_of(second.stdout)
        self.assertEqual({name: value for name, (value, _) in before.items()}, {name: value for name, (value, _) in after.items()})
        self.assertEqual(after["context"], ("'it''s: \"odd\" # yes'", f"{path}:2"))

    def test_lists_are_of_one_source(self):
        file = "namespace: [c, d]\n"
        self.assertEqual(self.check(file=file, MODEL_BOOSTER_NAMESPACE="e,f")["namespace"][0], '["c", "d"]')
        self.assertEqual(self.check(["-n", "a", "-n", "b"], file)["namespace"][0], '["a", "b"]')
        self.assertEqual(self.check(MODEL_BOOSTER_NAMESPACE="e,f")["namespace"][0], '["e", "f"]')
        self.assertEqual(self.check(file="namespace: g\n")["namespace"][0], '["g"]')

    def test_variables_that_others_know(self):
        self.assertEqual(self.check(OTEL_EXPORTER_OTLP_ENDPOINT="http://a:1")["otlp-endpoint"],
                         ("http://a:1", "environment OTEL_EXPORTER_OTLP_ENDPOINT"))
        self.assertEqual(self.check(OTEL_EXPORTER_OTLP_ENDPOINT="http://a:1", MODEL_BOOSTER_OTLP_ENDPOINT="http://b:1")["otlp-endpoint"],
                         ("http://b:1", "environment MODEL_BOOSTER_OTLP_ENDPOINT"))
        done = controller("--check", KUBECONFIG="/nowhere/config")
        self.assertEqual(settings_of(done.stdout)["kubeconfig"], ("/nowhere/config", "environment KUBECONFIG"))

    def test_the_file_may_be_named_by_the_environment(self):
        path = self.folder / "settings.yaml"
        path.write_text("log-level: error\n")
        done = controller("--check", MODEL_BOOSTER_CONFIG=str(path))
        self.assertEqual(settings_of(done.stdout)["log-level"], ("error", f"{path}:1"))

    def test_what_is_empty_does_not_count(self):
        self.assertEqual(self.check(file="# nothing\n", MODEL_BOOSTER_LOG_LEVEL="")["log-level"], ("info", "default"))

    def test_mistakes_are_told_with_their_place(self):
        file = self.folder / "settings.yaml"
        cases = {
            "log-levl: debug": r':1: "log-levl" is no setting; did you mean log-level\?',
            "max-in-flight: 1\nsomething-unheard-of: 1": r':2: "something-unheard-of" is no setting; --help lists them',
            "config: other.yaml": r':1: "config" is for the command line alone',
            "check: true": r':1: "check" is for the command line alone',
            "max-in-flight: 0": r':1: max-in-flight is "0"; write a number from 1 to 1000',
            "\nmax-in-flight: many": r":2: max-in-flight is no whole number",
            "allow-exec: 1": r":1: allow-exec is neither true nor false",
            "log-format: xml": r':1: log-format is "xml"; write one of text\|json',
            "context: 3": r":1: context is no text; write it in quotes",
            "context:": r":1: context has no value; write one, or remove the line",
            'context: ""': r":1: context is empty; write NAME",
            'context: "a\\0b"': r":1: context holds a NUL character",
            "namespace: [a, 3]": r":1: namespace is no text; write it in quotes",
            "namespace: [a, {b: c}]": r":1: namespace is no text; write it in quotes",
            "namespace: [a, B_]": r':1: namespace is "B_"; write at most 63 of',
            "log-level: info\nlog-level: debug": r":2:1: .*log-level",
            "- log-level": r":1: no settings; write lines as log-level: debug",
            "a: b: c": r":1:5: ",
            "log-level: info\n---\nlog-level: debug": r" holds 2 documents; write one",
        }
        for text, message in cases.items():
            with self.subTest(text):
                file.write_text(text)
                done = controller("--config", str(file))
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertRegex(done.stderr, f"^model-booster controller: {re.escape(str(file))}{message}")
        environment = {
            "MODEL_BOOSTER_LOG_LEVEL": ("loud", r'is "loud"; write one of debug'),
            "MODEL_BOOSTER_MAX_IN_FLIGHT": ("1e3", r'is "1e3"; write a number from 1 to 1000'),
            "MODEL_BOOSTER_ALLOW_EXEC": ("yes", r'is "yes"; write true or false'),
            "MODEL_BOOSTER_NAMESPACE": ("a,,b", r"is empty; write NAME"),
        }
        for name, (value, message) in environment.items():
            with self.subTest(name):
                done = controller(**{name: value})
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertRegex(done.stderr, f"^model-booster controller: environment {name} {message}")
        self.assertRegex(controller("--config", str(self.folder / "none.yaml")).stderr, "none.yaml.*No such file")

    def test_standalone_has_them_too(self):
        path = self.folder / "settings.yaml"
        path.write_text("history-revisions: 10\nlog-level: loud\n")
        self.refused(re.escape(f'{path}:2: log-level is "loud"; write one of'), "--config", str(path))
        path.write_text(f"data: {self.data}\nno-controller: true\n")
        self.assertIn("does not run here (--no-controller)", Standalone(self, None, "--config", str(path)).words)

    def test_a_slip_in_the_environment_is_told(self):
        done = controller("--check", MODEL_BOOSTER_LOG_LEVLE="debug", MODEL_BOOSTER_SERVICE_HOST="10.0.0.1", MODEL_BOOSTER_PORT="tcp://10.0.0.1:80")
        told = [line for line in done.stdout.splitlines() if " settings " in line]
        self.assertEqual(told, ["# warn    settings     environment MODEL_BOOSTER_LOG_LEVLE is no setting; did you mean MODEL_BOOSTER_LOG_LEVEL?"])


class Check(Case):
    """controller --check against the embedded API server."""

    def kubeconfig_of(self, server, token):
        path = self.folder / f"{token}.kubeconfig"
        path.write_text(re.sub("token: .*", f"token: {token}", pathlib.Path(server.kubeconfig).read_text()))
        path.chmod(0o600)
        return str(path)

    def told(self, done):
        return re.findall(r"^# (ok|warn|failed) +(\w+) +(.+)$", done.stdout, re.M)

    def test_all_is_well(self):
        server = self.start("--no-controller")
        server.good("apply", "-f", "-", stdin=(ROOT / "deploy/config.yaml").read_text().replace("namespace: model-booster-system", "namespace: default"))
        done = server.run("controller", "--check", kubeconfig=server.kubeconfig)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        (_, _, connection), rights, definitions, images = self.told(done)
        self.assertRegex(connection, r"^https://127\.0\.0\.1:\d+: Kubernetes v\S+, as admin$")
        self.assertRegex(" ".join(rights), r"^ok rights all \d\d that are needed are there$")
        self.assertEqual(definitions, ("ok", "definitions", "all six are installed as v1alpha1"))
        self.assertEqual(images, ("ok", "images", "downloader ghcr.io/volcano-sh/downloader:v1.0.0, runtime ghcr.io/volcano-sh/runtime:v1.0.0"))

    def test_a_limited_user_is_told_which_rights_lack(self):
        tokens = self.folder / "tokens"
        tokens.write_text("limited,limited,u-1\n")
        server = self.start("--no-controller", "--token-auth-file", str(tokens))
        role = [{"apiGroups": ["workload.serving.volcano.sh"], "resources": ["modelboosters"], "verbs": ["get", "watch"]}]
        about = {"metadata": {"name": "limited", "namespace": "team-a"}}
        group = "rbac.authorization.k8s.io"
        for thing in ({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a"}},
                      {"apiVersion": f"{group}/v1", "kind": "Role", **about, "rules": role},
                      {"apiVersion": f"{group}/v1", "kind": "RoleBinding", **about,
                       "roleRef": {"apiGroup": group, "kind": "Role", "name": "limited"},
                       "subjects": [{"apiGroup": group, "kind": "User", "name": "limited"}]}):
            server.good("apply", "-f", "-", stdin=json.dumps(thing))
        kubeconfig = self.kubeconfig_of(server, "limited")
        done = server.run("controller", "--check", "-n", "team-a", "-n", "team-b", kubeconfig=kubeconfig)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        lacking = [message for result, subject, message in self.told(done) if (result, subject) == ("failed", "rights")]
        remedy = "; compare with deploy/rbac.yaml, and kubectl apply it"
        group = " of group workload.serving.volcano.sh"
        self.assertEqual(lacking[:2], [f"may not list modelboosters in namespace team-a{group}: no ModelBooster is seen{remedy}",
                                       f"may not get, list, watch modelboosters in namespace team-b{group}: no ModelBooster is seen{remedy}"])
        self.assertIn(f'may not list, watch configmaps "model-booster-controller-config" in namespace default: the images are those built in{remedy}',
                      lacking)
        self.assertIn(f"may not create, patch events in namespace team-b: people are not told what happens{remedy}", lacking)
        images = [message for result, subject, message in self.told(done) if (result, subject) == ("failed", "images")]
        self.assertRegex(images[0], "is forbidden.*give both images by flags$")
        lease = " in namespace default of group coordination.k8s.io: nobody leads, and no work is done" + remedy
        self.assertIn(f"may not create leases{lease}", lacking)
        self.assertIn(f'may not get, patch leases "model-booster"{lease}', lacking)
        done = server.run("controller", "--check", "--leader-elect-name", "x", "--leader-elect-namespace", "team-b", kubeconfig=kubeconfig)
        self.assertIn('may not get, patch leases "x" in namespace team-b', done.stdout)
        self.assertNotIn(" leases ", server.run("controller", "--check", "--leader-elect=false", kubeconfig=kubeconfig).stdout)
        # Who needs no ConfigMap needs no right to it.
        done = server.run("controller", "--check", "--downloader-image", "d:1", "--runtime-image", "r:1", kubeconfig=kubeconfig)
        self.assertNotIn("configmaps", done.stdout)
        self.assertIn(("ok", "images", "downloader d:1, runtime r:1"), self.told(done))
        self.assertIn("in all namespaces", done.stdout)

    def test_definitions_that_lack_are_told(self):
        server = self.start("--no-controller")
        server.good("delete", "crd", "modelroutes.networking.serving.volcano.sh")
        definition = json.loads(server.good("get", "crd", "modelboosters.workload.serving.volcano.sh", "-o", "json"))
        del definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["paused"]
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].pop("x-kubernetes-validations", None)
        for field in ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp"):
            definition["metadata"].pop(field, None)
        del definition["status"]
        server.good("apply", "-f", "-", "--force-conflicts", stdin=json.dumps(definition))
        done = server.run("controller", "--check", kubeconfig=server.kubeconfig)
        self.assertEqual(done.returncode, 1, done.stdout)
        told = self.told(done)
        self.assertIn(("failed", "definitions", "ModelRoute is not installed; install its definition: Kthena's, or kubectl apply -k deploy/crds"), told)
        self.assertIn(("warn", "definitions",
                       "that of ModelBooster does not keep spec.paused; see docs/install.md, Fields that Kthena's definition drops"), told)

    def test_documents_that_cannot_be_read_are_told(self):
        with PlayedServer() as server:
            path = self.folder / "played.kubeconfig"
            server.kubeconfig(path)
            server.faults += [(re.compile("GET /version"), 200, {}, {"gitVersion": "v1.34.4"}),
                              (re.compile("GET /openapi/v3"), 503, {}, status(503, "ServiceUnavailable", "not today"))]
            done = controller("--check", "--kubeconfig", str(path))
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(("failed", "definitions", "/openapi/v3 is not readable, so that nothing is made: not today"), self.told(done))

    def test_as_json(self):
        server = self.start("--no-controller")
        done = server.run("controller", "--check", "-o", "json", "--log-level", "debug", kubeconfig=server.kubeconfig)
        self.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)
        self.assertEqual(told["configuration"]["log-level"], {"value": "debug", "from": "flag"})
        self.assertEqual(told["configuration"]["max-in-flight"], {"value": 64, "from": "default"})
        self.assertEqual(told["configuration"]["kubeconfig"], {"value": server.kubeconfig, "from": "environment KUBECONFIG"})
        self.assertEqual([(item["result"], item["subject"]) for item in told["findings"][:3]],
                         [("ok", "connection"), ("ok", "rights"), ("ok", "definitions")])

    def test_no_server_is_not_a_finding(self):
        server = self.start("--no-controller")
        self.assertEqual(server.stop()[0], 0)
        done = server.run("controller", "--check", kubeconfig=server.kubeconfig)
        self.assertEqual((done.returncode, done.stderr), (2, ""))
        self.assertRegex(done.stdout, r"\n# failed  connection   https://.*Connection refused.*; is the server up, and is it the one that")

    def test_addresses_that_cannot_be_used(self):
        """Told by --check as by the start, with where the value is from."""
        server = self.start("--no-controller")
        settings = self.folder / "settings.yaml"
        settings.write_text("\notlp-endpoint: ftp://x\n")
        url = ' is no place to send traces to; write a URL such as http://127.0.0.1:4318, without user name, password or query'
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            cases = [
                (["--otlp-endpoint", "foo"], {}, f'--otlp-endpoint: "foo"{url}'),
                (["--otlp-endpoint", "127.0.0.1:4318"], {}, f'--otlp-endpoint: "127.0.0.1:4318"{url}'),
                (["--otlp-endpoint", "http://user:secret@x"], {}, f"--otlp-endpoint: this value{url}"),
                (["--config", str(settings)], {}, f'{settings}:2: otlp-endpoint: "ftp://x"{url}'),
                ([], {"OTEL_EXPORTER_OTLP_ENDPOINT": "foo"}, f'environment OTEL_EXPORTER_OTLP_ENDPOINT: "foo"{url}'),
                (["--metrics-bind-address", "foo"], {}, '--metrics-bind-address: cannot listen on "foo": expected an IP address and a port, as in '
                 "127.0.0.1:6443 or [::1]:0"),
                (["--metrics-bind-address", address], {},
                 f'--metrics-bind-address: cannot listen on "{address}": Address already in use; give another port'),
                ([], {"MODEL_BOOSTER_METRICS_BIND_ADDRESS": address},
                 f'environment MODEL_BOOSTER_METRICS_BIND_ADDRESS: cannot listen on "{address}": Address already in use; give another port'),
            ]
            for arguments, environment, message in cases:
                with self.subTest(message):
                    environment = {"KUBECONFIG": server.kubeconfig, **environment}
                    checked = controller("--check", *arguments, **environment)
                    is_taken = "in use" in message  # perhaps by the one that runs already
                    self.assertEqual((checked.returncode, checked.stderr), (0 if is_taken else 2, ""))
                    self.assertEqual(self.told(checked)[0], ("warn" if is_taken else "failed", "settings", message))
                    self.assertIn(("ok", "definitions", "all six are installed as v1alpha1"), self.told(checked))
                    started = controller(*arguments, **environment)
                    self.assertEqual((started.returncode, started.stderr), (2, f"model-booster controller: {message}\n"))
        done = controller("--check", "--metrics-bind-address", "127.0.0.1:0", "--otlp-endpoint", "http://127.0.0.1:1", KUBECONFIG=server.kubeconfig)
        self.assertEqual((done.returncode, [item for item in self.told(done) if item[1] == "settings"]), (0, []))

    def test_credentials_that_nobody_knows(self):
        server = self.start("--no-controller")
        done = server.run("controller", "--check", kubeconfig=self.kubeconfig_of(server, "stranger"))
        self.assertEqual((done.returncode, done.stderr), (2, ""))
        self.assertRegex(done.stdout, r"\n# failed  connection   https://.*; the server does not know these credentials: check the kubeconfig's user\n$")


class Events(Case):
    def test_what_happens_is_told_and_what_happens_again_is_counted(self):
        server = self.start("--simulate-serving", "--apply", "examples/quickstart.yaml")
        server.good("wait", "mb/quickstart", "--for=condition=Active")
        child = json.loads(server.good("get", "modelserver", "quickstart-cpu", "-o", "json"))
        for field in ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "ownerReferences", "labels"):
            child["metadata"].pop(field, None)
        child["spec"]["model"] = "by-hand"
        for count in (1, 2):
            server.good("apply", "-f", "-", "--force-conflicts", stdin=json.dumps(child))
            self.wait_for_event(server, "Repaired", count)
        told = server.good("describe", "mb", "quickstart")
        self.assertRegex(told, r"Normal +Created +ModelBooster/quickstart +created ModelServing quickstart-cpu, ModelServer quickstart-cpu, ModelRoute")
        self.assertRegex(told, r"Normal +ModelAvailable +ModelBooster/quickstart +every backend is available\n")
        self.assertRegex(told, r"\n\S+ \(x2\) +Normal +Repaired +ModelBooster/quickstart +ModelServer quickstart-cpu: spec.model was changed and is put"
                               " back; edit the ModelBooster instead\n")
        child["metadata"]["name"] = "other-cpu"
        server.good("apply", "-f", "-", stdin=json.dumps(child))
        server.good("apply", "-f", "-", stdin=(ROOT / "examples/quickstart.yaml").read_text().replace("name: quickstart", "name: other"))
        self.wait_for_event(server, "NameConflict", 1)
        conditions = json.loads(server.good("get", "mb", "other", "-o", "json"))["status"]["conditions"]
        words = next(item["message"] for item in conditions if item["type"] == "Failed")
        self.assertIn(f"Warning   NameConflict   ModelBooster/other   {words}\n", server.good("describe", "mb", "other"))

    def wait_for_event(self, server, reason, count):
        watch = subprocess.Popen([PROGRAM, "get", "events", "-w", "-o", "json"], env={**os.environ, "KUBECONFIG": server.kubeconfig},
                                 stdout=subprocess.PIPE, text=True)
        self.addCleanup(Standalone.end, type("Watch", (), {"process": watch}))
        text = ""
        for line in watch.stdout:
            text += line
            if line == "}\n":
                event, text = json.loads(text), ""
                if event.get("reason") == reason and event["count"] == count:
                    return
        self.fail("the watch ended")


if __name__ == "__main__":
    run_and_count()
