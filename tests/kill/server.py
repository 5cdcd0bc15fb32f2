"""The program under test, and connections to it."""
import base64
import http.client
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.parse

START_LIMIT_S = 10
# What a killed server does to a connection.
GONE = (OSError, http.client.HTTPException)


class Server:
    def __init__(self, program, flags, folder):
        self.folder = pathlib.Path(folder)
        self.kubeconfig = self.folder / "kubeconfig"
        self.log_path = self.folder / "log"
        self.command = [program, "standalone", "--data", str(self.folder / "data"), "--listen", "127.0.0.1:0",
                        "--kubeconfig-out", str(self.kubeconfig), *flags]
        self.process = None

    def start(self):
        """Returns once it answers; seconds that took."""
        self.kubeconfig.unlink(missing_ok=True)
        began = time.monotonic()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while time.monotonic() < began + START_LIMIT_S and self.process.poll() is None:
            try:
                self._read_kubeconfig()
                if self.connect().get("/readyz")[0] == 200:
                    return time.monotonic() - began
            except (*GONE, ValueError):
                pass
            time.sleep(0.002)  # it may have written no kubeconfig yet, or not listen
        self.kill()
        raise RuntimeError(f"the server did not start; its log ends with:\n{self.log_tail()}")

    def _read_kubeconfig(self):
        text = self.kubeconfig.read_text()
        def value(key):
            match = re.search(rf'"?{key}"?: *"?([^"\s,}}]+)', text)
            return match.group(1) if match else None
        url = value("server")
        if not url or not text.endswith("\n"):
            raise ValueError("not written yet")
        self.url = urllib.parse.urlsplit(url)
        self.token = value("token")
        self.context = None
        if self.url.scheme == "https":
            authority = base64.b64decode(value("certificate-authority-data")).decode()
            self.context = ssl.create_default_context(cadata=authority)
            if value("client-certificate-data"):
                self._load_client_certificate(value)

    def _load_client_certificate(self, value):
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".pem") as pem:
            pem.write(base64.b64decode(value("client-certificate-data")) + b"\n" + base64.b64decode(value("client-key-data")))
            pem.flush()
            self.context.load_cert_chain(pem.name)

    def connect(self):
        if self.context:
            connection = http.client.HTTPSConnection(self.url.hostname, self.url.port, context=self.context, timeout=START_LIMIT_S)
        else:
            connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=START_LIMIT_S)
        return Connection(connection, self.token)

    def kill(self, how=signal.SIGKILL):
        """The exit status."""
        if self.process.poll() is None:
            os.kill(self.process.pid, how)
        return self.process.wait(START_LIMIT_S)

    def log_tail(self):
        return self.log_path.read_text(errors="replace")[-2000:]


class Connection:
    def __init__(self, connection, token):
        self.connection = connection
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def request(self, method, path, body=None, content_type="application/json"):
        """(status, document). Raises one of GONE when the server went away."""
        payload = json.dumps(body).encode() if body is not None else None
        headers = dict(self.headers, **({"Content-Type": content_type} if payload else {}))
        self.connection.request(method, path, payload, headers)
        response = self.connection.getresponse()
        text = response.read()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text.decode(errors="replace")

    def get(self, path):
        return self.request("GET", path)

    def lines(self, path):
        """The documents of a watch, until the server ends it; the first is the status."""
        self.connection.request("GET", path, headers=self.headers)
        response = self.connection.getresponse()
        yield response.status
        while True:
            line = response.readline()
            if not line.endswith(b"\n"):
                return
            yield json.loads(line)
