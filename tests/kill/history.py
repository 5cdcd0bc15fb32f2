"""What was written, what may have been, and what others saw of it.

Every object has one writer, which waits for each answer before it goes on. So the history of an object is a list of acknowledged
writes, with at most one more at its end whose answer the kill has swallowed: after the next start that one is there, whole, or it never was.
A watcher must have seen, of each object, the same writes in the same order, and all of it in order of revision.
"""
import collections
import hashlib
import threading

# kind: ADDED, MODIFIED, DELETED as a watch calls them; text: the id in the object's data (of a deletion: that of its last state);
# revision: None where the answer did not tell (deletions).
Write = collections.namedtuple("Write", "kind text revision")
# Of one object as a list or a watch shows it.
Seen = collections.namedtuple("Seen", "name kind text revision")
# What a watcher that was told 410 reads instead: the objects of a revision.
Relisted = collections.namedtuple("Relisted", "found revision")


def filler(text):
    """What lies beside the id in an object, told by the id alone: half an object does not have it."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    size = int(digest[:4], 16) % 6000
    return (digest * (size // len(digest) + 1))[:size]


def is_whole(data):
    return data.get("fill") == filler(data.get("id", ""))


class Object:
    def __init__(self):
        self.writes = []
        self.unanswered = None

    def live(self):
        """The last acknowledged write where the object exists, else None."""
        return self.writes[-1] if self.writes and self.writes[-1].kind != "DELETED" else None


class History:
    """Writers call begin and then acknowledge, each for its own objects; settle and what a watcher has is checked while nobody writes."""

    def __init__(self):
        self.objects = collections.defaultdict(Object)
        self.last = 0  # highest revision acknowledged
        self.lock = threading.Lock()
        self.acknowledged = 0
        self.resolved = 0  # unanswered writes that were there after all

    def begin(self, name, kind, text):
        with self.lock:
            self.objects[name].unanswered = Write(kind, text, None)

    def acknowledge(self, name, revision):
        """A problem, or None. `revision` None: the answer did not tell."""
        with self.lock:
            written = self.objects[name]
            before = max((write.revision or 0 for write in written.writes), default=0)
            written.writes.append(written.unanswered._replace(revision=revision))
            written.unanswered = None
            self.acknowledged += 1
            if revision is None:
                return None
            self.last = max(self.last, revision)
            return f"{name}: revision {revision} was given after {before}" if revision <= before else None

    def settle(self, found, revision):
        """Holds a list (Seen for each object) of that revision against all that was acknowledged; says what is wrong."""
        problems = []
        if revision < self.last:
            problems.append(f"the list is of revision {revision}, after {self.last} was acknowledged")
        shown = {seen.name: seen for seen in found}
        for name in sorted(shown.keys() - self.objects.keys()):
            problems.append(f"{name}: nobody wrote it")
        for name, written in sorted(self.objects.items()):
            problems += self._settle_one(name, written, shown.get(name))
        self.last = max(self.last, revision)
        return problems

    def _settle_one(self, name, written, seen):
        live, unanswered = written.live(), written.unanswered
        written.unanswered = None
        if seen and live and (seen.text, seen.revision) == (live.text, live.revision) or not seen and not live:
            return []
        if unanswered and unanswered.kind == "DELETED" and not seen:
            written.writes.append(unanswered)
            self.resolved += 1
            return []
        if unanswered and seen and unanswered.kind != "DELETED" and seen.text == unanswered.text:
            written.writes.append(unanswered._replace(revision=seen.revision))
            self.resolved += 1
            newest = max((write.revision or 0 for write in written.writes[:-1]), default=0)
            return [] if seen.revision > newest else [f"{name}: revision {seen.revision} was given after {newest}"]
        return [f"{name}: found {seen}, acknowledged {live}, unanswered {unanswered}"]


class Watched:
    """One watcher's record, over all its connections. It began before the first write."""

    def __init__(self, what, shows=lambda name: True):
        self.what = what
        self.shows = shows  # names that its selector lets through
        self.events = []
        self.last = None    # revision to go on from; None: not begun
        self.checked = collections.Counter()  # of each object's writes
        self.checked_last = 0

    def note(self, seen):
        """A Seen or a Relisted."""
        self.events.append(seen)
        self.last = seen.revision

    def check(self, history, is_complete=False):
        """Of the events since the last check; what is wrong. is_complete: it has had time to see everything."""
        problems = []
        for seen in self.events:
            problems += self._check_list(history, seen) if isinstance(seen, Relisted) else self._check_event(history, seen)
        self.events = []
        for name, written in sorted(history.objects.items()):
            rest = written.writes[self.checked[name]:] if self.shows(name) else []
            missed = [write for write in rest if is_complete or write.revision and write.revision <= self.checked_last]
            if missed:
                problems.append(f"{self.what}: at {self.checked_last} and has not seen {missed[0]} of {name}")
        return problems

    def _check_event(self, history, seen):
        if seen.revision <= self.checked_last:
            return [f"{self.what}: {seen} after revision {self.checked_last}"]
        self.checked_last = seen.revision
        if not self.shows(seen.name):
            return [f"{self.what}: {seen} is none of its objects"]
        writes, index = history.objects[seen.name].writes, self.checked[seen.name]
        if index >= len(writes):
            return [f"{self.what}: {seen} was never acknowledged, or is a repetition"]
        write = writes[index]
        if (write.kind, write.text) != (seen.kind, seen.text) or write.revision not in (None, seen.revision):
            return [f"{self.what}: {seen} where {write} was written"]
        self.checked[seen.name] += 1
        return []

    def _check_list(self, history, listed):
        if listed.revision < self.checked_last:
            return [f"{self.what}: a list of revision {listed.revision} after {self.checked_last}"]
        self.checked_last = listed.revision
        found, problems = {seen.name: seen for seen in listed.found}, []
        for name, written in sorted(history.objects.items()):
            if not self.shows(name):
                continue
            writes, seen = written.writes, found.pop(name, None)
            after = max((index + 1 for index, write in enumerate(writes) if write.revision and write.revision <= listed.revision), default=0)
            if not seen and after < len(writes) and writes[after].kind == "DELETED":
                after += 1
            last = writes[after - 1] if after else None
            shown = (seen.text, seen.revision) if seen else None
            wanted = (last.text, last.revision) if last and last.kind != "DELETED" else None
            if shown != wanted or after < self.checked[name]:
                problems.append(f"{self.what}: a list of {listed.revision} shows {shown} of {name}, where {last} was written")
            self.checked[name] = after
        return problems + [f"{self.what}: a list shows {seen}, which nobody wrote" for seen in found.values()]
