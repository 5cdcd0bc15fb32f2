package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ControllerGroup is the group of every user made for a controller: its requests are audited.
const ControllerGroup = "conformance:controllers"

// User is somebody the API server knows by a bearer token.
type User struct {
	Name  string
	Token string
}

// FreePort is one of 127.0.0.1 that nobody listens at.
func FreePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func randomToken() string {
	data := make([]byte, 24)
	if _, err := rand.Read(data); err != nil {
		panic(err)
	}
	return hex.EncodeToString(data)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// KeyPair makes a self-signed authority and a certificate for 127.0.0.1 and localhost in dir:
// ca.crt, <name>.crt, <name>.key. The CA's PEM text is returned.
func KeyPair(dir, name string) ([]byte, error) {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name + "-ca"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	certificate := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, authority, &key.PublicKey, authorityKey)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	for _, file := range []struct {
		name, kind string
		der        []byte
	}{{"ca.crt", "CERTIFICATE", authorityDER}, {name + ".crt", "CERTIFICATE", der}, {name + ".key", "EC PRIVATE KEY", keyDER}} {
		if err := writePEM(filepath.Join(dir, file.name), file.kind, file.der); err != nil {
			return nil, err
		}
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authorityDER}), nil
}

func writeServiceAccountKey(path string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	return writePEM(path, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}

// writeTokens writes the static token file that kube-apiserver reads once at its start.
func writeTokens(path string, admin User, users []User) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s,%s,%s,\"system:masters\"\n", admin.Token, admin.Name, admin.Name)
	for _, user := range users {
		fmt.Fprintf(&text, "%s,%s,%s,\"%s\"\n", user.Token, user.Name, user.Name, ControllerGroup)
	}
	return os.WriteFile(path, []byte(text.String()), 0o600)
}

// auditPolicy records every request of the controllers' users, with the body of each write.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: Request
  userGroups: ["` + ControllerGroup + `"]
  verbs: ["create", "update", "patch", "delete", "deletecollection"]
  omitStages: ["RequestReceived", "ResponseStarted"]
- level: Metadata
  userGroups: ["` + ControllerGroup + `"]
  omitStages: ["RequestReceived"]
- level: None
`

// Kubeconfig is the text of a configuration file for one user at one address.
func Kubeconfig(server string, authority []byte, user User) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: conformance
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: %s
  user:
    token: %s
contexts:
- name: conformance
  context:
    cluster: conformance
    user: %s
current-context: conformance
`, server, encodeBase64(authority), user.Name, user.Token, user.Name)
}
