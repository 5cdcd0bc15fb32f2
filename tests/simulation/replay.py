#!/usr/bin/env python3
"""The model server held against real ones: what was asked of it in simulated histories is asked of `model-booster standalone --no-controller`,
and with --kubernetes PROGRAM (etcd and kube-apiserver in one, see tests/conformance) of kube-apiserver, and the answers are compared.

    MODEL_BOOSTER=build/main/model-booster tests/simulation/replay.py build/main/tests/simulation/simulate [FIRST [COUNT]] [--kubernetes PROGRAM]

Compared are status codes, the reasons of refusals, the objects, and what a watch from the beginning tells. Not: times, managedFields, the words of
refusals, and what a server adds. uids and resourceVersions are another server's: each is taken for the one that it stands for.
"""
import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import secrets
import socket
import ssl
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("MODEL_BOOSTER", str(ROOT / "build/main/model-booster"))
PATIENCE_S = 90
GROUPS = {"modelservings": "workload", "modelservers": "networking", "autoscalingpolicies": "workload", "modelboosters": "workload",
          "autoscalingpolicybindings": "workload", "modelroutes": "networking"}
MODEL_UID = re.compile(r"00000000-0000-4000-8000-[0-9a-f]{12}")


def collection(plural):
    return f"/apis/{GROUPS[plural]}.serving.volcano.sh/v1alpha1/{plural}"


class Server:
    """One that listens on 127.0.0.1; `token` lets its administrator in."""

    def connect(self, port, token, authority):
        self.token, self.port = token, port
        self.trust = ssl.create_default_context(cafile=authority)
        self.connection = self.new_connection()

    def new_connection(self):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.trust, timeout=PATIENCE_S)

    def ask(self, method, target, body="", content_type="application/json", connection=None):
        connection = connection or self.connection
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type or "application/json"}
        connection.request(method, target, body.encode() or None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def stop(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()


class Embedded(Server):
    def __init__(self, folder):
        process = subprocess.Popen([PROGRAM, "standalone", "--no-controller", "--data", folder / "data"], cwd=ROOT, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.processes = [process]
        while (line := process.stdout.readline()) and not line.startswith("Ctrl-C"):
            pass
        text = (folder / "data/kubeconfig").read_text()
        port = int(re.search(r"server: https://127\.0\.0\.1:(\d+)", text).group(1))
        self.connect(port, re.search(r"token: (\S+)", text).group(1), folder / "data/ca.crt")


class Kubernetes(Server):
    """etcd and kube-apiserver, without a controller manager: nothing moves by itself. Our definitions are applied."""

    def __init__(self, folder, program):
        ports = [self.free_port() for _ in range(3)]
        etcd, peer = f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
        token = secrets.token_hex(16)
        (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
        self.openssl(folder, "genrsa", "-out", "accounts.key", "2048")
        self.openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "serving.key", "-out", "serving.crt", "-days", "2",
                     "-subj", "/CN=replay", "-addext", "subjectAltName=IP:127.0.0.1")
        self.processes = []
        self.start(folder, program, "etcd", f"--data-dir={folder}/etcd", "--log-level=error", "--unsafe-no-fsync", "--name=replay",
                   f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}", f"--listen-peer-urls={peer}",
                   f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=replay={peer}")
        self.start(folder, program, "apiserver", f"--etcd-servers={etcd}", f"--secure-port={ports[2]}", "--bind-address=127.0.0.1",
                   "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", f"--tls-cert-file={folder}/serving.crt",
                   f"--tls-private-key-file={folder}/serving.key", f"--cert-dir={folder}", "--service-account-issuer=https://replay.invalid",
                   f"--service-account-key-file={folder}/accounts.key", f"--service-account-signing-key-file={folder}/accounts.key",
                   f"--token-auth-file={folder}/tokens.csv", "--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount")
        self.connect(ports[2], token, folder / "serving.crt")
        self.await_ready()
        self.define()

    @staticmethod
    def free_port():
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            return one.getsockname()[1]

    @staticmethod
    def openssl(folder, *arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    def start(self, folder, *command):
        log = open(folder / f"{command[1]}.log", "w")
        self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def await_ready(self, path="/readyz"):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                if self.ask("GET", path)[0] == 200:
                    return
            except OSError:
                pass
            self.connection.close()
            time.sleep(0.1)  # it cannot be asked to tell when it is there
        sys.exit(f"kube-apiserver does not answer {path}")

    def define(self):
        printed = subprocess.run([PROGRAM, "crds"], capture_output=True, text=True, check=True).stdout
        for document in re.split(r"^---$", printed, flags=re.MULTILINE):
            if "kind: CustomResourceDefinition" not in document:
                continue
            status, text = self.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", document, "application/yaml")
            if status != 201:
                sys.exit(f"a definition is refused: {text}")
        for plural in GROUPS:
            self.await_ready(collection(plural))


class Replay:
    """One history against one server."""

    def __init__(self, server, seed):
        self.server, self.seed = server, seed
        self.uids, self.versions = {}, {}
        self.complaints = []

    def complain(self, what):
        self.complaints.append(what)

    def translate(self, text):
        """uids stand for others, and so do resourceVersions where a request names one."""
        text = MODEL_UID.sub(lambda found: self.uids.get(found.group(0), found.group(0)), text)
        return re.sub(r'((?:"resourceVersion":|"/metadata/resourceVersion","value":)")(\d+)"',
                      lambda found: found.group(1) + self.versions.get(found.group(2), found.group(2)) + '"', text)

    def learn(self, model, real):
        old, new = model.get("metadata", {}), real.get("metadata", {})
        if old.get("uid") and new.get("uid"):
            self.uids[old["uid"]] = new["uid"]
            self.versions[old["resourceVersion"]] = new["resourceVersion"]

    @staticmethod
    def is_within(wanted, found):
        """A server may add; it must not take away."""
        if isinstance(wanted, dict):
            return isinstance(found, dict) and all(Replay.is_within(value, found.get(key)) for key, value in wanted.items())
        if isinstance(wanted, list):
            return isinstance(found, list) and len(wanted) == len(found) and all(map(Replay.is_within, wanted, found))
        return wanted == found or (wanted in ("", None) and found in ("", None))

    def compare_objects(self, where, model, real):
        model = json.loads(MODEL_UID.sub(lambda found: self.uids.get(found.group(0), found.group(0)), json.dumps(model)))
        old, new = model.get("metadata", {}), real.get("metadata", {})
        for field in ["name", "namespace", "uid", "labels", "annotations", "finalizers", "ownerReferences", "generation"]:
            if (old.get(field) or None) != (new.get(field) or None):
                self.complain(f"{where}: metadata.{field} is {new.get(field)}, in the model {old.get(field)}")
        if ("deletionTimestamp" in old) != ("deletionTimestamp" in new):
            self.complain(f"{where}: deletionTimestamp")
        for part in ["spec", "status"]:
            if not self.is_within(model.get(part), real.get(part)):
                self.complain(f"{where}: {part} is {json.dumps(real.get(part))[:600]}, in the model {json.dumps(model.get(part))[:600]}")

    def compare(self, entry, status, text):
        where = f"{entry['method']} {entry['target'].split('?')[0]}"
        if status != entry["status"]:
            self.complain(f"{where}: {status}, in the model {entry['status']}: {text[:300]}")
            return
        if not entry["answer"].startswith("{") or "openapi" in where:
            return
        model, real = json.loads(entry["answer"]), json.loads(text)
        if model["kind"] == "Status":
            for field in ["status", "reason", "code"]:
                if model.get(field) != real.get(field):
                    self.complain(f"{where}: {field} {real.get(field)}, in the model {model.get(field)}: {text[:300]}")
            return
        if "items" in model:
            names = lambda items: [(item["metadata"].get("namespace"), item["metadata"]["name"]) for item in items]
            if names(model["items"]) != names(real["items"]) and "configmaps" not in where:
                self.complain(f"{where}: {names(real['items'])}, in the model {names(model['items'])}")
            return
        if "dryRun" in entry["target"]:
            return  # its name is chance's
        self.learn(model, real)
        self.compare_objects(where, model, real)

    def watch(self, plural, version, changes):
        """The events of one kind from the beginning on, as the model's changes have them."""
        status, text = self.server.ask("GET", f"{collection(plural)}?watch=true&resourceVersion={version}&timeoutSeconds=1",
                                       connection=self.server.new_connection())
        events = [json.loads(line) for line in text.splitlines()]
        seen = [(event["type"], event["object"]["metadata"]["namespace"], event["object"]["metadata"]["name"], event["object"]["metadata"]["uid"],
                 event["object"]["metadata"].get("generation")) for event in events if event["type"] != "BOOKMARK"]
        wanted = [(change["change"], change["namespace"], change["name"], self.uids.get(change["uid"]), change["generation"])
                  for change in changes if change["kind"] == plural]
        if status != 200 or seen != wanted:
            at = next((i for i, (a, b) in enumerate(zip(seen, wanted)) if a != b), min(len(seen), len(wanted)))
            self.complain(f"watch of {plural}: event {at + 1} of {len(seen)} is {seen[at:at + 1]}, in the model of {len(wanted)} {wanted[at:at + 1]}")

    def clear(self):
        """What an earlier history has left."""
        for plural in GROUPS:
            for item in json.loads(self.server.ask("GET", collection(plural))[1])["items"]:
                path = f"{collection(plural).removesuffix(plural)}namespaces/{item['metadata']['namespace']}/{plural}/{item['metadata']['name']}"
                self.server.ask("PATCH", path, '{"metadata":{"finalizers":null}}', "application/merge-patch+json")
                self.server.ask("DELETE", path)

    def run(self, lines):
        entries = [json.loads(line) for line in lines]
        changes = [entry for entry in entries if "change" in entry]
        self.clear()
        begun = {plural: json.loads(self.server.ask("GET", collection(plural))[1])["metadata"]["resourceVersion"] for plural in GROUPS}
        asked = 0
        for entry in entries:
            if "method" not in entry or "/events" in entry["target"] or "continue=" in entry["target"]:
                continue
            asked += 1
            status, text = self.server.ask(entry["method"], entry["target"], self.translate(entry["body"]), entry["type"])
            self.compare(entry, status, text)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda item: self.watch(*item, changes), begun.items()))
        return asked


def replay_all(server, words, arguments, deadline):
    """(passed, failed, skipped) of the seeds."""
    passed = failed = skipped = asked = 0
    server.ask("POST", "/api/v1/namespaces", json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}}))
    for seed in range(arguments.first, arguments.first + arguments.count):
        if time.monotonic() > deadline:
            skipped += 1
            continue
        recorded = subprocess.run([arguments.simulate, "--seed", str(seed), "--record"], capture_output=True, text=True, check=True)
        replay = Replay(server, seed)
        asked += replay.run(recorded.stdout.splitlines())
        passed, failed = passed + (not replay.complaints), failed + bool(replay.complaints)
        if replay.complaints:
            print(f"FAIL seed {seed}, {words}: {len(replay.complaints)} differences, first of them:\n  " + "\n  ".join(replay.complaints[:5]))
    print(f"replay: {asked} requests of seeds {arguments.first} to {arguments.first + arguments.count - 1}, against {words}", flush=True)
    if skipped:
        print(f"skipped: {skipped} histories against {words} for lack of time")
    return passed, failed, skipped


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("simulate")
    parser.add_argument("--kubernetes")
    parser.add_argument("first", nargs="?", type=int, default=int(os.environ.get("MB_SEED") or 1))
    parser.add_argument("count", nargs="?", type=int, default=40)
    arguments = parser.parse_args()
    minutes = float(os.environ.get("MB_BUDGET_MINUTES") or 30)
    servers = [("the embedded API server", Embedded)]
    if arguments.kubernetes:
        servers.append(("kube-apiserver", lambda folder: Kubernetes(folder, arguments.kubernetes)))
    counts = [0, 0, 0]
    for words, begin in servers:
        deadline = time.monotonic() + minutes * 60 / len(servers)
        with tempfile.TemporaryDirectory(prefix="replay-") as name:
            server = begin(pathlib.Path(name))
            try:
                counts = [a + b for a, b in zip(counts, replay_all(server, words, arguments, deadline))]
            finally:
                server.stop()
    passed, failed, skipped = counts
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
