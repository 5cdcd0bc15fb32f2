package cluster

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"sync"
	"time"
)

func encodeBase64(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

// Request is one request of a controller's user as the API server saw it.
type Request struct {
	User, Verb, URI              string
	Group, Resource, Subresource string
	Namespace, Name              string
	UserAgent                    string
	Code                         int
	Message                      string // of a refusal
	Stage                        string
	Received, Answered           time.Time
	Body                         json.RawMessage // of writes
}

// Write says whether the request changes something when it is accepted.
func (r Request) Write() bool {
	switch r.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return true
	}
	return false
}

// Kind is the resource, with the subresource when there is one: "modelboosters/status".
func (r Request) Kind() string {
	if r.Subresource == "" {
		return r.Resource
	}
	return r.Resource + "/" + r.Subresource
}

// Audit reads the API server's audit log as it grows. Safe for use by several goroutines.
type Audit struct {
	path   string
	mutex  sync.Mutex
	offset int64
	rest   []byte
	byUser map[string][]Request
}

func newAudit(path string) *Audit {
	return &Audit{path: path, byUser: map[string][]Request{}}
}

type auditLine struct {
	Stage          string
	Verb           string
	RequestURI     string
	UserAgent      string
	User           struct{ Username string }
	ObjectRef      struct{ APIGroup, Resource, Subresource, Namespace, Name string }
	ResponseStatus struct {
		Code    int
		Message string
	}
	RequestObject  json.RawMessage
	Received       time.Time `json:"requestReceivedTimestamp"`
	StageTimestamp time.Time
}

// Requests of one user so far, in the order of their answers. A watch is listed once, when it starts.
func (a *Audit) Requests(user string) []Request {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.read()
	return append([]Request(nil), a.byUser[user]...)
}

// read takes in what the log has gained. A line cut short by a killed server is dropped.
func (a *Audit) read() {
	file, err := os.Open(a.path)
	if err != nil {
		return
	}
	defer file.Close()
	if _, err := file.Seek(a.offset, io.SeekStart); err != nil {
		return
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return
	}
	a.offset += int64(len(data))
	data = append(a.rest, data...)
	for {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			break
		}
		a.take(data[:end])
		data = data[end+1:]
	}
	a.rest = append([]byte(nil), data...)
}

func (a *Audit) take(text []byte) {
	var line auditLine
	if json.Unmarshal(text, &line) != nil {
		return
	}
	if line.Verb == "watch" && line.Stage != "ResponseStarted" && line.ResponseStatus.Code == 200 {
		return
	}
	if line.Verb != "watch" && line.Stage == "ResponseStarted" {
		return
	}
	a.byUser[line.User.Username] = append(a.byUser[line.User.Username], Request{
		User: line.User.Username, Verb: line.Verb, URI: line.RequestURI,
		Group: line.ObjectRef.APIGroup, Resource: line.ObjectRef.Resource, Subresource: line.ObjectRef.Subresource,
		Namespace: line.ObjectRef.Namespace, Name: line.ObjectRef.Name,
		UserAgent: line.UserAgent, Code: line.ResponseStatus.Code, Message: line.ResponseStatus.Message, Stage: line.Stage,
		Received: line.Received, Answered: line.StageTimestamp, Body: line.RequestObject,
	})
}
