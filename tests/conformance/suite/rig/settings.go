package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Settings come from the environment; run.sh documents them.
type Settings struct {
	Root       string // of the project
	Binary     string // model-booster
	Kubernetes string // the server binary
	Embedded   bool   // run against model-booster's own API server in place of Kubernetes'
	Set        string // definitions: "ours" or "kthena-v0.1.0"
	Kubeconfig string // of a cluster to borrow, else ""
	Seed       int64
	Kills      int // of the controller, in the test that kills it
	Crowd      int // boosters created at once
	Deadline   time.Time
}

// ReadSettings reads the environment.
func ReadSettings() (Settings, error) {
	root := os.Getenv("MB_ROOT")
	if root == "" {
		var err error
		if root, err = findRoot(); err != nil {
			return Settings{}, err
		}
	}
	s := Settings{
		Root: root, Binary: os.Getenv("MODEL_BOOSTER"), Kubernetes: os.Getenv("MB_KUBERNETES"), Set: os.Getenv("MB_DEFINITIONS"),
		Embedded: os.Getenv("MB_SERVER") == "embedded", Seed: Number("MB_SEED", time.Now().UnixNano()%1_000_000), Kills: int(Number("MB_KILLS", 50)), Crowd: int(Number("MB_CROWD", 500)),
	}
	if os.Getenv("MB_CONFORMANCE_USE_CLUSTER") == "1" {
		s.Kubeconfig = os.Getenv("KUBECONFIG")
		if s.Kubeconfig == "" {
			return s, fmt.Errorf("MB_CONFORMANCE_USE_CLUSTER=1 needs KUBECONFIG")
		}
	}
	if s.Binary == "" {
		s.Binary = filepath.Join(root, "build", "main", "model-booster")
	}
	if s.Kubernetes == "" {
		s.Kubernetes = filepath.Join(root, "build", "conformance", "kubernetes")
	}
	if s.Set == "" {
		s.Set = "ours"
	}
	s.Deadline = time.Now().Add(time.Duration(Number("MB_BUDGET_MINUTES", 60)) * time.Minute)
	return s, nil
}

// DefinitionsFolder is where the set's definitions lie, "" for our own.
func (s Settings) DefinitionsFolder() string {
	if s.Set == "ours" {
		return ""
	}
	return filepath.Join(s.Peers(), s.Set, "crds")
}

// Peers is the folder with other projects' definitions and examples; it may be absent.
func (s Settings) Peers() string { return filepath.Join(s.Root, "..", "shared", "peers") }

// RenderTargets are the values of render's --target whose shapes this set knows.
func (s Settings) RenderTargets() []string {
	if s.Set == "kthena-v0.1.0" {
		return []string{"kthena-0.1"}
	}
	return []string{"kthena-0.1", "kthena-main"}
}

// Number is a whole number from the environment.
func Number(name string, otherwise int64) int64 {
	value, err := strconv.ParseInt(os.Getenv(name), 10, 64)
	if err != nil {
		return otherwise
	}
	return value
}

func findRoot() (string, error) {
	folder, err := os.Getwd()
	for err == nil {
		if _, absent := os.Stat(filepath.Join(folder, "src", "meson.build")); absent == nil {
			return folder, nil
		}
		if filepath.Dir(folder) == folder {
			break
		}
		folder = filepath.Dir(folder)
	}
	return "", fmt.Errorf("no project root above the working directory; set MB_ROOT")
}
