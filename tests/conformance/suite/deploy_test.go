package conformance

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"model-booster.local/conformance/rig"
)

// kubectl runs as the administrator; a warning of the API server is an error. The test is skipped without kubectl.
func kubectl(t *testing.T, r *rig.Rig, argv ...string) string {
	t.Helper()
	program := os.Getenv("MB_KUBECTL")
	if program == "" {
		t.Skip("skipped: no kubectl (tests/conformance/setup.sh gets it where npm is)")
	}
	kubeconfig := settings.Kubeconfig
	if kubeconfig == "" {
		kubeconfig = shared.Dir + "/admin.kubeconfig"
	}
	command := exec.CommandContext(r.Context, program, append([]string{"--kubeconfig", kubeconfig, "--warnings-as-errors"}, argv...)...)
	command.Env = append(os.Environ(), "HOME="+t.TempDir())
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(argv, " "), err, output)
	}
	return string(output)
}

// What deploy/ ships is accepted as `kubectl apply -k` sends it, without a warning (Pod Security included).
func TestDeployAppliesWithKubectl(t *testing.T) {
	needKubernetes(t, "Deployments")
	r := alone(t, "it installs the controller's own objects")
	if settings.Set == "ours" {
		kubectl(t, r, "apply", "--server-side", "--force-conflicts", "-k", projectFile("deploy", "crds"))
	}
	defer kubectl(t, r, "delete", "--wait=false", "--ignore-not-found", "-k", projectFile("deploy"))
	kubectl(t, r, "apply", "-k", projectFile("deploy"))
	kubectl(t, r, "apply", "-k", projectFile("deploy"))
}

// Our definition gives people a short name, columns that tell the state, and a scale subresource that autoscalers know.
func TestKubectlShowsModelBoosters(t *testing.T) {
	t.Parallel()
	needOurs(t, "printer columns")
	r := newRig(t)
	r.Start(rig.Flags{})
	active(r, rig.NewBooster("demo", rig.Backend("a")))
	table := kubectl(t, r, "get", "mb", "-n", r.Namespace)
	if lines := strings.Split(strings.TrimSpace(table), "\n"); len(lines) != 2 || !strings.Contains(lines[0], "ACTIVE") || !strings.Contains(lines[1], "True") {
		t.Errorf("kubectl get mb:\n%s", table)
	}
	kubectl(t, r, "wait", "--for=condition=Active", "--timeout=30s", "-n", r.Namespace, "modelbooster/demo")
}
