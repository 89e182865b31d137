package support

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	for _, c := range []struct{ text, hidden string }{
		{"-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----", "MHcCAQEE"},
		{"-----BEGIN PRIVATE KEY-----\nMHcCAQEE", "MHcCAQEE"},
		{"eyJhbGciOiJSUzI1NiIs.eyJpc3MiOiJrdWJlcm5l.c2lnbmF0dXJl", "eyJ"},
		{"LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0t", "LS0tLS1"},
		{"Authorization: Bearer abcdefghijkl", "abcdefghijkl"},
		{"token=abc123def456", "abc123def456"},
		{"abcdef.0123456789abcdef", "0123456789abcdef"},
		{`"password":"hunter22"`, "hunter22"},
		{`"password": "correct horse"`, "horse"},
		{`body="{\"password\":\"hunter22\",\"user\":\"anna\"}"`, "hunter22"},
		{`err="answer \"{\\\"token\\\": \\\"abc123def456\\\"}\""`, "abc123def456"},
		{`headers="map[authorization:\"Basic YW5uYTpzZWNyZXQ=\"]"`, "YW5uYTpzZWNyZXQ="},
	} {
		got := string(Redact([]byte("before " + c.text + "\nafter")))
		if !strings.Contains(c.text, c.hidden) || strings.Contains(got, c.hidden) {
			t.Errorf("of %q, this is told: %q", c.text, got)
		}
		if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, "\nafter") && !strings.HasPrefix(c.text, "-----BEGIN PRIVATE") {
			t.Errorf("too much was taken: %q", got)
		}
	}
	if got := string(Redact([]byte(`{"password":"hunter22","user":"anna"}`))); got != `{"password":"(left out)","user":"anna"}` {
		t.Errorf("what is around a password becomes %s", got)
	}
	const harmless = "I1121 node-1 pulled kubarium/web:1.0 in 0.3s, digest sha256:00ff"
	if got := string(Redact([]byte(harmless))); got != harmless {
		t.Errorf("a harmless line became %q", got)
	}
}

// FuzzRedact looks for texts in which a key is left, or a password in JSON that was quoted
// some times.
func FuzzRedact(f *testing.F) {
	f.Add("a", "b", uint8(0))
	f.Add("-----BEGIN", "token: ", uint8(1))
	f.Add("token=", "'", uint8(2))
	f.Fuzz(func(t *testing.T, before, after string, quoted uint8) {
		body := `{"user":"anna","password":"hunter 22"}`
		for range quoted % 4 {
			body = strconv.Quote(body)
		}
		if got := string(Redact([]byte(before + body + after))); strings.Contains(got, "hunter") || strings.Contains(got, "r 22") {
			t.Errorf("%s between %q and %q becomes %s", body, before, after, got)
		}
		const key = "-----BEGIN EC PRIVATE KEY-----\nTm90UmVhbGx5QUtleQ\n-----END EC PRIVATE KEY-----"
		if strings.Contains(string(Redact([]byte(before+key+after))), "Tm90UmVhbGx5QUtleQ") {
			t.Errorf("the key between %q and %q is left", before, after)
		}
	})
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"etcd.log": "hello", "node-1/kubelet.log": "token=abc123def456", "ca.key": "no log"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/shadow", filepath.Join(dir, "shadow.log")); err != nil {
		t.Fatal(err)
	}
	var bundle bytes.Buffer
	err := Write(t.Context(), &bundle, dir, []Source{{"version.txt", func(_ context.Context, to io.Writer) error {
		_, _ = io.WriteString(to, "1.0")
		return errors.New("the rest is missing")
	}}})
	if err != nil {
		t.Fatal(err)
	}
	found := list(t, &bundle)
	want := map[string]string{
		"kubarium-support/version.txt":             "1.0\nnot complete: the rest is missing\n",
		"kubarium-support/logs/etcd.log":           "hello",
		"kubarium-support/logs/node-1/kubelet.log": "token=(left out)",
	}
	if len(found) != len(want) {
		t.Errorf("the bundle has %v", found)
	}
	for name, content := range want {
		if found[name] != content {
			t.Errorf("%s is %q, want %q", name, found[name], content)
		}
	}
}

// TestLinksAreNotRead proves that a log which becomes a link after it was found is not read.
func TestLinksAreNotRead(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(outside, []byte("root:*"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "kubelet.log")); err != nil {
		t.Fatal(err)
	}
	logs, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	if content, err := readEnd(logs, "kubelet.log"); err == nil {
		t.Errorf("the link was followed to %q", content)
	}
}

func list(t *testing.T, bundle io.Reader) map[string]string {
	t.Helper()
	plain, err := gzip.NewReader(bundle)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for archive := tar.NewReader(plain); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		found[header.Name] = string(content)
	}
}
