"""What a hostile API server or proxy may send: a name, a script, and what may come of it. See Attack in run.py."""
import gzip
import itertools
import json
import time

from hostile_server import KINDS, listed, status, thing

MIB = 1024 * 1024
counter = itertools.count()


def lists(function):
    """A script that answers lists only."""
    def script(connection, request):
        return function(connection, request) if request.is_list and request.plural in KINDS else NotImplemented
    return script


def watches(function):
    """... and one that answers watches only."""
    def script(connection, request):
        return function(connection, request) if request.is_watch and request.plural in KINDS else NotImplemented
    return script


def everything(function):
    return function


# ---- lists ----

def endless_empty_pages(connection, request):
    connection.answer(200, listed(request.plural, **{"continue": f"more-{next(counter)}"}))


def endless_same_pages(connection, request):
    connection.answer(200, listed(request.plural, [thing(request.plural, f"n{i}") for i in range(5)], **{"continue": "more"}))


def endless_new_pages(connection, request):
    items = [thing(request.plural, f"n{next(counter)}", spec={"name": "x" * 100_000}) for _ in range(20)]
    connection.answer(200, listed(request.plural, items, **{"continue": "more"}))


def endless_body(connection, request):
    connection.open_stream()
    connection.chunk('{"metadata":{"resourceVersion":"1"},"items":[')
    block = b"{}," * 20_000
    while True:
        connection.chunk(block)


def one_long_string(connection, request):
    connection.open_stream()
    connection.chunk('{"metadata":{"resourceVersion":"1"},"items":[{"a":"')
    while True:
        connection.chunk(b"a" * 65536)


BOMB = gzip.compress(b" " * (1024 * MIB), 9)


def gzip_bomb(connection, request):
    connection.answer(200, BOMB, "Content-Encoding: gzip\r\n")


def gzip_of_gzip(connection, request):
    connection.answer(200, gzip.compress(BOMB), "Content-Encoding: gzip, gzip\r\n")


def deep_nesting(connection, request):
    depth = 1_000_000
    connection.answer(200, '{"metadata":{"resourceVersion":"1"},"items":[{"metadata":' + '{"a":' * depth + "1" + "}" * depth + "}]}")


def deep_brackets(connection, request):
    connection.answer(200, "[" * (8 * MIB))


WRONG = [None, True, -1, 1e308, 18446744073709551615, "", "x", "\u0000", [], [[]], {}, {"a": []}, "9" * 300]


def wrong_types(connection, request):
    """Each field of a list and of its objects has each type in turn."""
    value = WRONG[next(counter) % len(WRONG)]
    fields = [("kind",), ("apiVersion",), ("metadata",), ("metadata", "name"), ("metadata", "namespace"), ("metadata", "uid"),
              ("metadata", "resourceVersion"), ("metadata", "labels"), ("metadata", "annotations"), ("metadata", "ownerReferences"),
              ("metadata", "generation"), ("metadata", "deletionTimestamp"), ("metadata", "finalizers"), ("spec",), ("spec", "backends"),
              ("spec", "backend"), ("spec", "replicas"), ("spec", "template"), ("status",), ("status", "conditions")]
    items = []
    for number, field in enumerate(fields):
        item = thing(request.plural, f"w{number}", spec={}, status={})
        for key in field[:-1]:
            item = item if isinstance(item.get(key), dict) else {**item, key: {}}
        place = item
        for key in field[:-1]:
            place = place[key]
        place[field[-1]] = value
        items.append(item)
    connection.answer(200, listed(request.plural, [*items, value if isinstance(value, dict) else {"metadata": value}]))


def wrong_kinds(connection, request):
    items = [{**thing(plural, f"k{n}"), "spec": {"backends": [{}] * 3}} for n, plural in enumerate(KINDS)]
    connection.answer(200, {**listed("modelroutes", items), "kind": "SecretList"})


def same_uids(connection, request):
    items = []
    for n in range(200):
        item = thing(request.plural, f"u{n}", str(n))
        item["metadata"]["uid"] = "one"
        item["metadata"]["ownerReferences"] = [{"kind": "ModelBooster", "name": "u1", "uid": "one", "controller": True, "apiVersion": "v1"}]
        items.append(item)
    connection.answer(200, listed(request.plural, items))


def no_list(connection, request):
    texts = ["", "null", "1", '"x"', "[]", "{}", '{"items":null}', '{"items":[}', '{"metadata":{}}', "<html><body>Sign in</body></html>", "\x00"]
    connection.answer(200, texts[next(counter) % len(texts)])


# ---- watches ----

def endless_line(connection, request):
    connection.open_stream()
    connection.chunk('{"type":"ADDED","object":{"a":"')
    while True:
        connection.chunk(b"a" * 65536)


def event(kind, content):
    return json.dumps({"type": kind, "object": content}) + "\n"


def flood_of_objects(connection, request):
    connection.open_stream()
    for n in itertools.count(2):
        connection.chunk("".join(event("ADDED", thing(request.plural, f"f{n}-{i}", str(n), spec={"name": "x" * 100_000})) for i in range(10)))


def flood_of_changes(connection, request):
    connection.open_stream()
    for n in itertools.count(2):
        connection.chunk("".join(event("MODIFIED", thing(request.plural, "one", str(n * 100 + i), spec={"x": i})) for i in range(100)))


def backward_versions(connection, request):
    connection.open_stream()
    for n in range(1_000, 0, -1):
        connection.chunk(event("MODIFIED", thing(request.plural, "one", str(n))))
        connection.chunk(event("BOOKMARK", thing(request.plural, "one", str(n))))
    connection.wait_until_closed()


def storm_of_410(connection, request):
    connection.open_stream()
    connection.chunk(event("ERROR", status(410, "Expired", "too old resource version")))
    connection.chunk(b"")


def refused_with_410(connection, request):
    connection.answer(410, status(410, "Expired"))


def empty_watches(connection, request):
    connection.answer(200, "")


def empty_lines(connection, request):
    connection.open_stream()
    while True:
        connection.chunk(b"\n" * 65536)


def garbage_events(connection, request):
    connection.open_stream()
    lines = ["{}", "null", "[]", '{"type":1}', '{"type":"ADDED"}', '{"type":"ADDED","object":[]}', '{"type":"OTHER","object":{}}',
             '{"type":"ADDED","object":{"metadata":{"resourceVersion":5}}}', '{"type":"ERROR","object":[1]}', "[" * 100_000, "\ud800"]
    connection.chunk(lines[next(counter) % len(lines)].encode("utf-8", "replace") + b"\n")
    connection.wait_until_closed()


# ---- HTTP ----

def endless_headers(connection, request):
    connection.send("HTTP/1.1 200 OK\r\n")
    while True:
        connection.send("".join(f"X-{next(counter)}: {'a' * 1000}\r\n" for _ in range(100)))


def endless_header_line(connection, request):
    connection.send("HTTP/1.1 200 OK\r\nX: ")
    while True:
        connection.send("a" * 65536)


def endless_interim_answers(connection, request):
    while True:
        connection.send("HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n" * 100)


def endless_trailers(connection, request):
    connection.open_stream()
    connection.send("0\r\n")
    while True:
        connection.send("X: " + "a" * 60_000 + "\r\n")


def endless_chunk_extension(connection, request):
    connection.open_stream()
    connection.send("1;")
    while True:
        connection.send("a" * 65536)


def trickle(connection, request):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n"
    for byte in itertools.chain(head, itertools.repeat(ord(" "))):
        connection.send(bytes([byte]))
        time.sleep(0.02)  # the attack itself, in its own thread: nothing waits for it


def silence(connection, request):
    connection.wait_until_closed()


def redirects(connection, request):
    connection.answer(307, "", f"Location: {request.target}\r\n")


def redirects_elsewhere(connection, request):
    connection.answer(302, "", "Location: http://127.0.0.1:9/secret\r\nLocation: file:///etc/passwd\r\n")


def throttled_at_once(connection, request):
    connection.answer(429, status(429, "TooManyRequests"), "Retry-After: 0\r\n")


def throttled_for_ever(connection, request):
    values = ["99999999999999999999", "-1", "9" * 500, "Fri, 31 Dec 9999 23:59:59 GMT", "1e9", "\u00e9"]
    connection.answer(503, status(503, "ServiceUnavailable"), f"Retry-After: {values[next(counter) % len(values)]}\r\n")


def lying_length(connection, request):
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\nContent-Type: application/json\r\n\r\n{}")
    connection.wait_until_closed()


def two_lengths(connection, request):
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 70\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}{}{\r\n0\r\n\r\n')


def answers_to_others(connection, request):
    """More answers than questions: what follows is not to be taken for the answer to the next."""
    connection.answer(200, listed("modelboosters", [thing("modelboosters", "other")]))
    connection.answer(200, status(200, "Stray"))
    connection.answer(404, status(404, "NotFound"))


def other_protocol(connection, request):
    connection.send(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 4096)
    connection.peer.close()


def html_of_a_proxy(connection, request):
    connection.answer(200, "<!doctype html><title>Please sign in</title>" + "<p>" * 10_000, "X-Proxy: captive\r\n")


def long_errors(connection, request):
    connection.answer(500, status(500, "InternalError", "m" * (12 * MIB)))


def secret_in_warnings(connection, request):
    connection.answer(200, listed(request.plural or "x"), "".join(f'Warning: 299 - "{"w" * 900}{n}"\r\n' for n in range(250)))


# A controller that was attacked so is in step again within half a minute of the server's better days.
RECOVERING = ("no_list", "html_of_a_proxy", "endless_headers", "garbage_events", "endless_line")

# name: (script, most requests in a second on average, ceiling of memory in MiB)
ATTACKS = {
    **{f.__name__: (lists(f), most, ceiling) for f, most, ceiling in [
        (endless_empty_pages, 60, 64), (endless_same_pages, 60, 64), (endless_new_pages, 500, 420), (endless_body, 60, 200),
        (one_long_string, 60, 200), (gzip_bomb, 60, 200), (gzip_of_gzip, 60, 200), (deep_nesting, 20, 200), (deep_brackets, 20, 200),
        (wrong_types, 60, 64), (wrong_kinds, 60, 64), (same_uids, 1500, 96), (no_list, 20, 64)]},
    **{f.__name__: (watches(f), most, ceiling) for f, most, ceiling in [
        (endless_line, 20, 200), (flood_of_objects, 1500, 420), (flood_of_changes, 60, 160), (backward_versions, 60, 64),
        (storm_of_410, 20, 64), (refused_with_410, 20, 64), (empty_watches, 60, 64), (empty_lines, 20, 160), (garbage_events, 60, 96)]},
    **{f.__name__: (everything(f), most, ceiling) for f, most, ceiling in [
        (endless_headers, 60, 96), (endless_header_line, 60, 96), (endless_interim_answers, 60, 96), (endless_trailers, 60, 96),
        (endless_chunk_extension, 60, 96), (trickle, 20, 64), (silence, 20, 64), (redirects, 60, 64), (redirects_elsewhere, 60, 64),
        (throttled_at_once, 60, 64), (throttled_for_ever, 60, 64), (lying_length, 60, 64), (two_lengths, 60, 64),
        (answers_to_others, 120, 64), (other_protocol, 60, 64), (html_of_a_proxy, 60, 64), (long_errors, 60, 200),
        (secret_in_warnings, 120, 64)]},
}
