package rig

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"model-booster.local/conformance/cluster"
)

// Images that controllers are started with unless a test says otherwise.
const (
	DownloaderImage = "registry.example/downloader:1"
	RuntimeImage    = "registry.example/runtime:1"
)

// Flags of a controller.
type Flags struct {
	Downloader    string        // DownloaderImage when ""
	Runtime       string        // RuntimeImage when ""
	AllNamespaces bool          // instead of the test's own
	Namespaces    []string      // beside the test's own
	Server        string        // where to reach the API server, when not directly
	User          *cluster.User // the test's when nil
	Binary        string        // the one under test when ""
	Extra         []string
}

// Controller is a running `model-booster controller`.
type Controller struct {
	rig     *Rig
	process *cluster.Process
	user    cluster.User
	ended   bool // the test ended it
	started time.Time
}

// Start starts a controller as the test's user. It is ended with the test, and must then exit with 0.
func (r *Rig) Start(flags Flags) *Controller {
	r.T.Helper()
	user := r.User
	if flags.User != nil {
		user = *flags.User
	}
	binary := orElse(flags.Binary, r.Settings.Binary)
	if _, err := os.Stat(binary); err != nil {
		r.T.Fatalf("no controller to test: %v (set MODEL_BOOSTER)", err)
	}
	folder, err := os.MkdirTemp(r.folder, "controller-")
	if err != nil {
		r.T.Fatal(err)
	}
	kubeconfig := filepath.Join(folder, "kubeconfig")
	text := cluster.Kubeconfig(orElse(flags.Server, r.Cluster.Server), r.Cluster.Authority, user)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		r.T.Fatal(err)
	}
	argv := []string{binary, "controller", "--kubeconfig", kubeconfig,
		"--downloader-image", orElse(flags.Downloader, DownloaderImage), "--runtime-image", orElse(flags.Runtime, RuntimeImage)}
	if !flags.AllNamespaces {
		argv = append(argv, "--namespace", r.Namespace)
	}
	for _, namespace := range flags.Namespaces {
		argv = append(argv, "--namespace", namespace)
		r.namespaces = append(r.namespaces, namespace)
	}
	process, err := cluster.StartProcess(folder, "controller", append(argv, flags.Extra...))
	if err != nil {
		r.T.Fatal(err)
	}
	c := &Controller{rig: r, process: process, user: user, started: time.Now()}
	r.controllers = append(r.controllers, c)
	return c
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// PID of the controller's process.
func (c *Controller) PID() int { return c.process.PID() }

// Log is what the controller has written so far.
func (c *Controller) Log() string { return c.process.Output() }

// Started is when the process was started.
func (c *Controller) Started() time.Time { return c.started }

// Running says whether the process has not ended.
func (c *Controller) Running() bool { return c.process.Running() }

func (c *Controller) dead() bool { return !c.ended && !c.process.Running() }

// Kill ends the controller as a power cut would.
func (c *Controller) Kill() {
	c.ended = true
	c.process.Kill()
}

// Stop sends SIGTERM; the controller must end promptly and with exit status 0. Before its first line of log it has not
// come to the point where signals are its own matter.
func (c *Controller) Stop() time.Duration {
	c.rig.T.Helper()
	for deadline := time.Now().Add(Patience); c.process.Running() && c.Log() == "" && time.Now().Before(deadline); {
		time.Sleep(2 * time.Millisecond)
	}
	c.ended = true
	start := time.Now()
	if err := c.process.Terminate(10 * time.Second); err != nil {
		c.rig.T.Errorf("SIGTERM: %v", err)
	}
	return time.Since(start)
}

func (c *Controller) finish() {
	c.rig.T.Helper()
	if c.dead() {
		c.rig.T.Errorf("the controller ended by itself: %v", c.process.Err())
	} else if c.process.Running() {
		c.Stop()
	}
	log := c.Log()
	if strings.Contains(log, c.user.Token) {
		c.rig.T.Error("the log holds the bearer token")
	}
	if c.rig.T.Failed() {
		c.rig.T.Logf("--- log of the controller (pid %d)\n%s", c.PID(), c.process.Tail(16*1024))
	}
}

// Memory is RssAnon and VmRSS of the controller in KiB.
func (c *Controller) Memory() (anonymous, resident int64) { return c.process.Memory() }

// NewUser is a second user with the rights of the first, for a second controller.
func (r *Rig) NewUser() cluster.User {
	r.T.Helper()
	user, err := r.Cluster.NewUser()
	if err != nil {
		r.T.Fatal(err)
	}
	r.users = append(r.users, user)
	r.bindUser(r.ShippedRules(), user)
	return user
}

// StopAll stops every controller of this test that runs.
func (r *Rig) StopAll() {
	r.T.Helper()
	for _, c := range r.controllers {
		if c.process.Running() {
			c.Stop()
		}
	}
}
