package rig

import (
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
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
	Authority     []byte        // who signed its certificate, when it is not the API server's
	User          *cluster.User // the test's when nil
	Binary        string        // the one under test when ""
	Elected       bool          // it takes part in a leader election, by a Lease in the test's namespace
	Metrics       bool          // serve them
	Extra         []string
}

// Controller is a running `model-booster controller`.
type Controller struct {
	rig     *Rig
	process *cluster.Process
	user    cluster.User
	ended   bool // the test ended it
	started time.Time
	metrics string // host:port, or ""
}

// prepare makes a folder with a kubeconfig, and the command line of a controller that uses it.
func (r *Rig) prepare(flags Flags) (folder string, argv []string, user cluster.User) {
	r.T.Helper()
	user = r.User
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
	authority := r.Cluster.Authority
	if flags.Authority != nil {
		authority = flags.Authority
	}
	text := cluster.Kubeconfig(orElse(flags.Server, r.Cluster.Server), authority, user)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		r.T.Fatal(err)
	}
	argv = []string{binary, "controller", "--kubeconfig", kubeconfig,
		"--downloader-image", orElse(flags.Downloader, DownloaderImage), "--runtime-image", orElse(flags.Runtime, RuntimeImage)}
	if !flags.AllNamespaces {
		argv = append(argv, "--namespace", r.Namespace)
	}
	for _, namespace := range flags.Namespaces {
		argv = append(argv, "--namespace", namespace)
		r.namespaces = append(r.namespaces, namespace)
	}
	if flags.Elected {
		argv = append(argv, "--leader-elect-namespace", r.Namespace)
	} else {
		argv = append(argv, "--leader-elect=false")
	}
	return folder, append(argv, flags.Extra...), user
}

// Check runs `controller --check` as the test's user to its end: what it prints, and its exit status.
func (r *Rig) Check(flags Flags) (output string, status int) {
	r.T.Helper()
	_, argv, _ := r.prepare(flags)
	command := exec.CommandContext(r.Context, argv[0], append(argv[1:], "--check")...)
	text, err := command.CombinedOutput()
	if ended := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ended) {
		r.T.Fatal(err)
	}
	return string(text), command.ProcessState.ExitCode()
}

// Start starts a controller as the test's user. It is ended with the test, and must then exit with 0.
func (r *Rig) Start(flags Flags) *Controller {
	r.T.Helper()
	folder, argv, user := r.prepare(flags)
	metrics := ""
	if flags.Metrics {
		port, err := cluster.FreePort()
		if err != nil {
			r.T.Fatal(err)
		}
		metrics = "127.0.0.1:" + strconv.Itoa(port)
		argv = append(argv, "--metrics-bind-address", metrics)
	}
	process, err := cluster.StartProcess(folder, "controller", argv)
	if err != nil {
		r.T.Fatal(err)
	}
	c := &Controller{rig: r, process: process, user: user, started: time.Now(), metrics: metrics}
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

// Signal sends any other signal.
func (c *Controller) Signal(signal syscall.Signal) {
	c.rig.T.Helper()
	if err := syscall.Kill(c.PID(), signal); err != nil {
		c.rig.T.Fatal(err)
	}
}

// AwaitFailure waits until the controller ends by itself, which must be with an exit status other than 0.
func (c *Controller) AwaitFailure() {
	c.rig.T.Helper()
	c.ended = true
	select {
	case <-c.process.Done():
		if c.process.Err() == nil {
			c.rig.T.Error("the controller ended by itself with exit status 0")
		}
	case <-time.After(Patience):
		c.rig.T.Fatal("the controller does not end")
	}
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

var writesPattern = regexp.MustCompile(`(?m)^rest_client_requests_total\{code="2\d\d",method="(?:POST|PATCH|PUT|DELETE)"[^}]*\} (\d+)`)

// Writes is how many writes of it the API server has accepted, by its own metrics.
func (c *Controller) Writes() int {
	c.rig.T.Helper()
	answer, err := http.Get("http://" + c.metrics + "/metrics")
	if err != nil {
		c.rig.T.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.rig.T.Fatal(err)
	}
	sum := 0
	for _, match := range writesPattern.FindAllStringSubmatch(string(text), -1) {
		count, _ := strconv.Atoi(match[1])
		sum += count
	}
	return sum
}

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
