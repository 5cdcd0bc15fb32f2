"""An API server that is played: enough of one for the verbs (discovery, Tables, create by apply, watches), and faults on demand.

    with PlayedServer() as server:
        server.put("configmaps", {...})
        server.faults.append((re.compile("GET /api/v1/.*"), 429, {"Retry-After": "0"}, status(429, "TooManyRequests", "slow down")))

Objects live in memory; a kind is a row of KINDS.
"""
import http.server
import json
import re
import threading
import urllib.parse
import uuid

WORKLOAD, NETWORKING = "workload.serving.volcano.sh", "networking.serving.volcano.sh"
# group, version, plural, kind, short names, namespaced
KINDS = [
    ("", "v1", "configmaps", "ConfigMap", ["cm"], True),
    ("", "v1", "events", "Event", ["ev"], True),
    ("", "v1", "namespaces", "Namespace", ["ns"], False),
    ("", "v1", "pods", "Pod", ["po"], True),
    (WORKLOAD, "v1alpha1", "modelboosters", "ModelBooster", ["mb"], True),
    (WORKLOAD, "v1alpha1", "modelservings", "ModelServing", ["msv"], True),
    (NETWORKING, "v1alpha1", "modelservers", "ModelServer", [], True),
    (NETWORKING, "v1alpha1", "modelroutes", "ModelRoute", [], True),
    ("events.k8s.io", "v1", "events", "Event", ["ev"], True),
]
CATEGORIES = {"modelboosters": ["all", "model-booster"], "modelservings": ["model-booster"], "modelroutes": ["model-booster"], "pods": ["all"]}
PATH = re.compile(r"^/(?:api|apis/(?P<group>[^/]+))/(?P<version>v[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?"
                  r"/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?$")


def status(code, reason, message, **details):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason,
            "details": details, "code": code}


class PlayedServer:
    def __init__(self, is_plain=False):
        self.is_plain = is_plain  # no aggregated discovery, no Tables
        self.objects, self.version, self.log = {}, 0, []  # (plural, namespace, name) -> object; (version, type, plural, object)
        self.faults, self.requests = [], []
        self.change = threading.Condition()
        played = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length) if length else b""
                played.requests.append((self.command, self.path, body))
                played.answer(self, body)

            do_GET = do_POST = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.is_closing = False
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self.change:
            self.is_closing = True
            self.change.notify_all()
        self.http.shutdown()
        self.http.server_close()

    # ---- state ----

    def put(self, plural, content):
        """Creates or replaces, as it is."""
        with self.change:
            metadata = content["metadata"]
            key = (plural, metadata.get("namespace", ""), metadata["name"])
            self.version += 1
            before = self.objects.get(key)
            metadata.setdefault("uid", before["metadata"]["uid"] if before else str(uuid.uuid4()))
            metadata.setdefault("creationTimestamp", "2026-01-02T03:04:05Z")
            metadata["resourceVersion"] = str(self.version)
            self.objects[key] = content
            self.log.append((self.version, "MODIFIED" if before else "ADDED", plural, json.loads(json.dumps(content))))
            self.change.notify_all()
            return content

    def drop(self, plural, namespace, name):
        with self.change:
            content = self.objects.pop((plural, namespace, name))
            self.version += 1
            content["metadata"]["resourceVersion"] = str(self.version)
            self.log.append((self.version, "DELETED", plural, content))
            self.change.notify_all()

    # ---- answers ----

    def answer(self, request, body):
        line = f"{request.command} {request.path}"
        for fault in self.faults:
            pattern, code, headers, content = fault
            if pattern.search(line):
                self.faults.remove(fault)
                return self.send(request, code, content, headers)
        url = urllib.parse.urlsplit(request.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path in ("/api", "/apis"):
            return self.send(request, 200, self.discovery(url.path == "/api"))
        group = re.fullmatch(r"/(?:api|apis/([^/]+))/(v[^/]+)", url.path)
        if group:
            return self.send(request, 200, self.plain_resources(group.group(1) or "", group.group(2)))
        match = PATH.match(url.path)
        kind = match and next((k for k in KINDS if k[0] == (match["group"] or "") and k[2] == match["plural"]), None)
        if not kind:
            return self.send(request, 404, status(404, "NotFound", "the server could not find the requested resource"))
        wants_table = "as=Table" in request.headers.get("Accept", "") and not self.is_plain
        return self.serve(request, kind, match, query, body, wants_table)

    def serve(self, request, kind, match, query, body, wants_table):
        group, _, plural, _, _, _ = kind
        namespace, name = match["namespace"] or "", match["name"]
        key = (plural, namespace, name)
        shape = (lambda o: self.table(kind, [o])) if wants_table else (lambda o: o)
        if request.command == "GET" and query.get("watch") == "true":
            return self.watch(request, plural, namespace, query, shape)
        if request.command == "GET" and not name:
            return self.list(request, kind, namespace, query, wants_table)
        found = self.objects.get(key)
        label = plural + ("." + group if group else "")
        if request.command in ("GET", "DELETE") and not found:
            return self.send(request, 404, status(404, "NotFound", f'{label} "{name}" not found', name=name, group=group, kind=plural))
        if request.command == "GET":
            return self.send(request, 200, shape(found))
        if request.command == "DELETE":
            if found["metadata"].get("finalizers"):
                found["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
                return self.send(request, 200, self.put(plural, found))
            self.drop(plural, namespace, name)
            return self.send(request, 200, {"kind": "Status", "apiVersion": "v1", "status": "Success",
                                            "details": {"name": name, "kind": plural, "uid": found["metadata"]["uid"]}})
        wanted = json.loads(body)
        wanted["metadata"].setdefault("namespace", namespace)
        keep = lambda o: {k: v for k, v in o.items() if k not in ("metadata", "status")}
        if found and keep(found) == keep(wanted):
            return self.send(request, 200, found)
        if found:
            wanted["metadata"] = {**found["metadata"], **wanted["metadata"]}
        return self.send(request, 200 if found else 201, self.put(plural, wanted))

    def selected(self, plural, namespace, query):
        fields = dict(part.split("=") for part in query.get("fieldSelector", "").split(",") if part)
        labels = dict(part.split("=") for part in query.get("labelSelector", "").split(",") if part)

        def matches(o):
            metadata = o["metadata"]
            involved = o.get("involvedObject", {}).get("name", "")
            return ((not namespace or metadata.get("namespace", "") == namespace)
                    and fields.get("metadata.name", metadata["name"]) == metadata["name"]
                    and fields.get("involvedObject.name", involved) == involved
                    and all(metadata.get("labels", {}).get(k) == v for k, v in labels.items()))
        return matches

    def list(self, request, kind, namespace, query, wants_table):
        matches = self.selected(kind[2], namespace, query)
        items = [o for (plural, _, _), o in sorted(self.objects.items()) if plural == kind[2] and matches(o)]
        start, limit = int(query.get("continue", 0)), int(query.get("limit", 0)) or len(items) or 1
        page = items[start:start + limit]
        metadata = {"resourceVersion": str(self.version)}
        if start + limit < len(items):
            metadata["continue"] = str(start + limit)
        if wants_table:
            return self.send(request, 200, {**self.table(kind, page), "metadata": metadata})
        plain = [{k: v for k, v in o.items() if k not in ("apiVersion", "kind")} for o in page]
        return self.send(request, 200, {"apiVersion": api_version(kind), "kind": kind[3] + "List", "metadata": metadata, "items": plain})

    def watch(self, request, plural, namespace, query, shape):
        matches, seen = self.selected(plural, namespace, query), int(query.get("resourceVersion") or 0)
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Connection", "close")
        request.end_headers()
        request.close_connection = True
        try:
            while not self.is_closing:
                with self.change:
                    news = [entry for entry in self.log if entry[0] > seen]
                    if not news:
                        self.change.wait()
                        continue
                    seen = news[-1][0]
                for _, event, of, content in news:
                    if of == plural and matches(content):
                        request.wfile.write(json.dumps({"type": event, "object": shape(content)}).encode() + b"\n")
                        request.wfile.flush()
        except OSError:
            pass

    def table(self, kind, objects):
        columns = [{"name": "Name", "type": "string", "priority": 0}, {"name": "Uid", "type": "string", "priority": 1},
                   {"name": "Replicas", "type": "integer", "priority": 0}]
        rows = [{"cells": [o["metadata"]["name"], o["metadata"]["uid"], o.get("spec", {}).get("replicas")],
                 "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": o["metadata"]}} for o in objects]
        return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": columns, "rows": rows}

    def discovery(self, is_core):
        groups = list(dict.fromkeys((k[0], k[1]) for k in KINDS if (k[0] == "") == is_core))
        if self.is_plain and is_core:
            return {"kind": "APIVersions", "versions": ["v1"]}
        if self.is_plain:
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
                {"name": g, "versions": [{"groupVersion": f"{g}/{v}", "version": v}],
                 "preferredVersion": {"groupVersion": f"{g}/{v}", "version": v}} for g, v in groups]}
        return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": [
            {"metadata": {"name": g}, "versions": [{"version": v, "resources": [
                {"resource": k[2], "responseKind": {"group": g, "version": v, "kind": k[3]}, "singularResource": k[3].lower(),
                 "shortNames": k[4], "categories": CATEGORIES.get(k[2], []), "scope": "Namespaced" if k[5] else "Cluster"} for k in KINDS if k[0] == g]}]} for g, v in groups]}

    def plain_resources(self, group, version):
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/{version}".lstrip("/"), "resources": [
            entry for k in KINDS if k[0] == group for entry in (
                {"name": k[2], "singularName": "", "namespaced": k[5], "kind": k[3], "shortNames": k[4],
                 "categories": CATEGORIES.get(k[2], [])},
                {"name": k[2] + "/status", "singularName": "", "namespaced": k[5], "kind": k[3]})]}

    def send(self, request, code, content, headers=None):
        body = json.dumps(content).encode() + b"\n"
        request.send_response(code)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    def kubeconfig(self, path, namespace="default"):
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "played",
            "clusters": [{"name": "played", "cluster": {"server": self.url}}],
            "contexts": [{"name": "played", "context": {"cluster": "played", "user": "played", "namespace": namespace}}],
            "users": [{"name": "played", "user": {"token": "secret"}}]}))
        return str(path)


def api_version(kind):
    return f"{kind[0]}/{kind[1]}".lstrip("/")


def booster(name, namespace="default", replicas=1, **more):
    return {"apiVersion": f"{WORKLOAD}/v1alpha1", "kind": "ModelBooster", "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": replicas}, **more}


def serve_until_interrupted():
    with PlayedServer() as server:
        import pathlib
        print(server.kubeconfig(pathlib.Path("/tmp/played.kubeconfig")), flush=True)
        for name in ("one", "another"):
            server.put("modelboosters", booster(name))
            server.put("modelservings", {**booster(name + "-a"), "kind": "ModelServing"})
        threading.Event().wait()


if __name__ == "__main__":
    serve_until_interrupted()
