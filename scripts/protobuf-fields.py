#!/usr/bin/env python3
"""Makes src/apiserver/protobuf/fields.txt from Kubernetes' Go types: how the built-in kinds lie in protobuf.

    protobuf-fields.py API_MODULE APIMACHINERY_MODULE      (folders of k8s.io/api and k8s.io/apimachinery)

A line `= PACKAGE.TYPE` a message, and under it one a field: NUMBER JSON-NAME FLAGS TYPE. Flags: r repeated, m a map from text, i inline (its fields are the
message's own), p a pointer (kept though it is zero), o left out when zero, - none. Types: s text, i integer, b boolean, d double, y bytes, T time, U
time with microseconds, D duration, Q quantity, X int-or-string, F and R raw JSON, else the number of a message in this file, from 0.
"""
import pathlib
import re
import sys

PACKAGES = {"core": "core/v1", "events": "events/v1", "coordination": "coordination/v1", "rbac": "rbac/v1",
            "authentication": "authentication/v1", "authorization": "authorization/v1"}
ROOTS = """core.ConfigMap core.Event core.Namespace core.Pod core.Secret core.Service core.ServiceAccount events.Event coordination.Lease
rbac.ClusterRole rbac.ClusterRoleBinding rbac.Role rbac.RoleBinding authentication.SelfSubjectReview authentication.TokenRequest
authentication.TokenReview authorization.LocalSubjectAccessReview authorization.SelfSubjectAccessReview authorization.SelfSubjectRulesReview
authorization.SubjectAccessReview meta.DeleteOptions""".split()
SPECIAL = {"meta.Time": "T", "meta.MicroTime": "U", "meta.Duration": "D", "resource.Quantity": "Q", "intstr.IntOrString": "X",
           "meta.FieldsV1": "F", "runtime.RawExtension": "R"}
SCALARS = {"string": "s", "bool": "b", "float64": "d", "[]byte": "y"}
ALIASES = {"metav1": "meta", "v1": "core", "corev1": "core", "resource": "resource", "intstr": "intstr", "types": "types", "runtime": "runtime"}
FIELD = re.compile(r'^\s*(?:(\w+)\s+)?([\w.*\[\]]+)\s+`json:"([^"]*)"[^`]*protobuf:"(\w+),(\d+),(\w+)[^"]*"')


def read_package(name, folder, structs, named):
    for path in sorted(pathlib.Path(folder).glob("*types*.go")):
        current = None
        for line in path.read_text().splitlines():
            start = re.match(r"^(?:type )?\s*(\w+) struct \{$", line) if not line.startswith("\t\t") else None
            alias = re.match(r"^type (\w+) (?:= )?([\w.\[\]*]+)$", line)
            if start and line.startswith("type "):
                current = structs.setdefault(f"{name}.{start.group(1)}", [])
            elif alias:
                named[f"{name}.{alias.group(1)}"] = alias.group(2)
            elif line == "}":
                current = None
            elif current is not None and (field := FIELD.match(line)):
                current.append(field.groups())


def qualified(package, name):
    if "." in name:
        prefix, name = name.split(".")
        return f"{ALIASES.get(prefix, prefix)}.{name}"
    return f"{package}.{name}"


class Maker:
    def __init__(self, structs, named):
        self.structs, self.named, self.order, self.lines = structs, named, [], {}

    def type_of(self, package, name, flags):
        """(flags, type) of a Go type."""
        if name.startswith("*"):
            return self.type_of(package, name[1:], flags | {"p"})
        if name in SCALARS:
            return flags, SCALARS[name]
        if re.fullmatch(r"u?int(8|16|32|64)?", name):
            return flags, "i"
        if name.startswith("[]"):
            return self.type_of(package, name[2:], flags | {"r"})
        if name.startswith("map["):
            key_end = name.index("]")
            return self.type_of(package, name[key_end + 1:], flags | {"m"})
        full = qualified(package, name)
        if full in SPECIAL:
            return flags, SPECIAL[full]
        if full in self.structs:
            return flags, str(self.number(full))
        if full == "types.UID" or full == "types.NodeName":
            return flags, "s"
        target = self.named.get(full)
        if target is None:
            raise SystemExit(f"unknown type {full}")
        # A named list or map is a message of its own in protobuf, with its items as field 1.
        if target.startswith("[]") and target != "[]byte":
            return self.type_of(full.split(".")[0], target[2:], flags | {"w"})
        return self.type_of(full.split(".")[0], target, flags)

    def number(self, full):
        if full in self.order:
            return self.order.index(full)
        number = len(self.order)
        self.order.append(full)
        package, lines = full.split(".")[0], []
        for _, go_type, json, _, tag, _ in self.structs[full]:
            name, *options = json.split(",")
            flags = {"o"} if "omitempty" in options or "omitzero" in options else set()
            if "inline" in options:
                flags, name = {"i"}, "-"
            flags, kind = self.type_of(package, go_type, flags)
            if kind == "y":
                flags -= {"r"}
            lines.append(f"{tag} {name or '-'} {''.join(sorted(flags)) or '-'} {kind}")
        self.lines[full] = lines
        return number


def main():
    api, machinery = (pathlib.Path(argument) for argument in sys.argv[1:3])
    structs, named = {}, {}
    for name, folder in PACKAGES.items():
        read_package(name, api / folder, structs, named)
    read_package("meta", machinery / "pkg/apis/meta/v1", structs, named)
    maker = Maker(structs, named)
    for root in ROOTS:
        maker.number(root)
    out = []
    for full in maker.order:
        out += [f"= {full}"] + maker.lines[full]
    target = pathlib.Path(__file__).resolve().parent.parent / "src/apiserver/protobuf/fields.txt"
    target.write_text("\n".join(out) + "\n")


main()
