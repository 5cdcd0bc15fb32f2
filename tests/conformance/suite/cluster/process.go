package cluster

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a child process with its output in a file. It dies with this process.
type Process struct {
	Name string
	Log  string // path of the file that holds stdout and stderr

	command *exec.Cmd
	log     *os.File
	done    chan struct{}
	mutex   sync.Mutex
	err     error
}

// StartProcess runs a program; its output is appended to dir/name.log.
func StartProcess(dir, name string, argv []string, environment ...string) (*Process, error) {
	path := filepath.Join(dir, name+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	command := exec.Command(argv[0], argv[1:]...)
	command.Stdout, command.Stderr = log, log
	command.Env = append(os.Environ(), environment...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		log.Close()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	process := &Process{Name: name, Log: path, command: command, log: log, done: make(chan struct{})}
	go process.reap()
	return process, nil
}

func (p *Process) reap() {
	err := p.command.Wait()
	p.mutex.Lock()
	p.err = err
	p.mutex.Unlock()
	p.log.Close()
	close(p.done)
}

// PID of the process, also after it has ended.
func (p *Process) PID() int { return p.command.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running says whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Err is how the process ended: nil for exit status 0.
func (p *Process) Err() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.err
}

// Kill sends SIGKILL and waits for the end.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	<-p.done
}

// Terminate sends SIGTERM and waits at most within; then it kills and says so.
func (p *Process) Terminate(within time.Duration) error {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return p.Err()
	case <-time.After(within):
		p.Kill()
		return fmt.Errorf("%s did not end within %s of SIGTERM", p.Name, within)
	}
}

// Memory is RssAnon and VmRSS in KiB; zeros when the process has ended.
func (p *Process) Memory() (anonymous, resident int64) {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	for _, line := range strings.Split(string(data), "\n") {
		_, _ = fmt.Sscanf(line, "RssAnon: %d kB", &anonymous)
		_, _ = fmt.Sscanf(line, "VmRSS: %d kB", &resident)
	}
	return anonymous, resident
}

// Output is everything the process has written.
func (p *Process) Output() string {
	data, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// Tail is the end of what the process has written, at most n bytes, from the start of a line.
func (p *Process) Tail(n int64) string {
	file, err := os.Open(p.Log)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > n {
		_, _ = file.Seek(-n, io.SeekEnd)
	}
	data, _ := io.ReadAll(file)
	text := string(data)
	if int64(len(data)) == n {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}
