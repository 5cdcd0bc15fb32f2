#!/usr/bin/env python3
"""The command line, as a person or a script meets it: exit status, standard output, standard error.

    MODEL_BOOSTER=build/main/model-booster tests/e2e/test_cli.py [case...]
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("MODEL_BOOSTER", str(ROOT / "build/main/model-booster"))
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
QUICKSTART = "examples/quickstart.yaml"
CHILD_KINDS = ["ModelServing", "ModelServer", "AutoscalingPolicy", "AutoscalingPolicyBinding", "ModelRoute"]

VALID = """apiVersion: workload.serving.volcano.sh/v1alpha1
kind: ModelBooster
metadata:
  name: demo
spec:
  backends:
  - name: one
    type: vLLM
    modelURI: hf://org/model
    replicas: 1
    workers:
    - image: vllm:1
"""
NO_SCHEME = VALID.replace("hf://org/model", "org/model")
UNKNOWN_FIELD = VALID.replace("    replicas: 1\n", "    replicas: 1\n    replicaz: 2\n")
WITH_WARNING = VALID.replace("    replicas: 1\n", "    replicas: 1\n    cacheURI: hostpath://relative/path\n")
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata: {a: b}\n"
FINDING = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): (?P<warning>warning: )?(?P<path>[^ ]+): .+ \[MB\d{3}\]$")


def run(*arguments, stdin=None, cwd=ROOT, **options):
    return subprocess.run([PROGRAM, *arguments], cwd=cwd, input=stdin, capture_output=True, text=True, timeout=60, **options)


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="cli-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def expect(self, done, status, *, stdout=None, stderr=None):
        """The exit status, and that each output matches its expression; None: it must be empty."""
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        for what, text, pattern in (("stdout", done.stdout, stdout), ("stderr", done.stderr, stderr)):
            if pattern is None:
                self.assertEqual(text, "", what)
            else:
                self.assertRegex(text, pattern, what)


class Commands(Case):
    def test_no_command(self):
        self.expect(run(), 2, stderr="no command given; model-booster help")

    def test_unknown_command_names_the_nearest(self):
        self.expect(run("valdate"), 2, stderr='no command "valdate"; did you mean validate\\?')
        self.expect(run("xyz"), 2, stderr="model-booster help lists them")

    def test_help_lists_every_command(self):
        for spelling in (["help"], ["--help"], ["-h"], ["help", "help"]):
            with self.subTest(spelling):
                self.expect(run(*spelling), 0, stdout="render(.|\n)*validate(.|\n)*crds(.|\n)*version")

    def test_each_command_has_help_with_examples(self):
        names = re.findall(r"^  ([a-z]+)  ", run("help").stdout, re.MULTILINE)
        self.assertGreaterEqual(len(names), 5)
        for name in names:
            if name == "help":
                continue
            with self.subTest(name):
                for spelling in ([name, "--help"], [name, "-h"], ["help", name]):
                    self.expect(run(*spelling), 0, stdout=f"Usage:\n  model-booster {name}(.|\n)*Examples:\n  .*model-booster {name}")

    def test_help_fits_a_terminal(self):
        for name in ("render", "validate", "controller", "crds", "version"):
            for line in run(name, "--help").stdout.splitlines():
                self.assertLessEqual(len(line), 140, line)

    def test_version(self):
        for spelling in (["version"], ["--version"]):
            self.expect(run(*spelling), 0, stdout=r"^model-booster \d+\.\d+\.\d+\ngenerator \d+\n(.|\n)*yyjson(.|\n)*OpenSSL")

    def test_wrong_flags(self):
        cases = {
            "unknown": (["validate", "--filname", "x"], 'no flag "filname"; did you mean --filename\\?'),
            "unknown letter": (["validate", "-x"], 'no flag "x"; --help lists them'),
            "value missing": (["render", "-f"], "--filename needs a value"),
            "value empty": (["render", "--namespace=", "-f", QUICKSTART], "--namespace is empty"),
            "no such choice": (["render", "-f", QUICKSTART, "-o", "xml"], '--output is "xml"; write one of yaml\\|json'),
            "file without -f": (["render", QUICKSTART], "files are given with -f FILE"),
            "no file": (["render"], "give -f FILE"),
            "no file to validate": (["validate"], "give -f FILE"),
            "no such kind": (["render", "-f", QUICKSTART, "--kind", "Pod"], '--kind is "Pod"; write one of ModelServing, ModelServer'),
            "flag of another command": (["crds", "-f", "x"], 'no flag "f"'),
            "a word where no file goes": (["crds", "x"], '"x" is no flag; --help lists the flags$'),
            "cut short": (["validate", "--file", "x"], 'no flag "file"; did you mean --filename\\?'),
            "no name of a namespace": (["render", "-f", QUICKSTART, "-n", "Bad Name"], '--namespace is "Bad Name"; .*a-z'),
        }
        for name, (arguments, expected) in cases.items():
            with self.subTest(name):
                self.expect(run(*arguments), 2, stderr=expected)

    def test_spellings_of_a_flag(self):
        expected = run("render", "-f", QUICKSTART, "-o", "json").stdout
        for spelling in (["--filename", QUICKSTART, "--output", "json"], ["--filename=" + QUICKSTART, "--output=json"],
                         ["-f=" + QUICKSTART, "-ojson"], ["-o=yaml", "-o", "json", "-f" + QUICKSTART]):
            with self.subTest(spelling):
                self.assertEqual(run("render", *spelling).stdout, expected)


class Definitions(Case):
    def test_a_model_is_stored_as_it_was_written(self):
        """A server that fills in lists makes `kubectl apply` change them each time, and conflict with other ways to apply."""
        definition = (ROOT / "deploy/crds/workload.serving.volcano.sh_modelboosters.yaml").read_text()
        self.assertNotRegex(definition, r"\bdefault:")

    def test_crds_prints_the_files_of_deploy(self):
        done = run("crds")
        self.expect(done, 0, stdout="^---\n")
        files = [path.read_text() for path in (ROOT / "deploy/crds").glob("*.volcano.sh_*.yaml")]
        self.assertEqual(len(files), 6)
        self.assertTrue(done.stdout.index("name: modelboosters.") < done.stdout.index("name: modelservings."))
        for text in files:
            self.assertTrue(text in done.stdout, text.splitlines()[0])
        self.assertEqual(len(done.stdout), sum(len(text) + (0 if text.startswith("---") else 4) for text in files))


class Validate(Case):
    def test_every_example_is_clean(self):
        self.assertGreaterEqual(len(EXAMPLES), 10)
        for path in EXAMPLES:
            with self.subTest(path.name):
                self.expect(run("validate", "-f", str(path)), 0, stderr=r"^1 ModelBooster: 0 errors, 0 warnings\n$")

    def test_a_folder(self):
        self.expect(run("validate", "-f", "examples"), 0, stderr=rf"^{len(EXAMPLES)} ModelBoosters: 0 errors, 0 warnings\n$")

    def test_a_finding_has_place_path_remedy_and_rule(self):
        path = self.write("a.yaml", NO_SCHEME)
        done = run("validate", "-f", path)
        self.expect(done, 1, stdout=r'"org/model".*hf://', stderr="1 error")
        match = FINDING.match(done.stdout.splitlines()[0])
        self.assertTrue(match, done.stdout)
        self.assertEqual((match["file"], match["line"], match["path"]), (path, "9", "spec.backends[0].modelURI"))

    def test_all_findings_at_once(self):
        wrong = NO_SCHEME.replace("image: vllm:1", 'image: ""').replace("replicas: 1", "minReplicas: 3\n    maxReplicas: 2")
        done = run("validate", "-f", self.write("a.yaml", wrong), "-f", self.write("b.yaml", UNKNOWN_FIELD))
        self.expect(done, 1, stdout="replicaz", stderr="2 ModelBoosters: ")
        self.assertGreaterEqual(len(done.stdout.splitlines()), 4, done.stdout)
        for line in done.stdout.splitlines():
            self.assertRegex(line, FINDING)

    def test_an_unknown_field_has_its_own_line(self):
        done = run("validate", "-f", self.write("a.yaml", UNKNOWN_FIELD))
        self.expect(done, 1, stdout=r"a\.yaml:11: spec\.backends\[0\]\.replicaz: ", stderr="1 error")

    def test_lines_count_from_the_start_of_the_file(self):
        path = self.write("a.yaml", "# comment\n---\n" + CONFIG_MAP + "---\n" + NO_SCHEME)
        done = run("validate", "-f", path)
        self.expect(done, 1, stdout=r"a\.yaml:17: ", stderr=r'a\.yaml:3: note: ConfigMap "settings" passes by')

    def test_a_warning_is_no_failure(self):
        self.expect(run("validate", "-f", self.write("a.yaml", WITH_WARNING)), 0, stdout=r"a\.yaml:\d+: warning: .* \[MB\d+\]\n$",
                    stderr="0 errors, 1 warning$")

    def test_standard_input(self):
        self.expect(run("validate", "-f", "-", stdin=NO_SCHEME), 1, stdout=r"^<stdin>:9: ", stderr="1 error")
        self.expect(run("validate", "-f", "-", stdin=VALID), 0, stderr="0 errors")

    def test_json_input(self):
        booster = {"apiVersion": "workload.serving.volcano.sh/v1alpha1", "kind": "ModelBooster", "metadata": {"name": "emoji-\U0001f600"},
                   "spec": {"backends": [{"name": "one", "type": "vLLM", "modelURI": "org/model", "workers": [{"image": "i"}]}]}}
        done = run("validate", "-f", self.write("a.json", json.dumps(booster)))
        self.expect(done, 1, stdout=r"a\.json(:\d+)?: spec\.backends\[0\]\.modelURI: ", stderr="1 ModelBooster")

    def test_a_list_stands_for_its_items(self):
        indented = "".join("  " + line + "\n" for line in NO_SCHEME.splitlines())
        item = "- " + indented[2:]
        path = self.write("list.yaml", "apiVersion: v1\nkind: List\nitems:\n" + item + item.replace("name: demo", "name: demo2"))
        done = run("validate", "-f", path)
        self.expect(done, 1, stdout=r"list\.yaml:12: (.|\n)*list\.yaml:24: ", stderr="^2 ModelBoosters: 2 errors")

    def test_json_output_of_what_cannot_be_read(self):
        """Who reads standard output alone must not take it for clean."""
        broken, lost = self.write("broken.yaml", "a: b\n\tc: d\n"), str(self.folder / "lost.yaml")
        plain, other = self.write("plain.yaml", "# nothing\n---\na: b\n"), self.write("other.yaml", CONFIG_MAP)
        folder = self.folder / "empty"
        folder.mkdir()
        cases = {(broken,): (broken, 2, "tab"), (lost,): (lost, None, f'"{lost}": cannot open it: No such file or directory'),
                 (plain,): (plain, 3, "no kind; write kind: ModelBooster"), (other,): (other, None, "no ModelBooster in the input"),
                 (str(folder),): (str(folder), None, "no .yaml, .yml or .json file"), (broken, self.write("a.yaml", VALID)): (broken, 2, "tab")}
        for paths, (file, line, message) in cases.items():
            with self.subTest(message):
                done = run("validate", *(word for path in paths for word in ("-f", path)), "-o", "json")
                self.assertEqual(done.returncode, 2)
                told = json.loads(done.stdout)
                (finding,) = told["findings"]
                self.assertEqual((told["errors"], told["boosters"], finding["severity"], finding["rule"]), (1, len(paths) - 1, "error", "unreadable"))
                self.assertEqual((finding["file"], finding.get("line")), (file, line))
                self.assertIn(message, finding["message"])
                self.assertIn(finding["message"], done.stderr)

    def test_json_output(self):
        path = self.write("a.yaml", NO_SCHEME + "---\n" + WITH_WARNING.replace("name: demo", "name: other\n  namespace: team"))
        done = run("validate", "-f", path, "-o", "json")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        report = json.loads(done.stdout)
        self.assertEqual((report["boosters"], report["errors"], report["warnings"]), (2, 1, 1))
        error, warning = report["findings"]
        self.assertEqual((error["file"], error["line"], error["name"], error["severity"], error["path"]),
                         (path, 9, "demo", "error", "spec.backends[0].modelURI"))
        self.assertRegex(error["rule"], r"^MB\d{3}$")
        self.assertIn("hf://", error["message"])
        self.assertEqual((warning["namespace"], warning["name"], warning["severity"]), ("team", "other", "warning"))

    def test_what_cannot_be_read(self):
        empty = self.folder / "empty"
        empty.mkdir()
        cases = {
            "no such file": ([str(self.folder / "nope.yaml")], r"nope\.yaml"),
            "no manifest in the folder": ([str(empty)], "no .yaml, .yml or .json file"),
            "not YAML": ([self.write("bad.yaml", "a: [1,\n  b: {c\n")], r"bad\.yaml:\d+: "),
            "a key twice": ([self.write("twice.yaml", VALID + "spec: {}\n")], r"twice\.yaml:13: .*spec"),
            "not text": ([self.write("binary.yaml", bytes(range(256)))], r"binary\.yaml(:\d+)?: "),
            "no objects": ([self.write("none.yaml", "# nothing\n")], r"none\.yaml: no ModelBooster in the input; .*kind: ModelBooster"),
            "a tab": ([self.write("tab.yaml", VALID.replace("  backends", "\tbackends"))], r"tab\.yaml:6: a tab in the indentation; indent with spaces"),
            "other kinds only": ([self.write("other.yaml", CONFIG_MAP)], "passes by(.|\n)*no ModelBooster in the input"),
            "no kind": ([self.write("nokind.yaml", "---\na: 1\n")], r"nokind\.yaml:2: .* no kind"),
            "a text": ([self.write("text.yaml", "hello\n")], r"text\.yaml:1: .* no kind"),
            "an alias bomb": ([self.write("bomb.yaml", "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
                f"{name}: &{name} [{','.join(['*' + below] * 10)}]\n" for below, name in zip("abcdefgh", "bcdefghi")))], r"bomb\.yaml"),
            "too deep": ([self.write("deep.yaml", "a: " + "[" * 5000)], r"deep\.yaml"),
        }
        for name, (files, expected) in cases.items():
            with self.subTest(name):
                for command in ("validate", "render"):
                    self.expect(run(command, *[word for file in files for word in ("-f", file)]), 2, stderr=expected)

    def test_a_file_over_the_limit(self):
        path = self.folder / "big.yaml"
        with open(path, "wb") as big:
            big.truncate(65 * 1024 * 1024)
        self.expect(run("validate", "-f", str(path)), 2, stderr="big.yaml.*longer than 64 MiB; split it")

    def test_the_rest_is_read_when_one_file_cannot_be(self):
        done = run("validate", "-f", str(self.folder / "nope.yaml"), "-f", self.write("a.yaml", NO_SCHEME))
        self.expect(done, 2, stdout=r"a\.yaml:9: ", stderr="nope(.|\n)*1 error")

    def test_a_folder_is_read_in_order_without_hidden_files_and_subfolders(self):
        for name in ("b.yaml", "a.yml", "c.json.bak", ".hidden.yaml", "sub/d.yaml", "e.txt"):
            text = NO_SCHEME.replace("org/model", name.replace(".", "-")).replace("name: demo", f"name: demo{ord(pathlib.Path(name).name[0])}")
            self.write(name, text)
        done = run("validate", "-f", str(self.folder))
        self.assertEqual(re.findall(r'"([\w-]+)" ', done.stdout), ["a-yml", "b-yaml"], done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_what_two_manifests_do_to_each_other(self):
        one = self.write("one.yaml", VALID.replace("name: demo", "name: a").replace("name: one", "name: b-c"))
        two = self.write("two.yaml", VALID.replace("name: demo", "name: a-b").replace("name: one", "name: c"))
        self.expect(run("validate", "-f", one, "-f", two), 1, stderr="1 error",
                    stdout=rf'^{two}:7: spec.backends\[0\].name: ModelServing "a-b-c" is made by ModelBooster "a" as well, at {one}:1; .* \[MB016\]\n$')
        self.expect(run("render", "-f", one, "-f", one), 1, stderr=rf'{one}:4: metadata.name: "a" is in the input already, at {one}:1; .* \[MB015\]')

    def test_a_slip_in_kind_or_group_is_a_finding(self):
        for wrong in (VALID.replace("kind: ModelBooster", "kind: modelbooster"), VALID.replace("/v1alpha1", "/v1"),
                      VALID.replace("kind: ModelBooster", "kind: ModelBoster"), VALID.replace("workload.serving.volcano.sh", "registry.volcano.sh"),
                      VALID.replace("apiVersion: workload.serving.volcano.sh/v1alpha1\n", "")):
            with self.subTest(wrong.splitlines()[:2]):
                self.expect(run("validate", "-f", self.write("a.yaml", wrong)), 1, stdout=r"\[MB\d+\]", stderr="1 error")

    def test_no_control_character_reaches_the_terminal(self):
        wrong = NO_SCHEME.replace("org/model", '"\\e[31mred\\a\\u009b1m"').replace("    replicas: 1", '    "\\e]0;title\\a": 1\n    replicas: 1')
        path = self.write("a\x1b[2J.yaml", wrong)
        for command in ("validate", "render"):
            done = run(command, "-f", path)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertNotRegex(done.stdout + done.stderr, "[\x00-\x09\x0b-\x1f\x7f\x80-\x9f]")

    def test_endless_findings_are_cut(self):
        many = VALID + "".join(f"  extra{i}: 1\n" for i in range(1000))
        done = run("validate", "-f", self.write("a.yaml", many))
        self.assertEqual(done.returncode, 1)
        self.assertLessEqual(len(done.stdout.splitlines()), 201)
        self.assertIn("there are more findings", done.stdout)


class Render(Case):
    def items(self, *arguments, **options):
        done = run("render", *arguments, "-o", "json", **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual((document["apiVersion"], document["kind"]), ("v1", "List"))
        return document["items"]

    def test_every_example_renders_in_application_order(self):
        for path in EXAMPLES:
            with self.subTest(path.name):
                kinds = [CHILD_KINDS.index(item["kind"]) for item in self.items("-f", str(path))]
                self.assertEqual(kinds, sorted(kinds))
                self.assertIn(0, kinds)
                self.assertEqual(kinds[-1], CHILD_KINDS.index("ModelRoute"))

    def test_yaml_is_a_stream_of_the_same_objects(self):
        for path in EXAMPLES:
            with self.subTest(path.name):
                done = run("render", "-f", str(path))
                self.expect(done, 0, stdout="^---\n")
                documents = re.split(r"^---\n", done.stdout, flags=re.MULTILINE)[1:]
                kinds = [re.search(r"^kind: (\w+)$", document, re.MULTILINE)[1] for document in documents]
                self.assertEqual(kinds, [item["kind"] for item in self.items("-f", str(path))])

    def test_the_same_input_gives_the_same_bytes(self):
        for output in ("yaml", "json"):
            whole = run("render", "-f", "examples", "-o", output).stdout
            self.assertEqual(run("render", "-f", "examples", "-o", output).stdout, whole)
        one_by_one = "".join(run("render", "-f", str(path)).stdout for path in EXAMPLES)
        self.assertEqual(run("render", "-f", "examples").stdout, one_by_one)

    def test_kind(self):
        for kind in ("ModelRoute", "modelroutes", "modelroute"):
            self.assertEqual([item["kind"] for item in self.items("-f", QUICKSTART, "--kind", kind)], ["ModelRoute"])
        self.assertEqual([item["kind"] for item in self.items("-f", QUICKSTART, "--kind", "ModelRoute", "--kind", "ModelServing")],
                         ["ModelServing", "ModelRoute"])
        self.assertEqual(self.items("-f", QUICKSTART, "--kind", "AutoscalingPolicy"), [])
        self.expect(run("render", "-f", QUICKSTART, "--kind", "AutoscalingPolicy"), 0)

    def owner_uids(self, *arguments, **options):
        return {item["metadata"]["ownerReferences"][0]["uid"] for item in self.items(*arguments, **options)}

    def test_uid(self):
        with_uid = VALID.replace("name: demo", "name: demo\n  uid: 11111111-2222-3333-4444-555555555555")
        self.assertEqual(self.owner_uids("-f", QUICKSTART), {"00000000-0000-0000-0000-000000000000"})
        self.assertEqual(self.owner_uids("-f", "-", stdin=with_uid), {"11111111-2222-3333-4444-555555555555"})
        self.assertEqual(self.owner_uids("-f", "-", "--uid", "abc", stdin=with_uid), {"abc"})

    def test_namespace(self):
        with_namespace = VALID.replace("name: demo", "name: demo\n  namespace: team")
        for expected, arguments, text in (("default", [], VALID), ("other", ["-n", "other"], VALID), ("team", [], with_namespace),
                                          ("team", ["--namespace", "other"], with_namespace)):
            found = {item["metadata"]["namespace"] for item in self.items("-f", "-", *arguments, stdin=text)}
            self.assertEqual(found, {expected})

    def test_images(self):
        plain, changed = (json.dumps(self.items("-f", QUICKSTART, *arguments)) for arguments in
                          ([], ["--downloader-image", "registry/d:1", "--runtime-image", "registry/r:2"]))
        for image in ("kthena/downloader:latest", "kthena/runtime:latest"):
            self.assertIn(image, plain)
            self.assertNotIn(image, changed)
        for image in ("registry/d:1", "registry/r:2"):
            self.assertIn(image, changed)

    def test_target(self):
        files = ["-f", "examples/gang-topology.yaml"]
        self.assertNotEqual(self.items(*files, "--target", "kthena-main"), self.items(*files, "--target", "kthena-0.1"))
        self.assertEqual(self.items(*files, "--target", "kthena-0.1"), self.items(*files))

    def test_an_invalid_one_leaves_standard_output_empty(self):
        self.expect(run("render", "-f", self.write("a.yaml", NO_SCHEME)), 1, stderr=r"a\.yaml:9: .*\[MB\d+\]")
        both = self.write("both.yaml", VALID + "---\n" + NO_SCHEME.replace("name: demo", "name: other"))
        self.expect(run("render", "-f", both), 1, stderr=r"both\.yaml:22: ")
        self.expect(run("render", "-f", QUICKSTART, "-f", str(self.folder / "nope")), 2, stderr="nope")

    def test_warnings_are_printed_beside(self):
        self.expect(run("render", "-f", self.write("a.yaml", WITH_WARNING)), 0, stdout="^---\n", stderr=r"^\S+: warning: .*\n$")

    def test_other_kinds_pass_by(self):
        path = self.write("a.yaml", CONFIG_MAP + "---\n" + VALID)
        done = run("render", "-f", path)
        self.expect(done, 0, stdout="^---\n", stderr=r'a\.yaml:1: note: ConfigMap "settings" passes by')
        self.assertNotIn("ConfigMap", done.stdout)

    def test_its_own_output_is_input_that_passes_by(self):
        rendered = run("render", "-f", QUICKSTART).stdout
        self.expect(run("validate", "-f", "-", stdin=rendered), 2, stderr="ModelServing .* passes by(.|\n)*no ModelBooster")


class Controller(Case):
    """Only what needs no cluster; tests/conformance has the rest."""

    def start(self, *arguments, **environment):
        clean = {name: value for name, value in os.environ.items() if name not in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST")}
        return run("controller", *arguments, env={**clean, "HOME": str(self.folder), **environment})

    def test_without_a_cluster_it_says_how_to_name_one(self):
        self.expect(self.start(), 2, stderr="--kubeconfig FILE.*KUBECONFIG")

    def test_a_kubeconfig_that_cannot_be_read(self):
        missing = str(self.folder / "nope")
        self.expect(self.start("--kubeconfig", missing), 2, stderr="nope")
        self.expect(self.start(KUBECONFIG=missing), 2, stderr="nope")
        self.expect(self.start("--kubeconfig", self.write("text", "hello\n")), 2, stderr="text")

    def test_flags_are_checked_first(self):
        cases = {
            "too few in flight": (["--max-in-flight", "0"], "a number from 1 to 1000"),
            "too many in flight": (["--max-in-flight=1001"], "a number from 1 to 1000"),
            "no number": (["--max-rollouts", "two"], '--max-rollouts is "two"'),
            "no such level": (["--log-level", "loud"], "write one of debug\\|info\\|warn\\|error"),
            "no such policy": (["--upgrade", "now"], "write one of on-edit\\|rolling"),
            "a switch with a value": (["--allow-exec=maybe"], "write true or false"),
            "a slip": (["--kubeconfg", "x"], "did you mean --kubeconfig\\?"),
        }
        for name, (arguments, expected) in cases.items():
            with self.subTest(name):
                self.expect(self.start("--kubeconfig", "/nope", *arguments), 2, stderr=expected)


class Streams(Case):
    def test_a_full_disk_is_noticed(self):
        for arguments in (["render", "-f", QUICKSTART], ["crds"], ["help"], ["version"], ["validate", "-f", self.write("a.yaml", NO_SCHEME)]):
            with self.subTest(arguments), open("/dev/full", "w") as full:
                done = subprocess.run([PROGRAM, *arguments], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
                self.assertEqual(done.returncode, 2)
                self.assertRegex(done.stderr, "standard output: cannot write")

    def test_a_closed_pipe_is_noticed(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([PROGRAM, "crds"], stdout=writer, stderr=subprocess.PIPE, text=True)
        os.close(writer)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, "standard output: cannot write")

    def test_closed_standard_output_is_noticed(self):
        done = subprocess.run(["sh", "-c", 'exec "$0" "$@" >&-', PROGRAM, "render", "-f", QUICKSTART], cwd=ROOT, stderr=subprocess.PIPE,
                              text=True)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, "standard output: cannot write")

    def test_closed_standard_input_is_noticed(self):
        done = subprocess.run(["sh", "-c", 'exec "$0" "$@" <&-', PROGRAM, "validate", "-f", "-"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2, done.stderr)

    def test_closed_standard_error_changes_nothing(self):
        done = subprocess.run(["sh", "-c", 'exec "$0" "$@" 2>&-', PROGRAM, "validate", "-f", "-"], input=NO_SCHEME, stdout=subprocess.PIPE,
                              text=True)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"^<stdin>:9: .*\n$")

    def test_a_pipe_in_the_place_of_a_file(self):
        done = subprocess.run(["sh", "-c", 'cat "$1" | "$0" render -f /dev/stdin', PROGRAM, QUICKSTART], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, run("render", "-f", QUICKSTART).stdout)


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=2).result
    failed = len({test.id().split(" ")[0] for test, _ in result.failures + result.errors})
    print(f"{result.testsRun - failed} passed, {failed} failed", file=sys.stderr)
    sys.exit(1 if failed else 0)
