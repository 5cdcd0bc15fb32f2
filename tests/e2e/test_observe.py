#!/usr/bin/env python3
"""What a running controller tells of itself: /healthz, /readyz, /metrics, traces; and that dashboard, alerts and docs tell of the same.

    MODEL_BOOSTER=build/main/model-booster tests/e2e/test_observe.py [case...]
"""
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

import openmetrics

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("MODEL_BOOSTER", str(ROOT / "build/main/model-booster"))
PATIENCE_S = 60
OBSERVABILITY = ROOT / "deploy/observability"
# What Prometheus adds to each series, or makes by itself.
OTHERS_LABELS = {"job", "instance", "le"}
WORDS = set("by on group_left without sum rate increase histogram_quantile absent min max vector label_values for and or".split())


class Process:
    """A running subcommand; its log is read line by line."""

    def __init__(self, case, *arguments, environment=None):
        self.process = subprocess.Popen([PROGRAM, *arguments], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={**os.environ, **(environment or {})})
        self.log = ""
        case.addCleanup(self.end)

    def end(self):
        self.process.kill()
        self.process.communicate()

    def wait_for(self, pattern, stream="stderr"):
        """The next line that says so; the process is killed when none comes."""
        patience = threading.Timer(PATIENCE_S, self.process.kill)
        patience.start()
        try:
            for line in getattr(self.process, stream):
                self.log += line
                if match := re.search(pattern, line):
                    return match
        finally:
            patience.cancel()
        raise AssertionError(f"no {pattern}: {self.log}")

    def has_said(self, pattern):
        """Now, or before."""
        return re.search(pattern, self.log) or self.wait_for(pattern)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=PATIENCE_S)[1], self.process.returncode


class Controller(Process):
    def __init__(self, case, kubeconfig, *arguments, environment=None):
        super().__init__(case, "controller", "--kubeconfig", kubeconfig, "--metrics-bind-address", "127.0.0.1:0", *arguments,
                         environment=environment)
        self.address = self.wait_for(r"serving metrics and health address=(\S+)").group(1)

    def ask(self, path, accept="", method="GET", timeout=PATIENCE_S):
        connection = http.client.HTTPConnection(self.address, timeout=timeout)
        try:
            connection.request(method, path, headers={"Accept": accept} if accept else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        finally:
            connection.close()

    def families(self):
        status, text, headers = self.ask("/metrics", "application/openmetrics-text; version=1.0.0")
        assert (status, headers["Content-Type"]) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        return openmetrics.parse(text)

    def value(self, sample, **labels):
        """The sum of a sample's series that have these labels."""
        return sum(value for family in self.families().values() for (name, has), value in family.samples.items()
                   if name == sample and labels.items() <= dict(has).items())


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="observe-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.kubeconfig = str(self.folder / "kubeconfig")

    def serve(self):
        """Kubernetes' API, without a controller; pods are played."""
        server = Process(self, "standalone", "--temporary", "--no-controller", "--simulate-serving", "--simulate-delay-ms", "20",
                         "--kubeconfig-out", self.kubeconfig)
        server.wait_for("^Ctrl-C", "stdout")
        return server

    def run_verb(self, *arguments):
        done = subprocess.run([PROGRAM, *arguments], cwd=ROOT, env={**os.environ, "KUBECONFIG": self.kubeconfig}, capture_output=True,
                              text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def write_kubeconfig(self, url):
        pathlib.Path(self.kubeconfig).write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": url}}], "users": [{"name": "u", "user": {"token": "t"}}]}))


class Reader(unittest.TestCase):
    """The strict reader is strict."""

    def test_refuses(self):
        good = "# HELP a A.\n# TYPE a counter\na_total{x=\"1\"} 2\n"
        self.assertEqual(openmetrics.parse(good + "# EOF\n")["a"].samples, {("a_total", (("x", "1"),)): 2.0})
        wrong = [good, good + "# EOF", "# EOF\n" + good, good + "\n# EOF\n", good + "a_total{x=\"1\"} 2\n# EOF\n", good + "a 1\n# EOF\n",
                 good + "b 1\n# EOF\n", good + "a_total{x=\"1\",x=\"2\"} 2\n# EOF\n", good + "a_total{x=\"2\",} 2\n# EOF\n",
                 good + "a_total{x=\"\\q\"} 2\n# EOF\n", good + "a_total{x=\"2\"} -2\n# EOF\n", good + "a_total{x=\"2\"} two\n# EOF\n",
                 good + "# TYPE a counter\n# EOF\n", "# TYPE a thing\na 1\n# EOF\n", "# HELP a A.\na 1\n# EOF\n",
                 "# TYPE h histogram\nh_bucket{le=\"1.0\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n# EOF\n",
                 "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n# EOF\n",
                 "# TYPE h histogram\nh_bucket{le=\"1.0\"} 1\nh_sum 1\nh_count 1\n# EOF\n",
                 "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n# EOF\n", "# TYPE i info\ni_info 2\n# EOF\n"]
        for text in wrong:
            with self.assertRaises(openmetrics.OpenMetricsError, msg=text):
                openmetrics.parse(text)


class Running(Case):
    def start(self, *arguments, **options):
        server = self.serve()
        controller = Controller(self, self.kubeconfig, *arguments, **options)
        controller.wait_for("in step with the cluster")
        return server, controller

    def test_a_model_from_commit_to_active_and_its_drift(self):
        _, controller = self.start()
        self.assertEqual(controller.ask("/readyz")[:2], (200, "ok"))
        self.assertRegex(controller.ask("/readyz?verbose")[1], r"^\[\+\]loop ok\n(\[\+\].*\n)*readyz check passed\n$")
        self.run_verb("apply", "-f", "examples/quickstart.yaml")
        self.run_verb("wait", "modelbooster/quickstart", "--for=condition=Active")
        controller.wait_for("active=True")
        self.assertEqual(controller.value("model_booster_models", condition="Active", status="True", reason="ModelAvailable"), 1)
        self.assertEqual(controller.value("model_booster_models", condition="Failed", status="False", reason="NoFailure"), 1)
        self.assertEqual(controller.value("model_booster_models"), 3)
        for kind in ("ModelServing", "ModelServer", "ModelRoute"):
            self.assertEqual(controller.value("model_booster_children", kind=kind), 1)
        self.assertEqual(controller.value("model_booster_commit_to_children_seconds_count"), 1)
        self.assertEqual(controller.value("model_booster_commit_to_active_seconds_count"), 1)
        self.assertGreaterEqual(controller.value("rest_client_requests_total", code="201", method="POST"), 3)  # Events, too
        self.assertEqual(controller.value("model_booster_drift_repaired_total"), 0)
        for path in ("/metrics", "/readyz?verbose", "/healthz?verbose"):
            self.assertNotRegex(controller.ask(path)[1], "quickstart|default")

        self.run_verb("delete", "modelroute", "quickstart")
        controller.wait_for("created kind=ModelRoute")
        self.assertEqual(controller.value("model_booster_drift_repaired_total", kind="ModelRoute"), 1)
        self.run_verb("delete", "modelbooster", "quickstart")
        self.assertEqual(controller.value("model_booster_drift_repaired_total"), 1)
        log, code = controller.stop()
        self.assertEqual(code, 0, log)

    def test_of_two_one_leads_and_tells_of_models(self):
        _, first = self.start()
        first.has_said("leading")
        self.run_verb("apply", "-f", "examples/quickstart.yaml")
        self.run_verb("wait", "modelbooster/quickstart", "--for=condition=Active")
        first.wait_for("active=True")
        second = Controller(self, self.kubeconfig)
        second.wait_for("in step with the cluster")
        status, text, _ = second.ask("/readyz?verbose")
        self.assertEqual(status, 200, text)
        self.assertRegex(text, r"\[\+\]leader ok: it stands by")
        names = ("leader_election_master_status", "model_booster_models", "workqueue_depth")
        told = lambda controller: [controller.value(name) for name in names]
        self.assertEqual((told(first)[:2], told(second)), ([1, 3], [0, 0, 0]))
        first.stop()
        second.has_said("leading")
        self.assertEqual(told(second)[:2], [1, 3])
        # What the first has done is not the second's to measure.
        self.assertEqual(second.value("model_booster_commit_to_children_seconds_count"), 0)

    def test_both_forms_have_the_same_samples(self):
        _, controller = self.start("--leader-elect=false")  # which asks the server for something from time to time
        status, text, headers = controller.ask("/metrics")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
        ours = {key for family in controller.families().values() for key in family.samples}
        self.assertEqual({key for key in openmetrics.parse_prometheus(text)} ^ ours, set())
        self.assertEqual(controller.ask("/metrics", method="HEAD")[:2], (200, ""))
        self.assertEqual(controller.ask("/metrics", method="POST")[0], 405)

    def test_standalone_serves_the_same(self):
        server = Process(self, "standalone", "--temporary", "--metrics-bind-address", "127.0.0.1:0")
        address = server.wait_for(r"serving metrics and health address=(\S+)").group(1)
        server.wait_for("in step with the cluster")
        controller = Controller.__new__(Controller)
        controller.address = address
        self.assertEqual(controller.ask("/readyz")[:2], (200, "ok"))
        self.assertEqual(controller.value("model_booster_kind_synced", kind="ModelBooster"), 1)
        self.assertGreater(controller.value("rest_client_requests_total", code="200", method="GET"), 0)

    def test_the_process_tells_of_itself(self):
        _, controller = self.start()
        pid = controller.process.pid
        resident = int(re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) * 1024
        self.assertLess(abs(controller.value("process_resident_memory_bytes") - resident), 16 * 1024 * 1024)
        self.assertGreater(controller.value("process_virtual_memory_bytes"), resident)
        self.assertGreater(controller.value("process_max_fds"), controller.value("process_open_fds"))
        self.assertLess(abs(controller.value("process_open_fds") - len(os.listdir(f"/proc/{pid}/fd"))), 5)
        self.assertLess(abs(controller.value("process_start_time_seconds") - os.stat(f"/proc/{pid}").st_mtime), 60)
        self.assertGreater(controller.value("process_cpu_seconds_total"), 0)
        version = subprocess.run([PROGRAM, "version"], capture_output=True, text=True, check=True).stdout
        built = next(iter(controller.families()["model_booster_build"].samples))
        self.assertIn(dict(built[1])["version"], version)

    def test_a_stuck_process_answers_nobody(self):
        _, controller = self.start()
        controller.process.send_signal(signal.SIGSTOP)
        with self.assertRaises(TimeoutError):
            controller.ask("/healthz", timeout=0.3)
        controller.process.send_signal(signal.SIGCONT)
        self.assertEqual(controller.ask("/healthz")[:2], (200, "ok"))

    def test_nobody_keeps_others_out(self):
        _, controller = self.start()
        host, port = controller.address.rsplit(":", 1)
        with contextlib.ExitStack() as stack:
            for _ in range(300):
                greedy = stack.enter_context(socket.create_connection((host, int(port))))
                greedy.sendall(b"GET /healthz HTTP/1.1\r\n")
            self.assertEqual(controller.ask("/healthz")[:2], (200, "ok"))
        self.assertLess(controller.value("process_open_fds"), 300)

    def test_an_outage_is_seen_and_no_reason_to_start_anew(self):
        server, controller = self.start()
        server.end()
        controller.wait_for("watch interrupted")
        self.assertEqual(controller.ask("/healthz")[:2], (200, "ok"))
        self.assertGreater(controller.value("model_booster_watch_interruptions_total"), 0)
        self.assertEqual(controller.value("model_booster_kind_synced", kind="ModelBooster"), 1)


class Starting(Case):
    def test_out_of_reach(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        self.write_kubeconfig(url)
        controller = Controller(self, self.kubeconfig)
        controller.wait_for("watch interrupted")
        self.assertEqual(controller.ask("/healthz?verbose")[:2], (200, "[+]ping ok\n[+]loop ok\nhealthz check passed\n"))
        status, text, _ = controller.ask("/readyz")
        self.assertEqual(status, 500)
        self.assertIn("[-]models failed: ModelBoosters are not listed yet\n", text)
        self.assertEqual(controller.ask("/readyz/loop")[:2], (200, "ok"))
        self.assertGreater(controller.value("rest_client_requests_total", code="<error>", host=url.removeprefix("http://")), 0)

    def test_wrong_settings(self):
        self.write_kubeconfig("http://127.0.0.1:1")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            for arguments, message in [(["--metrics-bind-address", f"127.0.0.1:{taken.getsockname()[1]}"], "cannot listen on"),
                                       (["--metrics-bind-address", "localhost:80"], "expected an IP address and a port"),
                                       (["--otlp-endpoint", "127.0.0.1:4318"], "--otlp-endpoint")]:
                done = subprocess.run([PROGRAM, "controller", "--kubeconfig", self.kubeconfig, *arguments], capture_output=True, text=True,
                                      timeout=PATIENCE_S, cwd=ROOT)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(message, done.stderr)


class Collector:
    """Takes spans by OTLP over HTTP with JSON."""

    def __init__(self, case):
        self.spans, self.change = [], threading.Condition()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/json")
                with collector.change:
                    for resource in content["resourceSpans"]:
                        collector.resource = collector.attributes(resource["resource"])
                        for scope in resource["scopeSpans"]:
                            collector.spans += scope["spans"]
                    collector.change.notify_all()
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()
        case.addCleanup(self.http.server_close)
        case.addCleanup(self.http.shutdown)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    @staticmethod
    def attributes(span):
        return {item["key"]: item["value"].get("stringValue", item["value"].get("intValue")) for item in span["attributes"]}


class Traces(Case):
    def test_a_span_a_reconcile_with_its_requests(self):
        collector = Collector(self)
        self.serve()
        controller = Controller(self, self.kubeconfig, environment={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
        controller.wait_for("in step with the cluster")
        self.run_verb("apply", "-f", "examples/quickstart.yaml")
        self.run_verb("wait", "modelbooster/quickstart", "--for=condition=Active")
        controller.wait_for("active=True")
        runs = controller.value("controller_runtime_reconcile_total")
        log, code = controller.stop()  # what is not sent yet is sent now
        self.assertEqual(code, 0, log)
        self.assertEqual(collector.resource["service.name"], "model-booster")
        roots = {span["spanId"]: span for span in collector.spans if "parentSpanId" not in span}
        children = [span for span in collector.spans if "parentSpanId" in span]
        self.assertGreaterEqual(len(roots), runs)
        for root in roots.values():
            self.assertEqual((root["name"], root["kind"]), ("reconcile ModelBooster", 1))
            self.assertEqual(collector.attributes(root)["model_booster.model.name"], "quickstart")
            self.assertEqual(collector.attributes(root)["k8s.namespace.name"], "default")
        for child in children:
            root = roots[child["parentSpanId"]]
            self.assertEqual(child["traceId"], root["traceId"])
            self.assertLessEqual(int(root["startTimeUnixNano"]), int(child["startTimeUnixNano"]))
            self.assertLessEqual(int(child["endTimeUnixNano"]), int(root["endTimeUnixNano"]))
        self.assertEqual(len({span["spanId"] for span in collector.spans}), len(collector.spans))
        creates = [(collector.attributes(span), span["parentSpanId"]) for span in children if span["name"] == "POST ModelServing"]
        self.assertEqual(len(creates), 1)
        create, parent_of_create = creates[0]
        self.assertEqual((create["http.request.method"], create["http.response.status_code"]), ("POST", "201"))
        self.assertEqual(roots[parent_of_create]["status"], {})
        self.assertEqual(create["server.address"], "127.0.0.1")
        self.assertRegex(create["url.full"], rf"^https://127\.0\.0\.1:{create['server.port']}/apis/workload\.serving\.volcano\.sh/")
        self.assertIn("PATCH ModelBooster", [span["name"] for span in children])

    def test_without_a_collector_work_goes_on(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        self.serve()
        controller = Controller(self, self.kubeconfig, "--otlp-endpoint", url)
        self.run_verb("apply", "-f", "examples/quickstart.yaml")
        self.run_verb("wait", "modelbooster/quickstart", "--for=condition=Active")
        controller.wait_for("traces are not taken")
        self.assertEqual(controller.value("model_booster_trace_spans_total", outcome="exported"), 0)
        log, code = controller.stop()
        self.assertEqual(code, 0, log)


def metrics_of(expression):
    """Names and labels of a PromQL expression: [(name, {label})]."""
    expression = re.sub(r"\[[^\]]*\]", "", expression)
    grouped = set()
    for group in re.findall(r"\b(?:by|on|group_left|without)\s*\(([^)]*)\)", expression):
        grouped |= {label.strip() for label in group.split(",") if label.strip()}
    expression = re.sub(r"\b(?:by|on|group_left|without)\s*\([^)]*\)", "", expression)
    expression = re.sub(r"label_values\(([^,]+),[^)]*\)", r"\1", expression)
    found = []
    for match in re.finditer(r'\b([a-z_][a-z0-9_]*)\b(?:\{((?:[^}"]|"[^"]*")*)\})?', re.sub(r'(?<!\w)"[^"]*"(?![^{]*\})', "", expression)):
        if match.group(1) not in WORDS:
            found.append((match.group(1), set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)', match.group(2) or ""))))
    return found, grouped


class Files(Case):
    """Dashboard, alert rules and documentation tell of what there is."""

    def samples(self):
        self.serve()
        controller = Controller(self, self.kubeconfig)
        controller.wait_for("in step with the cluster")
        self.run_verb("apply", "-f", "examples/quickstart.yaml")
        self.run_verb("wait", "modelbooster/quickstart", "--for=condition=Active")
        controller.wait_for("active=True")
        families = controller.families()
        labels = {}
        for family in families.values():
            for ending in openmetrics.TYPES[family.kind]:
                labels.setdefault(family.name + ending, set())
            for (name, has), _ in family.samples.items():
                labels[name] |= {label for label, _ in has}
        return families, labels

    def expressions(self):
        dashboard = json.loads((OBSERVABILITY / "dashboard.json").read_text())
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield f"dashboard, {panel['title']}", target["expr"]
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                yield f"dashboard, ${variable['name']}", variable["definition"]
        rules = (OBSERVABILITY / "prometheusrule.yaml").read_text()
        for alert in re.split(r"\n *- alert: ", rules)[1:]:
            block = re.search(r"\n( *)expr: (?:\|\n((?:\1  .*\n)+)|(.*)\n)", alert)
            yield f"alert {alert.split()[0]}", block.group(2) or block.group(3)

    def test_every_metric_that_is_asked_for_exists(self):
        _, labels = self.samples()
        count = 0
        for where, expression in self.expressions():
            found, grouped = metrics_of(expression)
            self.assertTrue(found, where)
            known = set(OTHERS_LABELS)
            for name, wanted in found:
                self.assertIn(name, labels, f"{where}: {expression}")
                self.assertLessEqual(wanted - OTHERS_LABELS, labels[name], f"{where}: {name}")
                known |= labels[name]
                count += 1
            self.assertLessEqual(grouped, known, f"{where}: {expression}")
        self.assertGreater(count, 60)

    def test_the_documentation_has_a_row_for_each_family(self):
        families, _ = self.samples()
        text = (ROOT / "docs/observability.md").read_text()
        metrics = text[text.index("## Metrics"):text.index("## Dashboard")]
        rows = set(re.findall(r"^\| `([a-z_]+)(?:\{[^`]*\})?` \|", metrics, re.MULTILINE))
        printed = {family.name + {"counter": "_total", "info": "_info"}.get(family.kind, "") for family in families.values()}
        self.assertEqual(rows, printed)
        alerts = set(re.findall(r"- alert: (\w+)", (OBSERVABILITY / "prometheusrule.yaml").read_text()))
        self.assertEqual(set(re.findall(r"^\| `(ModelBooster\w+)` \|", text, re.MULTILINE)), alerts)

    def test_the_check_finds_what_is_not_there(self):
        for expression, names in [("sum by (a) (rate(b_total{c=\"d\"}[5m])) / e", ["b_total", "e"]),
                                  ("label_values(f_info, job)", ["f_info"]), ("absent(g)", ["g"])]:
            self.assertEqual([name for name, _ in metrics_of(expression)[0]], names)

    def test_panels_are_laid_out_without_overlap(self):
        dashboard = json.loads((OBSERVABILITY / "dashboard.json").read_text())
        taken = set()
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            self.assertLessEqual(place["x"] + place["w"], 24)
            taken |= cells
        ids = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))


if __name__ == "__main__":
    program = unittest.main(verbosity=1, exit=False)
    failed = len(program.result.failures) + len(program.result.errors)
    print(f"{program.result.testsRun - failed} passed, {failed} failed", file=sys.stderr)
    sys.exit(1 if failed else 0)
