package rig

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"model-booster.local/conformance/cluster"
)

// A pod sees its service account under this folder; the controller must look nowhere else.
const serviceAccountFolder = "/run/secrets/kubernetes.io/serviceaccount"

// enterPod gives the process a /run of its own, puts the account there, and becomes the program.
const enterPod = `set -e
mount -t tmpfs tmpfs /run
mkdir -p "` + serviceAccountFolder + `"
cp "$1"/* "` + serviceAccountFolder + `"
shift
exec "$@"`

// StartInCluster starts a controller that finds the API server as a pod does: by environment and by the files of a
// service account. The test is skipped where the machine allows no mount namespace.
func (r *Rig) StartInCluster(extra ...string) *Controller {
	r.T.Helper()
	unshare := []string{"unshare", "--mount", "--propagation", "private"}
	if os.Getuid() != 0 {
		unshare = append(unshare, "--map-root-user")
	}
	if err := exec.Command(unshare[0], append(unshare[1:], "sh", "-c", "mount -t tmpfs tmpfs /run && test -d /var/run")...).Run(); err != nil {
		r.T.Skipf("skipped: no mount namespace on this machine (%v)", err)
	}
	folder, err := os.MkdirTemp(r.folder, "controller-")
	if err != nil {
		r.T.Fatal(err)
	}
	account := filepath.Join(folder, "account")
	if err := os.Mkdir(account, 0o700); err != nil {
		r.T.Fatal(err)
	}
	for name, text := range map[string]string{"token": r.User.Token + "\n", "ca.crt": string(r.Cluster.Authority), "namespace": r.Namespace + "\n"} {
		if err := os.WriteFile(filepath.Join(account, name), []byte(text), 0o600); err != nil {
			r.T.Fatal(err)
		}
	}
	server, err := url.Parse(r.Cluster.Server)
	if err != nil {
		r.T.Fatal(err)
	}
	argv := append([]string{"env", "-u", "KUBECONFIG"}, unshare...)
	argv = append(argv, "sh", "-c", enterPod, "sh", account, r.Settings.Binary, "controller", "--namespace", r.Namespace)
	process, err := cluster.StartProcess(folder, "controller", append(argv, extra...),
		"KUBERNETES_SERVICE_HOST="+server.Hostname(), "KUBERNETES_SERVICE_PORT="+server.Port())
	if err != nil {
		r.T.Fatal(err)
	}
	c := &Controller{rig: r, process: process, user: r.User, started: time.Now()}
	r.controllers = append(r.controllers, c)
	return c
}

// ReplaceToken changes the token file that a controller started by StartInCluster sees.
func (c *Controller) ReplaceToken(token string) {
	c.rig.T.Helper()
	path := filepath.Join("/proc", strconv.Itoa(c.PID()), "root", serviceAccountFolder, "token")
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		c.rig.T.Fatal(err)
	}
}
