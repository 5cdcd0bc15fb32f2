"""The Python kubernetes client: typed and custom objects, a watch, patches, conflicts."""
import sys
import traceback

from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException

GROUP, VERSION, PLURAL = "workload.serving.volcano.sh", "v1alpha1", "modelboosters"


def booster(name):
    backend = {"name": "gpu", "type": "vLLM", "modelURI": "hf://Qwen/Qwen2.5-0.5B-Instruct", "minReplicas": 1, "maxReplicas": 1,
               "workers": [{"image": "example/engine:1", "type": "server", "pods": 1, "replicas": 1}]}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": "ModelBooster", "metadata": {"name": name}, "spec": {"backends": [backend]}}


def typed_objects():
    core = client.CoreV1Api()
    core.create_namespaced_config_map("default", client.V1ConfigMap(metadata=client.V1ObjectMeta(name="py", labels={"py": "1"}), data={"a": "b"}))
    assert core.read_namespaced_config_map("py", "default").data == {"a": "b"}
    core.patch_namespaced_config_map("py", "default", {"data": {"c": "d"}})
    assert core.list_namespaced_config_map("default", label_selector="py=1").items[0].data == {"a": "b", "c": "d"}
    stale = core.read_namespaced_config_map("py", "default")
    core.patch_namespaced_config_map("py", "default", {"data": {"e": "f"}})
    try:
        core.replace_namespaced_config_map("py", "default", stale)
        raise AssertionError("a stale update went through")
    except ApiException as error:
        assert error.status == 409, error
    core.delete_namespaced_config_map("py", "default")


def custom_objects():
    api = client.CustomObjectsApi()
    made = api.create_namespaced_custom_object(GROUP, VERSION, "default", PLURAL, booster("py"))
    assert made["metadata"]["generation"] == 1
    try:
        api.create_namespaced_custom_object(GROUP, VERSION, "default", PLURAL, booster("py"))
        raise AssertionError("made twice")
    except ApiException as error:
        assert error.reason == "Conflict" and "already exists" in error.body
    assert len(api.list_namespaced_custom_object(GROUP, VERSION, "default", PLURAL)["items"]) == 1


def watches():
    api, seen = client.CustomObjectsApi(), []
    for event in watch.Watch().stream(api.list_namespaced_custom_object, GROUP, VERSION, "default", PLURAL, timeout_seconds=20):
        conditions = {c["type"]: c["status"] for c in event["object"].get("status", {}).get("conditions", [])}
        seen.append(event["type"])
        if conditions.get("Initialized") == "True":
            break
    assert seen and seen[0] == "ADDED", seen
    api.delete_namespaced_custom_object(GROUP, VERSION, "default", PLURAL, "py")


def pages():
    core = client.CoreV1Api()
    for i in range(5):
        core.create_namespaced_config_map("default", client.V1ConfigMap(metadata=client.V1ObjectMeta(name=f"page{i}", labels={"page": "1"})))
    names, token = [], None
    while True:
        page = core.list_namespaced_config_map("default", limit=2, _continue=token, label_selector="page=1")
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if not token:
            break
    assert names == [f"page{i}" for i in range(5)], names
    core.delete_collection_namespaced_config_map("default", label_selector="page=1")
    assert not core.list_namespaced_config_map("default", label_selector="page=1").items


def main():
    config.load_kube_config()
    failed = 0
    for case in (typed_objects, custom_objects, watches, pages):
        try:
            case()
            print(f"ok {case.__name__}")
        except Exception as error:  # every failure is a line of its own
            failed += 1
            traceback.print_exc()
            print(f"FAILED {case.__name__}: {error!r}")
    sys.exit(1 if failed else 0)


main()
