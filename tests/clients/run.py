#!/usr/bin/env python3
"""make clients: Kubernetes' ordinary clients against `model-booster standalone`: kubectl, helm, client-go, controller-runtime, the Python client.

    run.py [NAME...]        only the cases whose names hold one of these words
    KUBECONFIG with MB_CLIENTS_USE_CLUSTER=1: that cluster instead, with our definitions in it

Ends with `N passed, N failed`, and names what it skipped for want of a tool. Everything lies in a temporary folder.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAM = os.environ.get("MODEL_BOOSTER", str(ROOT / "build/main/model-booster"))
TOOLS = ROOT / "build/conformance"
OUT = ROOT / "build/clients"

BOOSTER = """
apiVersion: workload.serving.volcano.sh/v1alpha1
kind: ModelBooster
metadata: {name: NAME, labels: {team: a}}
spec:
  backends:
  - name: gpu
    type: vLLM
    modelURI: hf://Qwen/Qwen2.5-0.5B-Instruct
    minReplicas: 1
    maxReplicas: REPLICAS
    workers: [{image: "example/engine:1", type: server, pods: 1, replicas: 1}]
"""


def booster(name, replicas=1):
    return BOOSTER.replace("NAME", name).replace("REPLICAS", str(replicas))


# name, arguments, standard input, expected exit status, what the output must match
KUBECTL = [
    ("version", "version", "", 0, r"Server Version: v1\.34"),
    ("api-resources", "api-resources --api-group=workload.serving.volcano.sh", "", 0, r"modelboosters +mb +workload"),
    ("explain a defined kind", "explain modelbooster.spec.backends.minReplicas", "", 0, r"FIELD: minReplicas"),
    ("apply a kind that is not there", "apply -f -", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n", 1, r'no matches for kind "Deployment" in version "apps/v1"'),
    ("explain a built-in kind", "explain pod.spec.containers.image", "", 0, r"FIELD: image <string>"),
    ("create a namespace", "create namespace kc", "", 0, r"namespace/kc created"),
    ("create from literals", "create configmap a -n kc --from-literal=x=y", "", 0, r"configmap/a created"),
    ("create what is there", "create configmap a -n kc", "", 1, r'configmaps "a" already exists'),
    ("create a secret", "create secret generic s -n kc --from-literal=k=v", "", 0, r"secret/s created"),
    ("get jsonpath", "get secret s -n kc -o jsonpath={.data.k}", "", 0, r"^dg==$"),
    ("create with unknown fields", "create -n kc -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\nspec: 1\n", 1, r'unknown field "spec"'),
    ("apply on the client's side", "apply -n kc -f -", booster("one"), 0, r"modelbooster\S*/one created"),
    ("apply again", "apply -n kc -f -", booster("one"), 0, r"modelbooster\S*/one (unchanged|configured)"),
    ("diff", "diff -n kc -f -", booster("one", 3), 1, r"\+ .*maxReplicas: 3"),
    ("apply a change", "apply -n kc -f -", booster("one", 2), 0, r"modelbooster\S*/one configured"),
    ("diff of nothing", "diff -n kc -f -", booster("one", 2), 0, r"^$"),
    ("apply on the server's side", "apply -n kc --server-side --field-manager=ci -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa}\ndata: {a: '1'}\n", 0,
     r"configmap/ssa serverside-applied"),
    ("conflict of appliers", "apply -n kc --server-side --field-manager=other -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa}\ndata: {a: '2'}\n", 1,
     r'conflict with "ci"'),
    ("forced apply", "apply -n kc --server-side --field-manager=other --force-conflicts -f -",
     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa}\ndata: {a: '2'}\n", 0, r"serverside-applied"),
    ("apply what is wrong", "apply -n kc -f -", booster("bad").replace("minReplicas: 1", "minReplicas: -1"), 1, r"minReplicas"),
    ("get a table", "get modelboosters -n kc", "", 0, r"NAME +INITIALIZED +ACTIVE +FAILED +AGE\none +"),
    ("get wide", "get mb,cm -n kc -o wide", "", 0, r"configmap/ssa +1"),
    ("get yaml", "get mb one -n kc -o yaml", "", 0, r"kind: ModelBooster"),
    ("get by label", "get mb -n kc -l team=a -o name", "", 0, r"modelbooster\S*/one"),
    ("get by another label", "get mb -n kc -l team=b", "", 0, r"No resources found"),
    ("get all namespaces", "get cm -A --field-selector metadata.name=ssa", "", 0, r"kc +ssa"),
    ("wait for Initialized", "wait -n kc --for=condition=Initialized mb/one --timeout=20s", "", 0, r"condition met"),
    ("wait for Active", "wait -n kc --for=condition=Active mb/one --timeout=30s", "", 0, r"condition met"),
    ("describe", "describe mb one -n kc", "", 0, r"Type: +Initialized"),
    ("label", "label cm a -n kc l=1", "", 0, r"configmap/a labeled"),
    ("annotate", "annotate cm a -n kc n=1", "", 0, r"configmap/a annotated"),
    ("patch by strategic merge", "patch cm a -n kc -p {\"data\":{\"z\":\"1\"}}", "", 0, r"configmap/a patched"),
    ("patch by merge", "patch mb one -n kc --type=merge -p {\"metadata\":{\"annotations\":{\"p\":\"1\"}}}", "", 0, r"patched"),
    ("patch by JSON", "patch cm a -n kc --type=json -p [{\"op\":\"remove\",\"path\":\"/data/z\"}]", "", 0, r"patched"),
    ("edit", "edit cm a -n kc", "", 0, r"configmap/a edited"),
    ("what edit did", "get cm a -n kc -o jsonpath={.data.x}", "", 0, r"^edited$"),
    ("scale by the subresource", "scale msv one-gpu -n kc --replicas=2", "", 0, r"scaled"),
    ("run a pod", "run p -n kc --image=example/x", "", 0, r"pod/p created"),
    ("get pods", "get pod p -n kc", "", 0, r"p +0/1 +Pending"),
    ("service account and token", "create serviceaccount bot -n kc", "", 0, r"serviceaccount/bot created"),
    ("token", "create token bot -n kc", "", 0, r"^ey"),
    ("may I", "auth can-i create modelboosters -n kc", "", 0, r"^yes$"),
    ("who am I", "auth whoami", "", 0, r"system:masters"),
    ("role and binding", "create role r -n kc --verb=get --resource=configmaps", "", 0, r"role\S*/r created"),
    ("raw", "get --raw /readyz", "", 0, r"^ok$"),
    ("events", "get events -n kc", "", 0, r"LAST SEEN|No resources found"),
    ("delete one", "delete cm a -n kc", "", 0, r'configmap "a" deleted'),
    ("delete what is not there", "delete cm a -n kc", "", 1, r'configmaps "a" not found'),
    ("delete by label", "delete mb -n kc -l team=a", "", 0, r'"one" deleted'),
    ("wait for deletion", "wait -n kc --for=delete mb/one --timeout=20s", "", 0, r""),
    ("children are gone", "get msv,msr,mrt -n kc", "", 0, r"No resources found"),
    ("delete a namespace", "delete namespace kc --timeout=30s", "", 0, r'namespace "kc" deleted'),
    ("it is gone", "get namespace kc", "", 1, r'namespaces "kc" not found'),
]

HELM = [
    ("install", "install r CHART -n hc --create-namespace --wait --timeout 60s", 0, r"STATUS: deployed"),
    ("upgrade", "upgrade r CHART -n hc --set replicas=2", 0, r"REVISION: 2"),
    ("list", "list -n hc", 0, r"r\s+hc\s+2"),
    ("rollback", "rollback r 1 -n hc", 0, r"Rollback was a success"),
    ("upgrade to what is wrong", "upgrade r CHART -n hc --set replicas=-1", 1, r"maxReplicas|minReplicas"),
    ("uninstall", "uninstall r -n hc", 0, r'release "r" uninstalled'),
]


class Suite:
    def __init__(self, folder, wanted):
        self.folder, self.wanted = folder, wanted
        self.passed = self.failed = 0
        self.environment = dict(os.environ, KUBECONFIG=str(folder / "kubeconfig"), HOME=str(folder), KUBE_EDITOR="sed -i s/x:.*/x:\\ edited/")

    def wants(self, name):
        return not self.wanted or any(word in name for word in self.wanted)

    def note(self, name, is_good, output=""):
        if is_good:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {name}\n{output[-3000:]}")

    def check(self, name, command, stdin, status, pattern):
        if not self.wants(name):
            return
        try:
            done = subprocess.run(command, input=stdin, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=90)
        except subprocess.TimeoutExpired as error:
            self.note(name, False, f"took too long\n{error.stdout or ''}")
            return
        is_good = done.returncode == status and re.search(pattern, done.stdout, re.MULTILINE)
        self.note(name, is_good, f"$ {' '.join(command)}\nstatus {done.returncode}, expected {status} and /{pattern}/\n{done.stdout}")

    def lines(self, name, command, timeout=240, cwd=None):
        """A program that prints `ok CASE` or `FAILED CASE: why` for each of its cases."""
        if not self.wants(name):
            return
        done = subprocess.run(command, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, cwd=cwd)
        cases = re.findall(r"^(ok|FAILED) (.*)$", done.stdout, re.MULTILINE)
        for outcome, text in cases:
            self.note(f"{name}: {text}", outcome == "ok")
        if done.returncode or not cases:
            self.note(name, False, done.stdout)


def start(folder):
    kubeconfig = folder / "kubeconfig"
    log = open(folder / "log", "w")
    server = subprocess.Popen([PROGRAM, "standalone", "--data", folder / "data", "--listen", "127.0.0.1:0", "--kubeconfig-out", kubeconfig,
                               "--simulate-serving", "--simulate-delay-ms", "200"], stdout=log, stderr=log)
    deadline = time.monotonic() + 20
    while "ready after" not in (folder / "log").read_text():
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"standalone does not start:\n{(folder / 'log').read_text()}")
        time.sleep(0.02)
    return server


def watch_live(suite, kubectl):
    """kubectl get -w shows what happens while it looks."""
    if not suite.wants("get -w"):
        return
    watch = subprocess.Popen([kubectl, "get", "cm", "-n", "default", "-w", "--no-headers"], env=suite.environment, text=True, stdout=subprocess.PIPE)
    time.sleep(0.5)
    subprocess.run([kubectl, "create", "configmap", "seen", "-n", "default"], env=suite.environment, capture_output=True)
    os.set_blocking(watch.stdout.fileno(), False)
    deadline, text = time.monotonic() + 10, ""
    while "seen" not in text and time.monotonic() < deadline:
        text += watch.stdout.read() or ""
        time.sleep(0.05)
    watch.kill()
    watch.wait()
    suite.note("get -w", "seen" in text, text)


def run_kubectl(suite):
    kubectl = os.environ.get("MB_KUBECTL") or str(TOOLS / "kubectl")
    if not os.access(kubectl, os.X_OK):
        print("skipped: kubectl: it is not there (tests/conformance/setup.sh brings it)")
        return
    watch_live(suite, kubectl)
    for name, arguments, stdin, status, pattern in KUBECTL:
        suite.check(f"kubectl: {name}", [kubectl, *arguments.split(" ")], stdin, status, pattern)


def run_helm(suite):
    helm = os.environ.get("MB_HELM") or str(TOOLS / "helm")
    if not os.access(helm, os.X_OK):
        print("skipped: helm: it is not there (tests/conformance/setup.sh brings it)")
        return
    chart = suite.folder / "chart"
    shutil.copytree(HERE / "chart", chart)
    for name, arguments, status, pattern in HELM:
        suite.check(f"helm: {name}", [helm, *arguments.replace("CHART", str(chart)).split(" ")], "", status, pattern)


def run_go(suite):
    go = os.environ.get("GO") or shutil.which("go") or "/usr/local/go/bin/go"
    if not os.access(go, os.X_OK):
        print("skipped: client-go, controller-runtime: no Go")
        return
    OUT.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ, GOTOOLCHAIN="local", GOFLAGS="-mod=readonly -buildvcs=false", CGO_ENABLED="0")
    built = subprocess.run([go, "build", "-o", OUT / "clients", "."], cwd=HERE / "go", env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if built.returncode:
        suite.note("go build", False, built.stdout)
        return
    suite.lines("go", [str(OUT / "clients")])


def run_python(suite):
    environment = OUT / "venv"
    if not (environment / "bin/python").exists():
        done = subprocess.run([sys.executable, "-m", "venv", environment], capture_output=True, text=True)
        if done.returncode:
            print("skipped: the Python client: python3-venv is not there")
            return
    installed = subprocess.run([environment / "bin/pip", "install", "--quiet", "kubernetes==34.1.0"], capture_output=True, text=True)
    if installed.returncode:
        print("skipped: the Python client: it cannot be installed")
        return
    suite.lines("python", [str(environment / "bin/python"), str(HERE / "python_client.py")])


def main():
    uses_cluster = os.environ.get("MB_CLIENTS_USE_CLUSTER") == "1"
    with tempfile.TemporaryDirectory(prefix="mb-clients-") as name:
        folder = pathlib.Path(name)
        server = None
        if uses_cluster:
            shutil.copy(os.environ["KUBECONFIG"], folder / "kubeconfig")
        else:
            server = start(folder)
        suite = Suite(folder, sys.argv[1:])
        try:
            for part in (run_kubectl, run_helm, run_go, run_python):
                part(suite)
        finally:
            if server:
                server.send_signal(signal.SIGTERM)
                suite.note("standalone stops when told to", server.wait(timeout=20) == 0, (folder / "log").read_text())
    print(f"{suite.passed} passed, {suite.failed} failed")
    sys.exit(1 if suite.failed else 0)


main()
