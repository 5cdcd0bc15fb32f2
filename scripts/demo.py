#!/usr/bin/env python3
"""make demo: what the controller makes of the quick-start example, told in a few lines. Needs no cluster."""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("MODEL_BOOSTER", ROOT / "build/main/model-booster")
EXAMPLE = "examples/quickstart.yaml"


def program(*arguments):
    done = subprocess.run([PROGRAM, *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"model-booster {' '.join(arguments)} ended with {done.returncode}\n{done.stderr}")
    return done


def containers(spec):
    names = [container["name"] for container in spec.get("initContainers", [])]
    return (" after ".join([", ".join(container["name"] for container in spec["containers"]), ", ".join(names)])
            if names else ", ".join(container["name"] for container in spec["containers"]))


def serving(child):
    roles = child["spec"]["template"]["roles"]
    pods = "; ".join(f"role {role['name']}: {containers(role['entryTemplate']['spec'])}" for role in roles)
    replicas = child["spec"]["replicas"]
    return f"the pods, {replicas} replica{'' if replicas == 1 else 's'}; {pods}"


def route(child):
    targets = [target["modelServerName"] for rule in child["spec"]["rules"] for target in rule["targetModels"]]
    return f"requests for model {child['spec']['modelName']!r} go to {', '.join(targets)}"


TELL = {
    "ModelServing": serving,
    "ModelServer": lambda child: f"which pods answer for {child['spec']['model']!r}, and how to reach them",
    "ModelRoute": route,
    "AutoscalingPolicy": lambda child: "when to scale",
    "AutoscalingPolicyBinding": lambda child: "what to scale by it",
}


def main():
    text = [line for line in (ROOT / EXAMPLE).read_text().splitlines() if line.strip() and not line.strip().startswith("#")]
    print(f"A user writes one ModelBooster ({EXAMPLE}, {len(text)} lines):\n")
    print("\n".join("    " + line for line in text))
    verdict = program("validate", "-f", EXAMPLE)
    print(f"\nmodel-booster validate finds: {verdict.stderr.strip()}")
    children = json.loads(program("render", "-f", EXAMPLE, "-o", "json").stdout)["items"]
    print("\nThe controller would create, in this order:\n")
    for child in children:
        where = f"{child['metadata']['namespace']}/{child['metadata']['name']}"
        print(f"    {child['kind']:<14} {where:<26} {TELL[child['kind']](child)}")
    print("\nand then report Initialized, and Active as soon as the ModelServing is Available.")
    print(f"\nAll of it, as it would be sent:  build/main/model-booster render -f {EXAMPLE}")
    print("More to try:                     build/main/model-booster validate -f examples/")


main()
