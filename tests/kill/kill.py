#!/usr/bin/env python3
"""Kills the server under load, again and again on the same data.

A round: start, hold a list and every watcher's record against what was acknowledged (history.py), let writers and watchers loose, kill -9 at a
drawn moment. Watchers go on in the next round from the last revision they saw. At the end all watchers must have seen all writes, and a server that
is asked to stop must stop and come back with the same. Each round counts as one test.
"""
import argparse
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

from history import History, Seen, Watched, filler, is_whole
from server import GONE, Server

PATH = "/api/v1/namespaces/default/configmaps"
WRITERS, OBJECTS_EACH = 6, 12
WATCHERS = 6
LOAD_S = (0.02, 0.4)   # between the first write and the kill
CATCH_UP_LIMIT_S = 10
PREFIX = "kill-"


def seen(kind, document):
    data, metadata = document.get("data") or {}, document["metadata"]
    text = data.get("id") if is_whole(data) else f"half an object: {str(data)[:200]}"
    return Seen(metadata["name"], kind, text, int(metadata["resourceVersion"]))


def manifest(name, text):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"writer": name.split("-")[1]}},
            "data": {"id": text, "fill": filler(text)}}


class Problems:
    """From any thread."""

    def __init__(self):
        self.lines = []
        self.lock = threading.Lock()

    def add(self, *lines):
        with self.lock:
            self.lines += [line for line in lines if line]


class Writer:
    """Creates, changes and deletes objects of its own, one after the other."""

    def __init__(self, index, seed, history, problems):
        self.names = [f"{PREFIX}{index}-{number}" for number in range(OBJECTS_EACH)]
        self.random = random.Random(seed * 1000 + index)
        self.index, self.count = index, 0
        self.history, self.problems = history, problems

    def draw(self):
        """(method, path, body, content type) of the next write, begun in the history; and its name."""
        name = self.random.choice(self.names)
        live = self.history.objects[name].live()
        self.count += 1
        text = f"{self.index}-{self.count}"
        if not live:
            self.history.begin(name, "ADDED", text)
            return name, ("POST", PATH, manifest(name, text), "application/json")
        path = f"{PATH}/{name}"
        if self.random.random() < 0.25:
            self.history.begin(name, "DELETED", live.text)
            return name, ("DELETE", path, None, None)
        self.history.begin(name, "MODIFIED", text)
        body = manifest(name, text)
        if self.random.random() < 0.5:
            return name, ("PATCH", path, {"data": body["data"]}, "application/merge-patch+json")
        body["metadata"]["resourceVersion"] = str(live.revision)
        return name, ("PUT", path, body, "application/json")

    def run(self, server):
        """Until the server is gone."""
        try:
            connection = server.connect()
            while True:
                name, (method, path, body, content_type) = self.draw()
                status, answer = connection.request(method, path, body, content_type)
                if status not in (200, 201):
                    self.problems.add(f"{method} {path}: {status} {answer}")
                    return
                revision = None if method == "DELETE" else int(answer["metadata"]["resourceVersion"])
                self.problems.add(self.history.acknowledge(name, revision))
        except GONE:
            pass


class Watcher:
    def __init__(self, index, problems):
        selector = "" if index % 2 == 0 else f"&labelSelector=writer%3D{index % WRITERS}"
        own = f"{PREFIX}{index % WRITERS}-"
        self.query = f"{PATH}?watch=true&allowWatchBookmarks={'true' if index % 3 == 0 else 'false'}{selector}"
        self.watched = Watched(f"watcher {index}", (lambda name: name.startswith(own)) if selector else (lambda name: True))
        self.problems = problems
        self.news = threading.Event()

    def run(self, server):
        """Until the server is gone."""
        try:
            for line in server.connect().lines(f"{self.query}&resourceVersion={self.watched.last}"):
                if line != 200:
                    self.take(line)
        except GONE:
            pass

    def take(self, line):
        if not isinstance(line, dict) or line["type"] == "ERROR":
            self.problems.add(f"{self.watched.what}: from {self.watched.last}: {line}")
            return
        revision = int(line["object"]["metadata"]["resourceVersion"])
        if line["type"] == "BOOKMARK":
            if revision < self.watched.last:
                self.problems.add(f"{self.watched.what}: a bookmark of {revision} after {self.watched.last}")
            self.watched.last = revision
        elif line["object"]["metadata"]["name"].startswith(PREFIX):
            self.watched.note(seen(line["type"], line["object"]))
            self.news.set()


class Run:
    def __init__(self, arguments, folder):
        self.random = random.Random(arguments.seed)
        self.server = Server(arguments.program, folder)
        self.history, self.problems = History(), Problems()
        self.writers = [Writer(index, arguments.seed, self.history, self.problems) for index in range(WRITERS)]
        self.watchers = [Watcher(index, self.problems) for index in range(WATCHERS)]
        self.slowest_start_s = 0

    def start(self):
        """Starts the server and holds what it has against the history."""
        self.slowest_start_s = max(self.slowest_start_s, self.server.start())
        status, document = self.server.connect().get(PATH)
        if status != 200:
            self.problems.add(f"list: {status} {document}")
            return
        revision = int(document["metadata"]["resourceVersion"])
        found = [seen(None, item) for item in document["items"] if item["metadata"]["name"].startswith(PREFIX)]
        self.problems.add(*self.history.settle(found, revision))
        for watcher in self.watchers:
            watcher.watched.last = watcher.watched.last or revision  # of the first start: nothing is written yet
            self.problems.add(*watcher.watched.check(self.history))

    def loose(self, workers):
        threads = [threading.Thread(target=worker.run, args=(self.server,), daemon=True) for worker in workers]
        for thread in threads:
            thread.start()
        return threads

    def round(self):
        self.start()
        threads = self.loose(self.watchers + self.writers)
        time.sleep(self.random.uniform(*LOAD_S))  # the moment of the kill is the test
        self.server.kill()
        for thread in threads:
            thread.join()

    def finish(self):
        """Every watcher sees everything; a stop in peace keeps everything."""
        self.start()
        threads = self.loose(self.watchers)
        limit = time.monotonic() + CATCH_UP_LIMIT_S
        for writer in self.writers:
            self.write_fence(writer)
        for watcher in self.watchers:
            while time.monotonic() < limit and not self.has_caught_up(watcher):
                watcher.news.wait(0.1)
                watcher.news.clear()
        status = self.server.kill(signal.SIGTERM)
        if status != 0:
            self.problems.add(f"asked to stop, it ended with {status}:\n{self.server.log_tail()}")
        for thread in threads:
            thread.join()
        for watcher in self.watchers:
            self.problems.add(*watcher.watched.check(self.history, is_complete=True))
        self.start()
        self.server.kill(signal.SIGTERM)

    def write_fence(self, writer):
        name = f"{PREFIX}{writer.index}-fence"
        self.history.begin(name, "ADDED", name)
        status, answer = self.server.connect().request("POST", PATH, manifest(name, name))
        self.problems.add(None if status == 201 else f"POST {name}: {status} {answer}")
        if status == 201:
            self.history.acknowledge(name, int(answer["metadata"]["resourceVersion"]))

    def has_caught_up(self, watcher):
        fences = [written.writes[-1].revision for name, written in self.history.objects.items()
                  if name.endswith("-fence") and written.writes and watcher.watched.shows(name)]
        return watcher.watched.last >= max(fences, default=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="model-booster-kill-")
    run = Run(arguments, folder)
    print(f"kill: SEED={arguments.seed}, {arguments.rounds} rounds")
    passed = failed = 0
    began = time.monotonic()
    for number in range(arguments.rounds + 1):
        try:
            run.round() if number < arguments.rounds else run.finish()
        except RuntimeError as error:
            run.problems.add(str(error))
        for line in run.problems.lines:
            print(f"round {number}: {line}")
        if run.problems.lines:
            failed += 1
            break  # what follows would be about this one
        passed += 1
    if run.server.process:
        run.server.kill()
    print(f"kill: {run.history.acknowledged} writes acknowledged, {run.history.resolved} more found; revision {run.history.last}; "
          f"slowest start {run.slowest_start_s * 1000:.0f} ms; {time.monotonic() - began:.1f} s")
    if failed:
        print(f"kill: the data and the server's log are in {folder}")
    else:
        shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
