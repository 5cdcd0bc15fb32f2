"""That history.py finds what is wrong: each way of being wrong once, and that it is silent where nothing is."""
import sys

from history import History, Relisted, Seen, Watched


def written():
    """a: added at 1, changed at 3, and an unanswered change; b: added at 2, deleted."""
    history = History()
    for name, kind, text, revision in [("a", "ADDED", "a1", 1), ("b", "ADDED", "b1", 2), ("a", "MODIFIED", "a2", 3),
                                       ("b", "DELETED", "b1", None)]:
        history.begin(name, kind, text)
        history.acknowledge(name, revision)
    history.begin("a", "MODIFIED", "a3")
    return history


A2, A3 = Seen("a", None, "a2", 3), Seen("a", None, "a3", 5)
SEEN = [Seen("a", "ADDED", "a1", 1), Seen("b", "ADDED", "b1", 2), Seen("a", "MODIFIED", "a2", 3), Seen("b", "DELETED", "b1", 4)]

# name, objects of the list, its revision, is it right?
LISTS = [
    ("what was acknowledged", [A2], 4, True),
    ("with the unanswered write", [A3], 5, True),
    ("the unanswered write under an old revision", [A3._replace(revision=2)], 5, False),
    ("an older state", [Seen("a", None, "a1", 1)], 4, False),
    ("the right state under another revision", [A2._replace(revision=4)], 4, False),
    ("a lost object", [], 4, False),
    ("a deleted object", [A2, Seen("b", None, "b1", 2)], 4, False),
    ("somebody else's object", [A2, Seen("c", None, "c1", 4)], 4, False),
    ("a revision that went back", [A2], 2, False),
]
# name, events, is it right where more may come, is it right where all must be there?
WATCHES = [
    ("everything", SEEN, True, True),
    ("the beginning", SEEN[:2], True, False),
    ("without a write in the middle", [SEEN[0], SEEN[2]], False, False),
    ("without a write of the same object", [SEEN[1], SEEN[2]], False, False),
    ("a repetition", SEEN[:2] + SEEN[1:], False, False),
    ("another order", [SEEN[0], SEEN[2], SEEN[1], SEEN[3]], False, False),
    ("the same again under new revisions", SEEN + [SEEN[2]._replace(revision=9)], False, False),
    ("another kind", [SEEN[0]._replace(kind="MODIFIED")] + SEEN[1:], False, False),
    ("another text", [SEEN[0]._replace(text="a9")] + SEEN[1:], False, False),
    ("a revision that was not answered", [SEEN[0], SEEN[1]._replace(revision=2), SEEN[2]._replace(revision=4)], False, False),
    ("a write that was lost with the kill", SEEN + [Seen("a", "MODIFIED", "a3", 5)], False, False),
]
LATE = [Seen("a", "ADDED", "a1", 1), Seen("b", "ADDED", "b1", 2)]
WATCHES += [
    ("a list at the end", [Relisted([A2], 4)], True, True),
    ("a list on the way", [SEEN[0], Relisted(LATE, 2), *SEEN[2:]], True, True),
    ("a list before anything", [Relisted([], 0), *SEEN], True, True),
    ("a list, and what it showed again", [Relisted([A2], 4), SEEN[3]], False, False),
    ("a list of the past", [*SEEN[:3], Relisted(LATE, 2)], False, False),
    ("a list with an older state", [Relisted([LATE[0]], 4)], False, False),
    ("a list without an object", [Relisted([LATE[1]], 2)], False, False),
    ("a list with a deleted object", [*SEEN, Relisted([A2, LATE[1]], 4)], False, False),
    ("a list with somebody else's object", [Relisted([A2, A2._replace(name="c")], 4)], False, False),
]


def failures():
    for name, found, revision, is_right in LISTS:
        if (not written().settle(found, revision)) != is_right:
            yield f"list of {name}"
    for name, events, *verdicts in WATCHES:
        for is_complete, is_right in zip((False, True), verdicts):
            history, watched = written(), Watched("watcher")
            history.settle([A2], 4)
            for seen in events:
                watched.note(seen)
            if (not watched.check(history, is_complete)) != is_right:
                yield f"watch of {name}, complete: {is_complete}"
    history, watched = written(), Watched("watcher", shows=lambda name: name == "b")
    history.settle([A2], 4)
    for seen in (SEEN[1], SEEN[3]):
        watched.note(seen)
    if watched.check(history, True):
        yield "watch with a selector"


if __name__ == "__main__":
    found = list(failures())
    for failure in found:
        print(f"check_history: wrong verdict: {failure}")
    sys.exit(1 if found else 0)
