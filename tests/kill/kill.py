#!/usr/bin/env python3
"""Kills the server under load, again and again on the same data.

A round: start, hold a list and every watcher's record against what was acknowledged (history.py), let writers and watchers loose, kill -9 at a
drawn moment. Watchers go on in the next round from the last revision they saw, or after a list where that was forgotten (410); some stay away for
rounds. At the end all watchers must have seen all writes, and a server that is asked to stop must stop and come back with the same. Each round
counts as one test.
"""
import argparse
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

from history import History, Relisted, Seen, Watched, filler, is_whole
from server import GONE, Server

PATH = "/api/v1/namespaces/default/configmaps"
WRITERS, OBJECTS_EACH = 6, 12
WATCHERS = 6
STAYS_AWAY = 0.7       # of every third watcher: how likely it misses a round
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


def objects_of(document):
    return [seen(None, item) for item in document["items"] if item["metadata"]["name"].startswith(PREFIX)]


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
        self.selector = "" if index % 2 == 0 else f"labelSelector=writer%3D{index % WRITERS}"
        self.query = f"watch=true&allowWatchBookmarks={'true' if index % 3 == 0 else 'false'}&{self.selector}"
        self.often_stays_away = index % 3 == 2
        own = f"{PREFIX}{index % WRITERS}-"
        self.watched = Watched(f"watcher {index}", (lambda name: name.startswith(own)) if self.selector else (lambda name: True))
        self.problems = problems
        self.news = threading.Event()
        self.relists = 0

    def run(self, server):
        """Until the server is gone."""
        try:
            while not self.watch(server) and self.relist(server):
                pass
        except GONE:
            pass

    def watch(self, server):
        """False when its revision was forgotten."""
        for line in server.connect().lines(f"{PATH}?{self.query}&resourceVersion={self.watched.last}"):
            code = line if isinstance(line, int) else line["object"].get("code") if line["type"] == "ERROR" else 200
            if code == 410:
                return False
            if code != 200:
                self.problems.add(f"{self.watched.what}: from {self.watched.last}: {line}")
                return True
            if not isinstance(line, int):
                self.take(line["type"], line["object"])
        return True

    def take(self, kind, document):
        revision = int(document["metadata"]["resourceVersion"])
        if kind == "BOOKMARK":
            if revision < self.watched.last:
                self.problems.add(f"{self.watched.what}: a bookmark of {revision} after {self.watched.last}")
            self.watched.last = revision
        elif document["metadata"]["name"].startswith(PREFIX):
            self.watched.note(seen(kind, document))
        self.news.set()

    def relist(self, server):
        status, document = server.connect().get(f"{PATH}?{self.selector}")
        if status != 200:
            self.problems.add(f"{self.watched.what}: list: {status} {document}")
            return False
        self.watched.note(Relisted(objects_of(document), int(document["metadata"]["resourceVersion"])))
        self.relists += 1
        self.news.set()
        return True


class Run:
    def __init__(self, arguments, folder):
        self.random = random.Random(arguments.seed)
        self.server = Server(arguments.program, arguments.flags, folder)
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
        self.problems.add(*self.history.settle(objects_of(document), revision))
        for watcher in self.watchers:
            if watcher.watched.last is None:
                watcher.watched.last = revision  # of the first start: nothing is written yet
            self.problems.add(*watcher.watched.check(self.history))

    def loose(self, workers):
        threads = [threading.Thread(target=worker.run, args=(self.server,), daemon=True) for worker in workers]
        for thread in threads:
            thread.start()
        return threads

    def round(self):
        self.start()
        here = [watcher for watcher in self.watchers if not watcher.often_stays_away or self.random.random() > STAYS_AWAY]
        threads = self.loose(here + self.writers)
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
    parser.add_argument("flags", nargs="*", help="of the program, after --")
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
    relists = sum(watcher.relists for watcher in run.watchers)
    print(f"kill: {run.history.acknowledged} writes acknowledged, {run.history.resolved} more found; revision {run.history.last}; "
          f"{relists} lists after 410; slowest start {run.slowest_start_s * 1000:.0f} ms; {time.monotonic() - began:.1f} s")
    if failed:
        print(f"kill: the data and the server's log are in {folder}")
    else:
        shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
