#!/usr/bin/env python3
"""The verbs (get, watch, ...), against an API server that is played.

    MODEL_BOOSTER=build/main/model-booster tests/e2e/test_verbs.py [case...]
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from played_server import PlayedServer, booster, status  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("MODEL_BOOSTER", str(ROOT / "build/main/model-booster"))
MB = "modelbooster.workload.serving.volcano.sh"


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="verbs-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.serve()

    def serve(self, **options):
        self.server = PlayedServer(**options)
        self.addCleanup(self.server.__exit__)
        self.kubeconfig = self.server.kubeconfig(self.folder / "kubeconfig")

    def start(self, *arguments, **options):
        environment = {**os.environ, "KUBECONFIG": self.kubeconfig}
        process = subprocess.Popen([PROGRAM, *arguments], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   **options)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.communicate()

    def run_verb(self, *arguments, stdin=None):
        environment = {**os.environ, "KUBECONFIG": self.kubeconfig}
        return subprocess.run([PROGRAM, *arguments], env=environment, input=stdin, capture_output=True, text=True, timeout=60, cwd=ROOT)

    def expect(self, done, code, stdout="", stderr=""):
        self.assertEqual((done.returncode, done.stdout), (code, stdout), done.stderr)
        self.assertRegex(done.stderr, f"^{stderr}$" if not stderr else stderr)


class Get(Case):
    def setUp(self):
        super().setUp()
        self.server.put("modelboosters", booster("one", replicas=12))
        self.server.put("modelboosters", booster("another-one", "team", replicas=1))
        self.server.put("modelservings", {**booster("one-a"), "kind": "ModelServing"})

    def test_a_table_as_kubectl_prints_it(self):
        self.expect(self.run_verb("get", "mb"), 0, "NAME   REPLICAS\none    12\n")
        self.expect(self.run_verb("get", "mb", "-A"), 0,
                    "NAMESPACE   NAME          REPLICAS\ndefault     one           12\nteam        another-one   1\n")
        self.assertRegex(self.run_verb("get", "mb", "-o", "wide").stdout, "^NAME   UID +REPLICAS\none    [0-9a-f-]{36}   12\n$")
        self.expect(self.run_verb("get", "mb", "--no-headers", "-n", "team"), 0, "another-one   1\n")

    def test_every_spelling_of_a_kind(self):
        group = ".workload.serving.volcano.sh"
        for word in ["modelboosters", "modelbooster", "ModelBooster", "mb", "MB", "modelboosters" + group, "mb" + group, "mb.workload",
                     "modelboosters.v1alpha1" + group, "modelboosters.v1alpha1.workload"]:
            with self.subTest(word):
                self.expect(self.run_verb("get", word, "-o", "name"), 0, f"{MB}/one\n")

    def test_plain_discovery_and_no_tables(self):
        self.serve(is_plain=True)
        self.server.put("modelboosters", booster("one"))
        done = self.run_verb("get", "mb")
        self.assertRegex(done.stdout, r"^NAME   AGE\none    \d+[dh]\w*\n$", done.stderr)
        self.expect(self.run_verb("get", "mb", "one", "-o", "name"), 0, f"{MB}/one\n")

    def test_several_kinds_name_them(self):
        self.expect(self.run_verb("get", "mb,msv"), 0,
                    f"NAME                                           REPLICAS\n{MB}/one   12\n\n"
                    "NAME                                             REPLICAS\nmodelserving.workload.serving.volcano.sh/one-a   1\n")
        self.expect(self.run_verb("get", "mb/one", "msv/one-a", "-o", "name"), 0,
                    f"{MB}/one\nmodelserving.workload.serving.volcano.sh/one-a\n")

    def test_a_category_stands_for_its_kinds(self):
        for is_plain in (False, True):
            with self.subTest(is_plain=is_plain):
                if is_plain:
                    self.serve(is_plain=True)
                    self.server.put("modelboosters", booster("one"))
                    self.server.put("modelservings", {**booster("one-a"), "kind": "ModelServing"})
                self.server.put("modelroutes", {**booster("one"), "kind": "ModelRoute"})
                self.server.put("pods", {**booster("one-a-0"), "kind": "Pod"})
                self.server.put("configmaps", {**booster("odd"), "kind": "ConfigMap"})
                msv, route = "modelserving.workload.serving.volcano.sh/one-a", "modelroute.networking.serving.volcano.sh/one"
                self.expect(self.run_verb("get", "model-booster", "-o", "name"), 0, f"{MB}/one\n{msv}\n{route}\n")
                self.expect(self.run_verb("get", "all", "-o", "name"), 0, f"pod/one-a-0\n{MB}/one\n")
                self.expect(self.run_verb("get", "cm,model-booster", "one-a", "-o", "name"), 1, f"{msv}\n", '"one-a" not found')
        self.assertRegex(self.run_verb("get", "model-booster").stdout, f"^NAME +AGE\n{MB}/one +\\w+\n\nNAME +AGE\n{msv} ")
        self.expect(self.run_verb("get", "model-boosterz"), 1, stderr="did you mean model-booster\\?")
        self.expect(self.run_verb("get", "model-booster", "-w"), 2, stderr="one kind, or one object of it")

    def test_no_kind_of_all(self):
        self.server.faults += [(re.compile("GET /apis?$"), 200, {}, {"kind": "APIGroupDiscoveryList", "items": []})] * 2
        self.expect(self.run_verb("get", "all"), 1, stderr='no kind of the server is of the category "all"; name kinds')

    def test_objects(self):
        self.server.put("modelboosters", {**booster("m"), "metadata": {"name": "m", "namespace": "default", "managedFields": [{"a": 1}]}})
        one = json.loads(self.run_verb("get", "mb", "m", "-o", "json").stdout)
        self.assertEqual((one["kind"], one["metadata"].get("managedFields")), ("ModelBooster", None))
        shown = json.loads(self.run_verb("get", "mb", "m", "-o", "json", "--show-managed-fields").stdout)
        self.assertEqual(shown["metadata"]["managedFields"], [{"a": 1}])
        several = json.loads(self.run_verb("get", "mb", "-o", "json").stdout)
        self.assertEqual([several["kind"], several["apiVersion"], [(i["kind"], i["metadata"]["name"]) for i in several["items"]]],
                         ["List", "v1", [("ModelBooster", "m"), ("ModelBooster", "one")]])
        self.assertRegex(self.run_verb("get", "mb/m", "-o", "yaml").stdout, "^apiVersion: workload(.|\n)*\nspec:\n  replicas: 1\n$")

    def test_pages(self):
        for index in range(1203):
            self.server.put("configmaps", {"metadata": {"name": f"c{index:04}", "namespace": "default"}, "kind": "ConfigMap"})
        lines = self.run_verb("get", "cm", "-o", "name").stdout.splitlines()
        self.assertEqual(lines, [f"configmap/c{index:04}" for index in range(1203)])

    def test_what_is_not_there(self):
        self.expect(self.run_verb("get", "pods"), 0, stderr="No resources found in default namespace.")
        self.expect(self.run_verb("get", "pods", "-A"), 0, stderr="No resources found\n")
        self.expect(self.run_verb("get", "ns"), 0, stderr="No resources found\n")
        self.expect(self.run_verb("get", "mb", "x"), 1, stderr='get: modelboosters.workload.serving.volcano.sh "x" not found')
        self.expect(self.run_verb("get", "mb", "x", "one", "-o", "name"), 1, f"{MB}/one\n", '"x" not found')
        self.expect(self.run_verb("get", "mb", "x", "--ignore-not-found"), 0)
        self.expect(self.run_verb("get", "modelbosters"), 1, stderr='no kind "modelbosters"; did you mean modelboosters\\?')
        self.expect(self.run_verb("get", "autoscalingpolicies"), 1, stderr="crds \\| model-booster apply -f -")

    def test_wrong_words(self):
        for words, message in {("get",): "name a kind", ("get", "mb/one", "msv"): "not both", ("get", "mb", "a/b"): "not both",
                               ("get", "mb/"): "KIND/NAME", ("get", "mb", "-n", "Bad Name"): "--namespace is",
                               ("get", "mb,msv", "-w"): "one kind", ("get", "mb", "one", "-l", "a=b"): '"one" names an object, and --selector',
                               ("get", "mb/one", "-A"): '"one": no object is got by its name from all',
                               ("watch", "mb", "one", "-l", "a=b"): "one of them",
                               ("get", "mb", "one", "-w", "--field-selector", "a=b"): "--field-selector chooses objects, too",
                               ("get", "mb", "--kubeconfig", "/nowhere"): "/nowhere"}.items():
            with self.subTest(words):
                self.expect(self.run_verb(*words), 2, stderr=message)

    def test_what_the_server_says(self):
        slow = status(429, "TooManyRequests", "slow down")
        self.server.faults += [(re.compile("GET .*modelboosters"), 429, {"Retry-After": "0"}, slow)]
        self.expect(self.run_verb("get", "mb", "-o", "name"), 0, f"{MB}/one\n")
        self.server.faults += [(re.compile("GET .*modelboosters"), 403, {}, status(403, "Forbidden", 'User "x" cannot list'))]
        self.expect(self.run_verb("get", "mb"), 1, stderr='User "x" cannot list')
        self.server.faults += [(re.compile("GET /api$"), 401, {}, status(401, "Unauthorized", "Unauthorized"))]
        self.expect(self.run_verb("get", "mb"), 2, stderr="check the kubeconfig's user")
        self.server.faults += [(re.compile("GET .*modelboosters"), 200, {"Warning": '299 - "old version"'}, {"items": [], "kind": "BList"})]
        self.expect(self.run_verb("get", "mb"), 0, stderr="Warning: old version\nNo resources found")

    def test_nobody_there(self):
        self.server.http.shutdown()
        self.server.http.server_close()
        self.expect(self.run_verb("get", "mb"), 2, stderr="is the server up, and is it the one")


class Watch(Case):
    def lines(self, process, count):
        return [process.stdout.readline() for _ in range(count)]

    def test_every_change(self):
        self.server.put("modelboosters", booster("one"))
        process = self.start("watch", "modelboosters")
        self.assertEqual(self.lines(process, 2), ["EVENT      NAME   REPLICAS\n", "ADDED      one    1\n"])
        self.server.put("modelboosters", booster("a-longer-name", replicas=2))
        self.assertEqual(self.lines(process, 1), ["ADDED      a-longer-name   2\n"])
        self.server.put("modelboosters", booster("one", replicas=3))
        self.server.drop("modelboosters", "default", "one")
        self.assertEqual(self.lines(process, 2), ["MODIFIED   one             3\n", "DELETED    one             3\n"])

    def test_one_object_as_get_does_it(self):
        for name in ("one", "two"):
            self.server.put("modelboosters", booster(name))
        process = self.start("get", "mb", "two", "-w")
        self.assertEqual(self.lines(process, 2), ["NAME   REPLICAS\n", "two    1\n"])
        self.server.put("modelboosters", booster("one", replicas=2))
        self.server.put("modelboosters", booster("two", replicas=2))
        self.assertEqual(self.lines(process, 1), ["two    2\n"])

    def test_goes_on_after_trouble(self):
        self.server.put("modelboosters", booster("one"))
        gone = {"type": "ERROR", "object": status(410, "Expired", "too old resource version")}
        watches = re.compile("GET .*modelboosters.*watch=true")
        self.server.faults += [(watches, 503, {}, status(503, "ServiceUnavailable", "restarting")), (watches, 200, {}, gone)]
        process = self.start("watch", "mb", "--no-headers")
        self.assertEqual(self.lines(process, 2), ["ADDED      one   1\n"] * 2)
        self.server.put("modelboosters", booster("one", replicas=2))
        self.assertEqual(self.lines(process, 1), ["MODIFIED   one   2\n"])
        process.kill()
        self.assertRegex(process.stderr.read(), "restarting.*trying again until it answers\n.*listed anew")

    def test_ends_when_it_may_not_watch(self):
        self.server.faults += [(re.compile("watch=true"), 403, {}, status(403, "Forbidden", "may not watch"))]
        process = self.start("watch", "mb")
        self.assertEqual(process.wait(30), 1)
        self.assertRegex(process.stderr.read(), "may not watch")


BOOSTER = """apiVersion: workload.serving.volcano.sh/v1alpha1
kind: ModelBooster
metadata:
  name: %s
spec:
  backends:
  - name: one
    replicas: %d
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: team\ndata: {a: b}\n"


class Apply(Case):
    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def test_created_configured_unchanged(self):
        path = self.write("all.yaml", BOOSTER % ("one", 1) + "---\n" + CONFIG)
        self.expect(self.run_verb("apply", "-f", path), 0, f"{MB}/one created\nconfigmap/settings created\n")
        self.expect(self.run_verb("apply", "-f", path), 0, f"{MB}/one unchanged\nconfigmap/settings unchanged\n")
        self.expect(self.run_verb("apply", "-f", "-", stdin=BOOSTER % ("one", 2)), 0, f"{MB}/one configured\n")
        self.assertIn(("configmaps", "team", "settings"), self.server.objects)
        self.assertEqual(self.server.objects[("modelboosters", "default", "one")]["spec"]["backends"][0]["replicas"], 2)
        patches = [path for method, path, _ in self.server.requests if method == "PATCH"]
        self.assertEqual(patches[0], "/apis/workload.serving.volcano.sh/v1alpha1/namespaces/default/modelboosters/one"
                         "?fieldManager=model-booster&fieldValidation=Strict")

    def test_options(self):
        done = self.run_verb("apply", "-f", "-", "--dry-run", "--force-conflicts", "-n", "team", stdin=CONFIG)
        self.expect(done, 0, "configmap/settings created (server dry run)\n")
        self.assertRegex(self.server.requests[-1][1], "dryRun=All&force=true$")

    def test_what_is_wrong_is_told_with_its_place(self):
        path = self.write("a.yaml", CONFIG + "---\n" + BOOSTER % ("one", 1))
        cause = {"reason": "FieldValueInvalid", "field": "spec.backends[0].replicas", "message": "must not be one"}
        invalid = status(422, "Invalid", "it is invalid", causes=[cause], name="one", group="workload.serving.volcano.sh", kind="ModelBooster")
        self.server.faults += [(re.compile("PATCH .*modelboosters"), 422, {}, invalid)]
        self.expect(self.run_verb("apply", "-f", path), 1, "configmap/settings created\n",
                    f"{path}:15: spec.backends\\[0\\].replicas: must not be one")
        for message in ['strict decoding error: unknown field "spec.backends[0].replicas"',
                        "failed to create typed patch object (default/one; x/v1, Kind=X): .spec.backends[0].replicas: field not declared in schema"]:
            self.server.faults += [(re.compile("PATCH .*modelboosters"), 400, {}, status(400, "BadRequest", message))]
            self.expect(self.run_verb("apply", "-f", path), 1, "configmap/settings unchanged\n", f"{path}:15: ")
        conflict = status(409, "Conflict", 'Apply failed with 1 conflict: conflict with "x": .data.a')
        self.server.faults += [(re.compile("PATCH .*configmaps"), 409, {}, conflict)]
        self.expect(self.run_verb("apply", "-f", path), 1, f"{MB}/one created\n", f"{path}:1: .*--force-conflicts")

    def test_what_does_not_fit_the_schema_is_the_files_fault(self):
        """kube-apiserver answers 500 to it."""
        path = self.write("a.yaml", CONFIG + "---\n" + BOOSTER % ("one", 1) + "    modelUri: hf://a/b\n    more:\n      deep: 1\n")
        misfit = "failed to create typed patch object (default/one; x/v1, Kind=X): "
        one = '.spec.backends[name="one"].'
        said = {
            one + "modelUri: field not declared in schema": [
                '16: spec.backends[0].modelUri: unknown field "modelUri"; did you mean modelURI? [MB002]'],
            one + "replicas: odd": ['15: spec.backends[name="one"].replicas: odd'],
            f"errors:\n  {one}more.deep: field not declared in schema\n  .metadata.name: expected string, got 1": [
                '18: spec.backends[name="one"].more.deep: field not declared in schema; is the field spelled as the definition has it?',
                "11: metadata.name: expected string, got 1; write it in quotes"],
            ".spec.backends[name=\"two\"].type: not there": ['13: spec.backends[name="two"].type: not there'],
        }
        for message, lines in said.items():
            with self.subTest(message):
                self.server.faults += [(re.compile("PATCH .*modelboosters"), 500, {}, status(500, "", misfit + message))]
                done = self.run_verb("apply", "-f", path)
                self.assertEqual((done.returncode, done.stderr), (1, "".join(f"model-booster apply: {path}:{line}\n" for line in lines)))

    def test_wrong_files(self):
        cases = {
            "no kind": ("a: b\n", 1, "<stdin>:1: this document has no kind"),
            "no version": ("kind: A\n", 1, "<stdin>:1: this document has no apiVersion"),
            "no name": ("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", 1, "<stdin>:3: metadata.name is missing"),
            "no such kind": ("apiVersion: v2\nkind: ConfigMap\nmetadata: {name: a}\n", 1, '<stdin>:2: .*no kind "ConfigMap" of "v2"'),
            "no definition": ("apiVersion: workload.serving.volcano.sh/v9\nkind: X\nmetadata: {name: a}\n", 1, "model-booster crds"),
            "broken": (CONFIG + "---\na: [\n", 2, "nothing was applied"),
            "empty": ("", 2, "no objects in it"),
        }
        for name, (text, code, message) in cases.items():
            with self.subTest(name):
                self.expect(self.run_verb("apply", "-f", "-", stdin=text), code, stderr=message)
        self.assertEqual(self.server.objects, {})
        self.expect(self.run_verb("apply", "-f", "-", "-n", "other", stdin=CONFIG), 1, stderr='<stdin>:5: its namespace is "team", and')
        self.expect(self.run_verb("apply"), 2, stderr="give -f FILE")
        self.expect(self.run_verb("apply", "-f", "/nowhere"), 2, stderr="/nowhere")


class Delete(Case):
    def setUp(self):
        super().setUp()
        for name in ("one", "two", "three"):
            self.server.put("modelboosters", booster(name))

    def names(self):
        return sorted(name for _, _, name in self.server.objects)

    def test_by_name_file_and_all(self):
        self.expect(self.run_verb("delete", "mb", "one"), 0, f'{MB} "one" deleted from default namespace\n')
        self.expect(self.run_verb("delete", "-f", "-", stdin=BOOSTER % ("two", 1)), 0, f'{MB} "two" deleted from default namespace\n')
        self.assertEqual(self.names(), ["three"])
        self.expect(self.run_verb("delete", "mb"), 2, stderr="--all")
        self.expect(self.run_verb("delete", "mb", "--all"), 0, f'{MB} "three" deleted from default namespace\n')
        self.expect(self.run_verb("delete", "mb", "--all"), 0, stderr="No resources found")

    def test_words_that_contradict_each_other_delete_nothing(self):
        for words, message in {
                ("mb", "one", "-l", "a=b"): 'delete: "one" names an object, and --selector chooses objects, too; give one of them',
                ("mb/one", "-l", "a=b"): '"one" names an object', ("mb", "x", "--all"): '"x" names an object, and --all chooses',
                ("mb", "--all", "-l", "a=b"): "--all means every object of the kind, --selector some of them",
                ("-f", "-", "--all"): "leave out --all", ("-f", "-", "-l", "a=b"): "leave out --selector",
                ("-f", "-", "mb"): "not both", ("mb", "-l", ""): "--selector is empty"}.items():
            with self.subTest(words):
                self.expect(self.run_verb("delete", *words, stdin=BOOSTER % ("two", 1)), 2, stderr=message)
        self.assertEqual((self.names(), self.server.requests), (["one", "three", "two"], []))

    def test_cascade(self):
        for option, policy in (("orphan", b"Orphan"), ("foreground", b"Foreground")):
            self.run_verb("delete", "mb", "one", "--cascade", option, "--ignore-not-found")
            self.assertIn(b'"propagationPolicy":"' + policy, [body for method, _, body in self.server.requests if method == "DELETE"][-1])

    def test_not_there(self):
        self.expect(self.run_verb("delete", "mb", "x"), 1, stderr='modelboosters.workload.serving.volcano.sh "x" not found')
        self.expect(self.run_verb("delete", "mb", "x", "--ignore-not-found"), 0)

    def test_waits_for_finalizers(self):
        held = booster("one")
        held["metadata"]["finalizers"] = ["example.com/hold"]
        self.server.put("modelboosters", held)
        self.expect(self.run_verb("delete", "mb", "one", "--timeout", "100ms"), 1, f'{MB} "one" deleted from default namespace\n', "finalizer")
        self.expect(self.run_verb("delete", "mb", "one", "--wait=false"), 0, f'{MB} "one" deleted from default namespace\n')
        process = self.start("delete", "mb", "one")
        process.stdout.readline()
        self.server.drop("modelboosters", "default", "one")
        self.assertEqual(process.wait(30), 0)


class Wait(Case):
    def condition(self, value, generation=1, **more):
        made = booster("one", status={"conditions": [{"type": "Active", "status": value, "observedGeneration": generation, **more}]})
        made["metadata"]["generation"] = 1
        return self.server.put("modelboosters", made)

    def test_condition(self):
        self.condition("False", reason="BackendsNotAvailable", message="backend a: pulling")
        self.expect(self.run_verb("wait", "mb/one", "--for=condition=Active=false"), 0, f"{MB}/one condition met\n")
        self.expect(self.run_verb("wait", "mb/one", "--for=condition=Active", "--timeout", "50ms"), 1,
                    stderr="timed out.*modelboosters.workload.serving.volcano.sh/one: Active is False: BackendsNotAvailable: backend a: pulling")
        process = self.start("wait", "mb/one", "--for=condition=Active")
        self.condition("True", generation=0)
        self.assertIsNone(process.poll())
        self.condition("True")
        self.assertEqual((process.wait(30), process.stdout.read()), (0, f"{MB}/one condition met\n"))

    def test_an_older_word_does_not_count(self):
        self.condition("True", generation=0)
        self.expect(self.run_verb("wait", "mb/one", "--for=condition=Active", "--timeout=0"), 1, stderr="Active is True of an older generation")

    def test_creation_and_end(self):
        process = self.start("wait", "mb/one", "--for=create")
        self.condition("True")
        self.assertEqual(process.wait(30), 0)
        process = self.start("wait", "mb", "one", "--for=delete")
        self.server.drop("modelboosters", "default", "one")
        self.assertEqual(process.wait(30), 0)
        self.expect(self.run_verb("wait", "mb/one", "--for=delete"), 0, f"{MB}/one condition met\n")

    def test_wrong(self):
        self.expect(self.run_verb("wait", "mb/one", "--for=condition=Active"), 1, stderr='"one" not found')
        for words, message in {("mb/one",): "--for=condition", ("mb/one", "--for=x"): "--for is", ("mb", "--for=delete"): "name what",
                               ("mb/one", "--for=delete", "--timeout=x"): "--timeout is"}.items():
            with self.subTest(words):
                self.expect(self.run_verb("wait", *words), 2, stderr=message)


class Describe(Case):
    """One world that serves, and one change of it for each link of the chain."""

    def build(self, *, conditions=None, leave_out=(), pod=None, available=("True", "AllReplicasReady", "ready"), targets=("m-a",)):
        meta = lambda name, **more: {"metadata": {"name": name, "namespace": "default", **more}}
        said = {"Initialized": ("True", "ResourcesApplied", "all"), "Active": ("True", "ModelAvailable", "every"),
                "Failed": ("False", "NoFailure", "no failure"), **(conditions or {})}
        shaped = [{"type": kind, "status": value, "reason": reason, "message": message, "observedGeneration": 2}
                  for kind, (value, reason, message) in said.items()]
        objects = {
            "modelboosters": {**meta("m", generation=2), "kind": "ModelBooster", "apiVersion": "workload.serving.volcano.sh/v1alpha1",
                              "spec": {"backends": [{"name": "a", "type": "vLLM"}]}, "status": {"conditions": shaped}},
            "modelservings": {**meta("m-a"), "spec": {"replicas": 1}, "status": {"availableReplicas": 1, "conditions": [
                dict(zip(("type", "status", "reason", "message"), ("Available", *available)))]}},
            "modelservers": meta("m-a"),
            "modelroutes": {**meta("m"), "spec": {"rules": [{"name": "default", "targetModels": [
                {"modelServerName": name, "weight": 100} for name in targets]}]}},
            "pods": {**meta("m-a-0", labels={"modelserving.volcano.sh/name": "m-a"}),
                     "spec": {"nodeName": "n", "initContainers": [{"name": "model-downloader"}]}, "status": {
                         "initContainerStatuses": [{"name": "model-downloader", "state": {"terminated": {"exitCode": 0}}}],
                         "containerStatuses": [{"name": "engine", "ready": True, "state": {"running": {}}}]}},
        }
        if pod:
            objects["pods"]["spec"].update(pod.pop("spec", {}))
            objects["pods"]["status"].update(pod)
        for plural, content in objects.items():
            if plural not in leave_out:
                self.server.put(plural, content)

    def told(self, code=0):
        done = self.run_verb("describe", "mb", "m")
        self.assertEqual((done.returncode, done.stderr), (code, ""))
        return done.stdout

    def test_all_is_well(self):
        self.build()
        self.assertEqual(self.told(), """Name:        m
Namespace:   default
Generation:  2
Initialized: True    ResourcesApplied: all
Active:      True    ModelAvailable: every
Failed:      False   NoFailure: no failure

Backend a
  rendered    yes      generation 2
  accepted    yes      ModelServing m-a, ModelServer m-a
  scheduled   yes      1 pod
  downloaded  yes
  loaded      yes
  serving     yes      1 of 1 replicas
  routed      yes      ModelRoute m, rule default, weight 100
  => it serves
""")

    def test_each_link_that_fails(self):
        not_yet = ("False", "ResourcesPending", "waiting")
        down = ("False", "Nothing", "nothing serves")
        init = lambda state: {"initContainerStatuses": [{"name": "model-downloader", "state": state}]}
        engine = lambda state, **more: {"containerStatuses": [{"name": "engine", "ready": False, "state": state, **more}]}
        worlds = {
            "rendered": (dict(conditions={"Failed": ("True", "InvalidSpec", "spec.x: wrong [MB001]")}),
                         "fails where it is to be rendered: InvalidSpec: spec.x: wrong"),
            "accepted": (dict(conditions={"Failed": ("True", "Rejected", "ModelServing m-a: quota")}, leave_out=("modelservings",)),
                         "fails where it is to be accepted: Rejected: ModelServing m-a: quota"),
            "accepted, waiting": (dict(conditions={"Initialized": not_yet}, leave_out=("modelservers",)),
                                  "not yet accepted: ModelServer m-a does not exist; ResourcesPending: waiting"),
            "no pods": (dict(leave_out=("pods",), available=down), "not yet scheduled: it has no pods; Nothing: nothing serves"),
            "scheduled": (dict(pod={"spec": {"nodeName": ""}, "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                                                                             "message": "0/3 nodes have nvidia.com/gpu"}]}, available=down),
                          "fails where it is to be scheduled: pod m-a-0: Unschedulable: 0/3 nodes have nvidia.com/gpu"),
            "pull": (dict(pod=init({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}), available=down),
                     "fails where it is to be downloaded: pod m-a-0, model-downloader: ImagePullBackOff: no such image"),
            "download": (dict(pod=init({"terminated": {"exitCode": 1, "reason": "Error", "message": "403"}}), available=down),
                         "fails where it is to be downloaded: pod m-a-0, model-downloader: Error: 403 \\(exit code 1\\)"),
            "downloading": (dict(pod=init({"running": {}}), available=down),
                            "not yet downloaded: pod m-a-0, model-downloader: is running"),
            "loading": (dict(pod=engine({"running": {}}), available=down), "not yet loaded: pod m-a-0, engine: runs, and is not ready"),
            "crash": (dict(pod=engine({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                                      lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}}), available=down),
                      "fails where it is to be loaded: pod m-a-0, engine: CrashLoopBackOff: back-off; last time: OOMKilled \\(exit code 137\\)"),
            "restarted": (dict(pod=engine({"running": {}}, lastState={"terminated": {"exitCode": 1, "reason": "Error"}}), available=down),
                          "fails where it is to be loaded: pod m-a-0, engine: started again; last time: Error"),
            "serving": (dict(available=("False", "Rolling", "0 of 1")), "not yet serving: Rolling: 0 of 1"),
            "routed": (dict(targets=()), "not yet routed: ModelRoute m sends nothing to it"),
            "no route": (dict(leave_out=("modelroutes",)), "not yet routed: there is no ModelRoute"),
        }
        for name, (world, message) in worlds.items():
            with self.subTest(name):
                self.server.objects.clear()
                self.build(**world)
                self.assertRegex(self.told(), "  => it (is )?" + message)

    def test_no_controller_and_events(self):
        self.build(leave_out=("modelservings", "modelservers", "modelroutes", "pods"))
        bare = self.server.objects[("modelboosters", "default", "m")]
        del bare["status"]
        self.assertRegex(self.told(), "not yet rendered: no controller has looked at it yet")
        self.server.put("events", {"metadata": {"name": "e", "namespace": "default"}, "involvedObject": {"kind": "ModelBooster", "name": "m"},
                                   "type": "Warning", "reason": "Odd", "message": "said \x1b[31mso", "lastTimestamp": "2026-01-02T03:04:05Z"})
        self.assertRegex(self.told(), r"\nEvents\nAGE +TYPE +REASON +OBJECT +MESSAGE\n\w+ +Warning +Odd +ModelBooster/m +said \^\[\[31mso\n")

    def test_pods_that_may_not_be_read(self):
        self.build(available=("False", "Down\x1b[0m", "down"))
        self.server.faults += [(re.compile("GET .*/pods"), 403, {}, status(403, "Forbidden", "may not"))]
        told = self.told(1)
        self.assertIn("serving     not yet  Down?[0m: down", told)
        self.assertRegex(told, "  scheduled   -        its pods cannot be read: may not\n  downloaded  -        its pods cannot be read\n")
        self.assertRegex(told, "  => it is not yet serving: Down")

    def test_a_user_who_may_read_modelboosters_alone(self):
        """Nothing is said to be missing that may only not be seen."""
        self.build(conditions={"Failed": ("True", "Rejected", "ModelServing m-b: quota")})
        kinds = ("modelservings", "modelservers", "modelroutes", "pods", "events")
        said = {kind: f'{kind} is forbidden: User "x" cannot get resource "{kind}"' for kind in kinds}
        for kind, words in said.items():
            self.server.faults += [(re.compile(f"GET .*/{kind}"), 403, {}, status(403, "Forbidden", words))] * 2
        self.assertEqual(self.told(1).partition("\n\n")[2], f"""Backend a
  rendered    yes      generation 2
  accepted    -        ModelServing m-a cannot be read: {said["modelservings"]}; ModelServer m-a cannot be read: {said["modelservers"]}
  scheduled   -        its pods cannot be read: {said["pods"]}
  downloaded  -        its pods cannot be read
  loaded      -        its pods cannot be read
  serving     -        its ModelServing cannot be read
  routed      -        its ModelRoute cannot be read: {said["modelroutes"]}
  => whether it is accepted cannot be told

Events cannot be read: {said["events"]}
""")

    def test_each_child_that_may_not_be_read(self):
        """What the others tell is told."""
        for kind, message in {"modelservings": "  => whether it is accepted cannot be told", "modelservers": "  serving     yes      1 of 1 replicas",
                              "modelroutes": "  => whether it is routed cannot be told", "events": "  => it serves"}.items():
            with self.subTest(kind):
                self.build()
                self.server.faults[:] = [(re.compile(f"GET .*/{kind}"), 403, {}, status(403, "Forbidden", f"may not see {kind}"))]
                told = self.told(1)
                self.assertIn(message + "\n", told)
                self.assertEqual(told.count("may not see"), 1, told)

    def test_other_kinds(self):
        self.expect(self.run_verb("describe", "pod", "x"), 1, stderr="get pods x -o yaml")
        self.expect(self.run_verb("describe", "mb", "x"), 1, stderr='"x" not found')
        self.expect(self.run_verb("describe", "mb"), 1, stderr="name the ModelBooster")


if __name__ == "__main__":
    program = unittest.main(verbosity=1, exit=False)
    failed = len(program.result.failures) + len(program.result.errors)
    print(f"{program.result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
