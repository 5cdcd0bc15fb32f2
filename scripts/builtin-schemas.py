#!/usr/bin/env python3
"""Makes src/schema/builtin/*.json from Kubernetes' own OpenAPI v3 documents.

    builtin-schemas.py KUBERNETES_SOURCE      (api/openapi-spec/v3 of a checkout or of the Go module k8s.io/kubernetes)

One file a package, `name -> schema` as in "components.schemas". Kept is what the kinds that the embedded API server serves refer to. Of
each description the first sentence is kept, of each list of kinds the groups that are served.
"""
import json
import pathlib
import re
import sys

# package prefix -> (file of ours, document of Kubernetes', kinds that are served)
PACKAGES = {
    "io.k8s.api.core.v1.": ("core", "api__v1", "ConfigMap Event Namespace Pod Secret Service ServiceAccount"),
    "io.k8s.api.events.v1.": ("events", "apis__events.k8s.io__v1", "Event"),
    "io.k8s.api.coordination.v1.": ("coordination", "apis__coordination.k8s.io__v1", "Lease"),
    "io.k8s.api.rbac.v1.": ("rbac", "apis__rbac.authorization.k8s.io__v1", "ClusterRole ClusterRoleBinding Role RoleBinding"),
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.": (
        "apiextensions", "apis__apiextensions.k8s.io__v1", "CustomResourceDefinition"),
    "io.k8s.api.autoscaling.v1.": ("autoscaling", "apis__autoscaling__v1", "Scale"),
    "io.k8s.api.authentication.v1.": (
        "authentication", "apis__authentication.k8s.io__v1", "SelfSubjectReview TokenRequest TokenReview"),
    "io.k8s.api.authorization.v1.": (
        "authorization", "apis__authorization.k8s.io__v1",
        "LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview"),
    "io.k8s.apimachinery.pkg.": ("meta", None, ""),
}
META_KINDS = ["DeleteOptions", "ManagedFieldsEntry", "ObjectMeta", "Status"]
META_PREFIX = "io.k8s.apimachinery.pkg.apis.meta.v1."
SERVED_GROUPS = {"", "apiextensions.k8s.io", "authentication.k8s.io", "authorization.k8s.io", "autoscaling", "coordination.k8s.io",
                 "events.k8s.io", "rbac.authorization.k8s.io"}
REFERENCE_PREFIX = "#/components/schemas/"


def first_sentence(text):
    paragraph = " ".join(text.split("\n\n")[0].split())
    end = re.search(r"(?<!e\.g)(?<!i\.e)(?<!etc)[.?!](?= [A-Z])", paragraph)
    return paragraph[:end.end()] if end else paragraph


def shortened(schema):
    """Without long texts; `properties` may hold a property named like a keyword, so schemas are walked as schemas."""
    out = {}
    for key, value in schema.items():
        if key == "description":
            value = first_sentence(value)
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            value = shortened(value)
        elif key == "properties":
            value = {name: shortened(inner) for name, inner in sorted(value.items())}
        elif key == "x-kubernetes-group-version-kind":
            value = [gvk for gvk in value if gvk["group"] in SERVED_GROUPS and re.fullmatch(r"v\d+", gvk["version"])]
        out[key] = value
    return out


def references(schema):
    if isinstance(schema.get("$ref"), str):
        yield schema["$ref"].removeprefix(REFERENCE_PREFIX)
    for part in schema.get("allOf", []):
        yield from references(part)
    for part in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(part, dict):
            yield from references(part)
    for part in schema.get("properties", {}).values():
        yield from references(part)


def lines_of(name, schema):
    """A property a line, so that a new version of Kubernetes makes a diff that a person can read."""
    compact = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    head = {key: value for key, value in sorted(schema.items()) if key != "properties"}
    if "properties" not in schema:
        return f"{compact(name)}:{compact(head)}"
    rows = ",\n".join(f"{compact(key)}:{compact(value)}" for key, value in schema["properties"].items())
    return f'{compact(name)}:{compact(head)[:-1]}{"," if head else ""}"properties":{{\n{rows}}}}}'


def main():
    source = pathlib.Path(sys.argv[1]) / "api/openapi-spec/v3"
    pool, todo = {}, [META_PREFIX + kind for kind in META_KINDS]
    for prefix, (_, document, kinds) in PACKAGES.items():
        if document:
            pool |= json.loads((source / f"{document}_openapi.json").read_text())["components"]["schemas"]
        todo += [prefix + kind for kind in kinds.split()]
    needed = set()
    while todo:
        name = todo.pop()
        if name not in needed:
            needed.add(name)
            todo += references(pool[name])
    folder = pathlib.Path(__file__).resolve().parent.parent / "src/schema/builtin"
    folder.mkdir(exist_ok=True)
    for prefix, (file, _, _) in PACKAGES.items():
        rows = [lines_of(name, shortened(pool[name])) for name in sorted(needed) if name.startswith(prefix)]
        (folder / f"{file}.json").write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


main()
