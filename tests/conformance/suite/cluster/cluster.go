// Package cluster starts a real etcd, kube-apiserver and kube-controller-manager on 127.0.0.1,
// or borrows a cluster that is already there.
//
//	etcd <- kube-apiserver <- kube-controller-manager (garbage collector and namespaces only)
//	             ^
//	             +-- admin (system:masters), and one user per test whose requests are audited
//
// With Options.Embedded, `model-booster standalone` stands in for the three of them (embedded.go).
// Everything a cluster writes lies in one folder. Nothing here knows what a ModelBooster is.
package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Options of Start.
type Options struct {
	Binary   string // tests/conformance/kubernetes, built
	Embedded string // model-booster, whose embedded API server takes the place of Kubernetes'; "": Binary
	Dir      string // where files and logs go; made if absent
	Users    int    // how many controllers' users to provide for
	Sync     bool   // etcd waits for the disk, as it does in production and as the embedded server always does
	Audit    bool   // keep the audit log

	WithController bool // the embedded server's own, in its process
}

// Cluster is a running API server and what belongs to it.
type Cluster struct {
	Options
	Server    string // https://127.0.0.1:port
	Authority []byte
	Audit     *Audit // nil when there is no audit log
	External  bool   // borrowed: cannot be killed, has no audit log

	admin  User
	users  []User
	next   int
	starts []start // of the API server
	mutex  sync.Mutex
	config *rest.Config

	port, etcdPort int
	etcd           *Process
	apiserver      *Process
	manager        *Process
}

// Start brings up etcd and the API server and waits until it is ready. The controller manager is
// started by StartManager, after the definitions are installed, so that its garbage collector
// knows them from the beginning instead of at its next discovery half a minute later.
func Start(options Options) (*Cluster, error) {
	c := &Cluster{Options: options, admin: User{"admin", randomToken()}}
	for i := range options.Users {
		c.users = append(c.users, User{fmt.Sprintf("controller-%03d", i), randomToken()})
	}
	if err := c.prepare(); err != nil {
		return nil, err
	}
	if c.Embedded == "" {
		if err := c.startEtcd(); err != nil {
			c.Stop()
			return nil, err
		}
	}
	if err := c.StartAPIServer(); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// Borrow uses the cluster of a kubeconfig file.
func Borrow(kubeconfig string) (*Cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	if err := rest.LoadTLSFiles(config); err != nil {
		return nil, err
	}
	config.QPS = -1
	return &Cluster{Server: config.Host, Authority: config.CAData, External: true, config: config}, nil
}

func (c *Cluster) prepare() error {
	if err := c.prepareAny(); err != nil || c.Embedded != "" {
		return err
	}
	authority, err := KeyPair(filepath.Join(c.Dir, "apiserver"), "serving")
	if err != nil {
		return err
	}
	if err := writeServiceAccountKey(c.file("service-account.key")); err != nil {
		return err
	}
	if err := os.WriteFile(c.file("audit-policy.yaml"), []byte(auditPolicy), 0o600); err != nil {
		return err
	}
	if c.etcdPort, err = FreePort(); err != nil {
		return err
	}
	return c.trust(authority)
}

// prepareAny is what either server needs: a folder, users, a port that it keeps over restarts.
func (c *Cluster) prepareAny() error {
	if err := os.MkdirAll(filepath.Join(c.Dir, "apiserver"), 0o700); err != nil {
		return err
	}
	if err := writeTokens(c.file("tokens.csv"), c.admin, c.users); err != nil {
		return err
	}
	if c.Options.Audit {
		c.Audit = newAudit(c.file("audit.log"))
	}
	var err error
	c.port, err = FreePort()
	c.Server = "https://127.0.0.1:" + strconv.Itoa(c.port)
	return err
}

// trust notes who signs the server's certificate.
func (c *Cluster) trust(authority []byte) error {
	c.Authority = authority
	c.config = &rest.Config{
		Host: c.Server, BearerToken: c.admin.Token, QPS: -1,
		TLSClientConfig: rest.TLSClientConfig{CAData: authority},
	}
	return os.WriteFile(c.file("admin.kubeconfig"), []byte(Kubeconfig(c.Server, authority, c.admin)), 0o600)
}

func (c *Cluster) file(name string) string { return filepath.Join(c.Dir, name) }

func (c *Cluster) startEtcd() error {
	peer, err := FreePort()
	if err != nil {
		return err
	}
	client, peerURL := fmt.Sprintf("http://127.0.0.1:%d", c.etcdPort), fmt.Sprintf("http://127.0.0.1:%d", peer)
	argv := []string{c.Binary, "etcd", "--name=conformance", "--data-dir=" + c.file("etcd"), "--log-level=warn",
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peerURL, "--initial-advertise-peer-urls=" + peerURL,
		"--initial-cluster=conformance=" + peerURL, "--quota-backend-bytes=8589934592"}
	if !c.Sync {
		argv = append(argv, "--unsafe-no-fsync")
	}
	if c.etcd, err = StartProcess(c.Dir, "etcd", argv); err != nil {
		return err
	}
	return c.await("etcd", c.etcd, 60*time.Second, func() error {
		return get(http.DefaultClient, client+"/health")
	})
}

// OwnersPlugin is the admission plugin for which an owner reference that blocks deletion needs a right of its own. It
// learns of kinds twice a minute: for half a minute after a start it may refuse owners of kinds that definitions bring.
const OwnersPlugin = "OwnerReferencesPermissionEnforcement"

// StartAPIServer starts the API server at its port, as strict as clusters are, and waits until it is ready.
func (c *Cluster) StartAPIServer() error { return c.StartAPIServerWith(OwnersPlugin) }

// StartAPIServerWith is StartAPIServer with only these admission plugins beside the default ones.
// The embedded server has none of them.
func (c *Cluster) StartAPIServerWith(plugins ...string) error {
	c.mutex.Lock()
	c.starts = append(c.starts, start{begun: time.Now()})
	c.mutex.Unlock()
	begin := c.startKubernetes
	if c.Embedded != "" {
		begin = c.startEmbedded
	}
	if err := begin(plugins); err != nil {
		return err
	}
	c.mutex.Lock()
	c.starts[len(c.starts)-1].ready = time.Now()
	c.mutex.Unlock()
	return nil
}

func (c *Cluster) startKubernetes(plugins []string) error {
	argv := []string{c.Binary, "apiserver",
		"--etcd-servers=http://127.0.0.1:" + strconv.Itoa(c.etcdPort),
		"--secure-port=" + strconv.Itoa(c.port), "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none", "--cert-dir=" + c.file("apiserver"),
		"--tls-cert-file=" + c.file("apiserver/serving.crt"), "--tls-private-key-file=" + c.file("apiserver/serving.key"),
		"--service-account-issuer=https://conformance.invalid",
		"--service-account-key-file=" + c.file("service-account.key"),
		"--service-account-signing-key-file=" + c.file("service-account.key"),
		"--token-auth-file=" + c.file("tokens.csv"), "--authorization-mode=RBAC",
		"--anonymous-auth=false", "--disable-admission-plugins=ServiceAccount", "--profiling=false", "--v=1"}
	if len(plugins) > 0 {
		argv = append(argv, "--enable-admission-plugins="+strings.Join(plugins, ","))
	}
	if c.Audit != nil {
		argv = append(argv, "--audit-policy-file="+c.file("audit-policy.yaml"), "--audit-log-path="+c.file("audit.log"),
			"--audit-log-maxsize=100000")
	}
	var err error
	if c.apiserver, err = StartProcess(c.Dir, "apiserver", argv); err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(c.config)
	if err != nil {
		return err
	}
	return c.await("kube-apiserver", c.apiserver, 120*time.Second, func() error { return get(client, c.Server+"/readyz") })
}

// start of an API server; ready is zero until it is.
type start struct{ begun, ready time.Time }

// Warming says whether an API server was starting at that time. Until its caches are filled it knows no roles and forbids everything.
func (c *Cluster) Warming(at time.Time) bool {
	const rest = 3 * time.Second
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, s := range c.starts {
		if at.After(s.begun) && (s.ready.IsZero() || at.Before(s.ready.Add(rest))) {
			return true
		}
	}
	return false
}

// KillAPIServer ends the API server as a power cut would.
func (c *Cluster) KillAPIServer() { c.apiserver.Kill() }

// StartManager starts the controller manager with the garbage and namespace collectors only. The embedded server has its own.
func (c *Cluster) StartManager() error {
	if c.External || c.Embedded != "" {
		return nil
	}
	manager, err := StartProcess(c.Dir, "controller-manager", []string{c.Binary, "controller-manager",
		"--kubeconfig=" + c.file("admin.kubeconfig"), "--controllers=garbage-collector-controller,namespace-controller",
		"--leader-elect=false", "--secure-port=0", "--kube-api-qps=1000", "--kube-api-burst=2000", "--v=1"})
	c.manager = manager
	return err
}

// RestartManager begins the controller manager anew: after an outage of the API server its garbage collector may stand still for minutes.
func (c *Cluster) RestartManager() error {
	if c.manager == nil {
		return nil
	}
	c.manager.Kill()
	return c.StartManager()
}

// Compact makes etcd forget everything but the present, or the embedded server, which must not be running then.
func (c *Cluster) Compact() error {
	if c.Embedded != "" {
		return c.compactEmbedded()
	}
	base := fmt.Sprintf("http://127.0.0.1:%d/v3/kv/", c.etcdPort)
	head, err := post(base+"range", `{"key":"AA=="}`)
	if err != nil {
		return err
	}
	revision, found := between(head, `"revision":"`, `"`)
	if !found {
		return fmt.Errorf("etcd named no revision: %s", head)
	}
	_, err = post(base+"compaction", `{"revision":"`+revision+`","physical":true}`)
	return err
}

// Stop ends every process that Start and StartManager began.
func (c *Cluster) Stop() {
	for _, process := range []*Process{c.manager, c.apiserver, c.etcd} {
		if process != nil {
			process.Kill()
		}
	}
}

// Memory is RssAnon of the API server and what it keeps its data in, in KiB.
func (c *Cluster) Memory() int64 {
	var sum int64
	for _, process := range []*Process{c.etcd, c.apiserver} {
		if process != nil {
			anonymous, _ := process.Memory()
			sum += anonymous
		}
	}
	return sum
}

// Halt stops every process of the cluster where it is, until GoOn: so that it takes no time from another that is measured.
func (c *Cluster) Halt() { c.signal(syscall.SIGSTOP) }

// GoOn lets the processes run on.
func (c *Cluster) GoOn() { c.signal(syscall.SIGCONT) }

func (c *Cluster) signal(number syscall.Signal) {
	for _, process := range []*Process{c.etcd, c.apiserver, c.manager} {
		if process != nil && process.Running() {
			_ = syscall.Kill(process.PID(), number)
		}
	}
}

// Administrator is a user of the group system:masters.
func (c *Cluster) Administrator() User { return c.admin }

// Logs is the end of each server's log, for a failure that only they can explain.
func (c *Cluster) Logs() string {
	var text bytes.Buffer
	for _, process := range []*Process{c.etcd, c.apiserver, c.manager} {
		if process != nil {
			fmt.Fprintf(&text, "--- %s (running: %t)\n%s", process.Name, process.Running(), process.Tail(4096))
		}
	}
	return text.String()
}

// Alive is an error when one of the servers has ended.
func (c *Cluster) Alive() error {
	for _, process := range []*Process{c.etcd, c.apiserver, c.manager} {
		if process != nil && !process.Running() {
			return fmt.Errorf("%s has ended: %v\n%s", process.Name, process.Err(), process.Tail(4096))
		}
	}
	return nil
}

// Config is the administrator's, without a limit on requests.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// ConfigOf is a user's.
func (c *Cluster) ConfigOf(user User) *rest.Config {
	config := rest.AnonymousClientConfig(c.config)
	config.BearerToken, config.QPS = user.Token, -1
	return config
}

// Dynamic is the administrator's client.
func (c *Cluster) Dynamic() dynamic.Interface { return dynamic.NewForConfigOrDie(c.Config()) }

// Discovery is the administrator's discovery client, without a cache.
func (c *Cluster) Discovery() discovery.DiscoveryInterface {
	return discovery.NewDiscoveryClientForConfigOrDie(c.Config())
}

// NewUser is a user nobody has had before. On a borrowed cluster it is a service account.
func (c *Cluster) NewUser() (User, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.next++
	if c.External {
		return c.newServiceAccount(c.next)
	}
	if c.next > len(c.users) {
		return User{}, fmt.Errorf("more than %d users were asked for: raise Options.Users", len(c.users))
	}
	return c.users[c.next-1], nil
}

const serviceAccountNamespace = "model-booster-conformance"

func (c *Cluster) newServiceAccount(index int) (User, error) {
	ctx := context.Background()
	name := fmt.Sprintf("controller-%d-%d", time.Now().Unix(), index)
	namespaces := c.Dynamic().Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	_, _ = namespaces.Create(ctx, object("v1", "Namespace", "", serviceAccountNamespace), metav1.CreateOptions{})
	accounts := c.Dynamic().Resource(schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}).
		Namespace(serviceAccountNamespace)
	account, err := accounts.Create(ctx, object("v1", "ServiceAccount", serviceAccountNamespace, name), metav1.CreateOptions{})
	if err != nil {
		return User{}, err
	}
	request := object("authentication.k8s.io/v1", "TokenRequest", "", "")
	_ = unstructured.SetNestedField(request.Object, int64(4*3600), "spec", "expirationSeconds")
	answer, err := accounts.Create(ctx, withName(request, account.GetName()), metav1.CreateOptions{}, "token")
	if err != nil {
		return User{}, err
	}
	token, _, _ := unstructured.NestedString(answer.Object, "status", "token")
	return User{"system:serviceaccount:" + serviceAccountNamespace + ":" + name, token}, nil
}

func object(version, kind, namespace, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": version, "kind": kind}}
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

func withName(o *unstructured.Unstructured, name string) *unstructured.Unstructured {
	o.SetName(name)
	return o
}

// await polls until check succeeds, the process ends or the time is over.
func (c *Cluster) await(what string, process *Process, within time.Duration, check func() error) error {
	deadline := time.After(within)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-process.Done():
			return fmt.Errorf("%s ended: %v\n%s", what, process.Err(), process.Tail(4096))
		case <-deadline:
			return fmt.Errorf("%s not ready within %s: %w\n%s", what, within, err, process.Tail(4096))
		case <-tick.C:
		}
	}
}

func get(client *http.Client, url string) error {
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

func post(url, body string) (string, error) {
	answer, err := http.Post(url, "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, answer.Status, data)
	}
	return string(data), err
}

func between(text, left, right string) (string, bool) {
	data := []byte(text)
	start := bytes.Index(data, []byte(left))
	if start < 0 {
		return "", false
	}
	data = data[start+len(left):]
	end := bytes.Index(data, []byte(right))
	if end < 0 {
		return "", false
	}
	return string(data[:end]), true
}
