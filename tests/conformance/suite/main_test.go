// Package conformance shows the controller on a real Kubernetes API server. Each test is named
// after the promise it checks; rig gives it a corner of the one cluster that all of them share.
package conformance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"model-booster.local/conformance/cluster"
	"model-booster.local/conformance/rig"
)

var (
	settings           rig.Settings
	shared             *cluster.Cluster
	definitions        []*unstructured.Unstructured
	definitionWarnings []string
)

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (int, error) {
	var err error
	if settings, err = rig.ReadSettings(); err != nil {
		return 1, err
	}
	if folder := settings.DefinitionsFolder(); folder != "" {
		if _, absent := os.Stat(folder); absent != nil {
			fmt.Printf("=== RUN   TestAll\n    skipped: %s is absent\n--- SKIP: TestAll (0.00s)\n", folder)
			return 0, nil
		}
	}
	if definitions, err = readDefinitions(); err != nil {
		return 1, err
	}
	folder, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		return 1, err
	}
	if shared, err = startCluster(folder); err != nil {
		return 1, fmt.Errorf("%w (logs under %s)", err, folder)
	}
	defer shared.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if definitionWarnings, err = shared.Install(ctx, definitions...); err != nil {
		return 1, err
	}
	if err := shared.StartManager(); err != nil {
		return 1, err
	}
	fmt.Printf("conformance: definitions %s, seed %d, logs of the servers in %s\n", settings.Set, settings.Seed, folder)
	code := m.Run()
	if code == 0 && !shared.External {
		shared.Stop()
		os.RemoveAll(folder)
	}
	return code, nil
}

func startCluster(folder string) (*cluster.Cluster, error) {
	if settings.Kubeconfig != "" {
		return cluster.Borrow(settings.Kubeconfig)
	}
	options := cluster.Options{Binary: settings.Kubernetes, Dir: folder, Users: 600, Audit: true}
	if settings.Embedded {
		options.Embedded = settings.Binary
	}
	return cluster.Start(options)
}

// readDefinitions are those of the set; ours are what the program itself prints.
func readDefinitions() ([]*unstructured.Unstructured, error) {
	if folder := settings.DefinitionsFolder(); folder != "" {
		return cluster.ReadDefinitions(folder)
	}
	output, err := exec.Command(settings.Binary, "crds").Output()
	if err != nil {
		return nil, fmt.Errorf("%s crds: %w", settings.Binary, err)
	}
	return cluster.ParseDocuments(output, "model-booster crds")
}

func newRig(t *testing.T) *rig.Rig {
	t.Helper()
	return rig.New(t, shared, settings)
}

// newFilter is closed with the test; a borrowed cluster is not reached through one.
func newFilter(t *testing.T) *cluster.Filter {
	t.Helper()
	if shared.External {
		t.Skip("skipped: a borrowed cluster is not reached through a filter")
	}
	filter, err := shared.NewFilter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(filter.Close)
	return filter
}

// alone is for tests that change what all tests share: they run before the parallel ones start.
func alone(t *testing.T, reason string) *rig.Rig {
	t.Helper()
	if shared.External {
		t.Skip("skipped: a borrowed cluster is not ours to change: " + reason)
	}
	return newRig(t)
}

// needKubernetes skips a test of what the embedded API server does not have.
func needKubernetes(t *testing.T, what string) {
	t.Helper()
	if shared.Embedded != "" {
		t.Skip("skipped: the embedded API server has no " + what)
	}
}

// needOurs skips a test of fields that only our own definitions know.
func needOurs(t *testing.T, fields string) {
	t.Helper()
	if settings.Set != "ours" {
		t.Skipf("skipped: definitions %s have no %s", settings.Set, fields)
	}
}

func definitionOf(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	for _, definition := range definitions {
		if definition.GetName() == name {
			return definition.DeepCopy()
		}
	}
	t.Fatalf("definitions %s have no %s", settings.Set, name)
	return nil
}

func projectFile(parts ...string) string {
	return filepath.Join(append([]string{settings.Root}, parts...)...)
}
