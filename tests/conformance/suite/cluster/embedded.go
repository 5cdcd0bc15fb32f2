package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// startEmbedded starts `model-booster standalone` without its controller, unless asked for: the same users, the same port, the same audit log as
// Kubernetes' own. It is ready when it says so; its authority is made at the first start and kept.
func (c *Cluster) startEmbedded([]string) error {
	if err := c.runEmbedded(); err != nil || c.Authority != nil {
		return err
	}
	authority, err := os.ReadFile(filepath.Join(c.file("data"), "ca.crt"))
	if err != nil {
		return err
	}
	return c.trust(authority)
}

// compactEmbedded lets the embedded server, which does not run, forget everything but the present: it starts once with no history to keep.
func (c *Cluster) compactEmbedded() error {
	if err := c.runEmbedded("--history-revisions", "1"); err != nil {
		return err
	}
	return c.apiserver.Terminate(10 * time.Second)
}

func (c *Cluster) runEmbedded(flags ...string) error {
	argv := append([]string{c.Embedded, "standalone", "--data", c.file("data"), "--listen", "127.0.0.1:" + strconv.Itoa(c.port),
		"--token-auth-file", c.file("tokens.csv")}, flags...)
	if !c.WithController {
		argv = append(argv, "--no-controller")
	}
	if c.Audit != nil {
		argv = append(argv, "--audit-log", c.file("audit.log"))
	}
	before := 0
	if c.apiserver != nil {
		before = readySaid(c.apiserver)
	}
	var err error
	if c.apiserver, err = StartProcess(c.Dir, "apiserver", argv); err != nil {
		return err
	}
	return c.await("model-booster standalone", c.apiserver, 60*time.Second, func() error {
		if readySaid(c.apiserver) == before {
			return fmt.Errorf("it has not said that it is ready")
		}
		return nil
	})
}

// readySaid counts over all starts: their output is one file.
func readySaid(process *Process) int { return strings.Count(process.Output(), ", ready after ") }
