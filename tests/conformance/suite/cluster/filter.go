package cluster

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync"

	"k8s.io/client-go/rest"
)

// Filter passes requests on to the API server, and answers some of them itself, as an overloaded server does.
type Filter struct {
	URL       string
	Authority []byte

	server *http.Server
	proxy  *httputil.ReverseProxy
	mutex  sync.Mutex
	refuse func(*http.Request) bool
}

// NewFilter listens on a free port of 127.0.0.1; its certificate lies in dir.
func (c *Cluster) NewFilter(dir string) (*Filter, error) {
	target, err := url.Parse(c.Server)
	if err != nil {
		return nil, err
	}
	authority, err := KeyPair(dir, "filter")
	if err != nil {
		return nil, err
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "filter.crt"), filepath.Join(dir, "filter.key"))
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(c.config)) // who asks says so in the request
	if err != nil {
		return nil, err
	}
	f := &Filter{URL: "https://" + listener.Addr().String(), Authority: authority, proxy: httputil.NewSingleHostReverseProxy(target)}
	f.proxy.Transport = transport
	f.proxy.FlushInterval = -1 // watches
	f.server = &http.Server{Handler: f, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	go func() { _ = f.server.ServeTLS(listener, "", "") }()
	return f, nil
}

// ServeHTTP implements http.Handler.
func (f *Filter) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	f.mutex.Lock()
	refuse := f.refuse
	f.mutex.Unlock()
	if refuse == nil || !refuse(request) {
		f.proxy.ServeHTTP(w, request)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"ServiceUnavailable","message":"the filter refuses","code":503}`)
}

// Refuse answers requests of a kind with 503 from now on; nil: none.
func (f *Filter) Refuse(which func(*http.Request) bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.refuse = which
}

// Close ends the filter, and what it carries.
func (f *Filter) Close() { f.server.Close() }
