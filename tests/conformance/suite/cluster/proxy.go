package cluster

import (
	"io"
	"net"
	"net/url"
	"sync"
)

// Proxy passes TCP connections on to the API server and can cut them, as a network does.
type Proxy struct {
	URL string

	listener    net.Listener
	target      string
	mutex       sync.Mutex
	cut         bool
	connections map[net.Conn]struct{}
}

// NewProxy listens on a free port of 127.0.0.1.
func (c *Cluster) NewProxy() (*Proxy, error) {
	target, err := url.Parse(c.Server)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{URL: "https://" + listener.Addr().String(), listener: listener, target: target.Host,
		connections: map[net.Conn]struct{}{}}
	go p.accept()
	return p, nil
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil || !p.keep(client, server) {
			client.Close()
			if server != nil {
				server.Close()
			}
			continue
		}
		go p.pump(client, server)
		go p.pump(server, client)
	}
}

func (p *Proxy) keep(connections ...net.Conn) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.cut {
		return false
	}
	for _, connection := range connections {
		p.connections[connection] = struct{}{}
	}
	return true
}

func (p *Proxy) pump(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	to.Close()
	from.Close()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.connections, to)
	delete(p.connections, from)
}

// Cut closes every connection; new ones are closed at once until Mend.
func (p *Proxy) Cut() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.cut = true
	for connection := range p.connections {
		connection.Close()
	}
}

// Mend lets connections through again.
func (p *Proxy) Mend() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.cut = false
}

// Close ends the proxy.
func (p *Proxy) Close() {
	p.listener.Close()
	p.Cut()
}
