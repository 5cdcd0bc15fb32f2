"""A strict reader of OpenMetrics 1.0, and a plain one of Prometheus' text format.

    families = openmetrics.parse(text)      # {name: Family}; OpenMetricsError with the line otherwise
    families["workqueue_adds"].samples      # {("workqueue_adds_total", (("name", "modelbooster"),)): 7.0}
"""
import re

TYPES = {"counter": ["_total", "_created"], "gauge": [""], "info": ["_info"], "unknown": [""],
         "histogram": ["_bucket", "_count", "_sum", "_created"]}
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? ([^ ]+)")
NUMBER = re.compile(r"[+-]?(\d+(\.\d+)?([eE][+-]?\d+)?|\.\d+|Inf|NaN)$", re.I)


class OpenMetricsError(Exception):
    pass


class Family:
    def __init__(self, name):
        self.name, self.kind, self.help, self.samples = name, None, None, {}


def unescape(text):
    return re.sub(r'\\(.)', lambda match: "\n" if match.group(1) == "n" else match.group(1), text)


def read_labels(text):
    labels, at = [], 0
    while at < len(text or ""):
        match = LABEL.match(text, at)
        if not match:
            raise ValueError(f"labels: {text[at:]}")
        labels.append((match.group(1), unescape(match.group(2))))
        at = match.end()
        if at < len(text):
            if text[at] != "," or at + 1 == len(text):
                raise ValueError("labels are divided by one comma")
            at += 1
    if len({name for name, _ in labels}) != len(labels):
        raise ValueError("a label twice")
    return tuple(labels)


def read_sample(line):
    match = SAMPLE.fullmatch(line)
    if not match or not NUMBER.match(match.group(3)):
        raise ValueError("no sample")
    return (match.group(1), read_labels(match.group(2))), float(match.group(3))


def check_histogram(family):
    series = {}
    for (name, labels), value in family.samples.items():
        rest = tuple(pair for pair in labels if pair[0] != "le")
        series.setdefault(rest, {}).setdefault(name[len(family.name):], []).append((dict(labels).get("le"), value))
    for rest, parts in series.items():
        buckets = parts["_bucket"]
        bounds = [float(bound) for bound, _ in buckets]
        counts = [count for _, count in buckets]
        if buckets[-1][0] != "+Inf" or bounds != sorted(set(bounds)):
            raise ValueError(f"{family.name}{rest}: its bounds")
        if any(bound != "+Inf" and "." not in bound and "e" not in bound for bound, _ in buckets):
            raise ValueError(f"{family.name}{rest}: a bound without a point")
        if counts != sorted(counts) or parts["_count"] != [(None, counts[-1])] or len(parts["_sum"]) != 1:
            raise ValueError(f"{family.name}{rest}: its counts")
        if parts["_sum"][0][1] < 0:
            raise ValueError(f"{family.name}{rest}: its sum")


def check_values(family):
    if family.kind is None:
        raise ValueError(f"{family.name}: no type")
    for (name, labels), value in family.samples.items():
        if family.kind in ("counter", "histogram") and not value >= 0:
            raise ValueError(f"{name}{labels}: {value}")
        if family.kind == "info" and value != 1:
            raise ValueError(f"{name}{labels}: {value}")
        if family.kind != "histogram" and "le" in dict(labels):
            raise ValueError(f"{name}: le is a histogram's")
    if family.kind == "histogram":
        check_histogram(family)


def take_line(line, families, current):
    """Returns the family that the line is of."""
    described = re.fullmatch(rf"# (HELP|TYPE|UNIT) ({NAME}) (.*)", line)
    if described:
        word, name, text = described.groups()
        if not current or current.name != name:
            if name in families:
                raise ValueError("a family in two places")
            current = families[name] = Family(name)
        if current.samples or (word == "TYPE" and current.kind) or (word == "HELP" and current.help is not None):
            raise ValueError("described twice, or late")
        if word == "TYPE":
            if text not in TYPES:
                raise ValueError("no such type")
            current.kind = text
        elif word == "HELP":
            current.help = text
        return current
    key, value = read_sample(line)
    if not current or key[0] not in [current.name + ending for ending in TYPES[current.kind]]:
        raise ValueError("a sample outside of its family")
    if key in current.samples:
        raise ValueError("a sample twice")
    current.samples[key] = value
    return current


def parse(text):
    if not text.endswith("\n# EOF\n"):
        raise OpenMetricsError("it does not end with # EOF")
    families, current = {}, None
    for number, line in enumerate(text.split("\n")[:-2], 1):
        try:
            current = take_line(line, families, current)
        except (ValueError, KeyError) as error:
            raise OpenMetricsError(f"line {number}: {error}: {line}") from error
    for family in families.values():
        try:
            check_values(family)
        except (ValueError, KeyError) as error:
            raise OpenMetricsError(str(error)) from error
    names = set(families)
    for family in families.values():
        clash = {family.name + ending for ending in TYPES[family.kind] if ending} & names
        if clash:
            raise OpenMetricsError(f"{family.name}: its samples are called like {clash}")
    return families


def parse_prometheus(text):
    """The samples alone."""
    return dict(read_sample(line) for line in text.splitlines() if not line.startswith("#"))
