"""An API server that means harm: HTTP/1.1 on 127.0.0.1, a thread a connection, each answer from a script.

A script is a function of (connection, request); it sends whatever bytes it likes. What no script wants is answered as a small honest
server would: five empty kinds, watches that stay silent.
"""
import json
import re
import socket
import threading
import urllib.parse

WORKLOAD, NETWORKING = "workload.serving.volcano.sh", "networking.serving.volcano.sh"
KINDS = {"modelboosters": (WORKLOAD, "ModelBooster"), "modelservings": (WORKLOAD, "ModelServing"),
         "modelservers": (NETWORKING, "ModelServer"), "modelroutes": (NETWORKING, "ModelRoute"),
         "autoscalingpolicies": (WORKLOAD, "AutoscalingPolicy"), "autoscalingpolicybindings": (WORKLOAD, "AutoscalingPolicyBinding")}
LIST = re.compile(r"^/(?:api/v1|apis/[^/]+/[^/]+)/(?:namespaces/[^/]+/)?([a-z]+)$")


class Request:
    def __init__(self, head, body):
        self.head = head.decode("latin-1")
        self.method, target = head.split(b" ", 2)[:2]
        self.method, self.target = self.method.decode(), target.decode()
        url = urllib.parse.urlsplit(self.target)
        self.path, self.query, self.body = url.path, dict(urllib.parse.parse_qsl(url.query)), body
        match = LIST.match(url.path)
        self.plural = match and match.group(1) if self.method == "GET" else None
        self.is_watch = bool(self.plural) and self.query.get("watch") in ("true", "1")
        self.is_list = bool(self.plural) and not self.is_watch


class Connection:
    def __init__(self, server, peer):
        self.server, self.peer, self.buffer = server, peer, b""

    def receive(self):
        """The next request; None when the peer is gone."""
        while b"\r\n\r\n" not in self.buffer:
            more = self.peer.recv(65536)
            if not more:
                return None
            self.buffer += more
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        while length and len(self.buffer) < int(length.group(1)):
            self.buffer += self.peer.recv(65536)
        size = int(length.group(1)) if length else 0
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return Request(head, body)

    def send(self, data):
        self.peer.sendall(data if isinstance(data, bytes) else data.encode())

    def answer(self, status, content, headers=""):
        body = content if isinstance(content, bytes) else (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send(f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)

    def open_stream(self, headers=""):
        self.send(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n{headers}\r\n")

    def chunk(self, data):
        data = data if isinstance(data, bytes) else data.encode()
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def wait_until_closed(self):
        while self.peer.recv(65536):
            pass


def status(code, reason, message="no"):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code}


def thing(plural, name, version="1", **more):
    group, kind = KINDS[plural]
    return {"apiVersion": f"{group}/v1alpha1", "kind": kind,
            "metadata": {"name": name, "namespace": "default", "uid": f"uid-{plural}-{name}", "resourceVersion": version}, **more}


def listed(plural, items=(), version="1", **metadata):
    group, kind = KINDS.get(plural, ("", "ConfigMap"))
    return {"apiVersion": f"{group}/v1alpha1".lstrip("/"), "kind": kind + "List", "metadata": {"resourceVersion": version, **metadata},
            "items": list(items)}


def honest(connection, request):
    if request.is_watch:
        connection.open_stream()
        connection.wait_until_closed()
        return
    if request.is_list:
        return connection.answer(200, listed(request.plural))
    connection.answer(404, status(404, "NotFound"))


class HostileServer:
    """`script(connection, request)` returns NotImplemented for what it leaves to the honest part."""

    def __init__(self, script):
        self.script, self.requests, self.change = script, [], threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.peers, self.is_closing = set(), False
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.peers.add(peer)
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        connection = Connection(self, peer)
        try:
            while request := connection.receive():
                with self.change:
                    self.requests.append(request)
                    self.change.notify_all()
                if self.script(connection, request) is NotImplemented:
                    honest(connection, request)
        except OSError:
            pass
        finally:
            self.peers.discard(peer)
            peer.close()

    def wait_for(self, is_enough, patience_s):
        """Until is_enough(requests); False when the time is over."""
        with self.change:
            return self.change.wait_for(lambda: is_enough(self.requests), patience_s)

    def become_honest(self):
        self.script = lambda connection, request: NotImplemented
        self.hang_up()

    def close(self):
        self.listener.close()
        self.hang_up()

    def hang_up(self):
        for peer in list(self.peers):
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def kubeconfig(self, path, **cluster):
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "hostile",
            "clusters": [{"name": "hostile", "cluster": {"server": self.url, **cluster}}],
            "contexts": [{"name": "hostile", "context": {"cluster": "hostile", "user": "user", "namespace": "default"}}],
            "users": [{"name": "user", "user": {"token": "token"}}]}))
        return str(path)
