package assets

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/klauspost/compress/zstd"
)

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// packed is what a program with these helper programs would embed.
func packed(t *testing.T, programs map[string]string) fstest.MapFS {
	t.Helper()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	files, sums := fstest.MapFS{}, map[string]string{}
	for name, content := range programs {
		files[name+".zst"] = &fstest.MapFile{Data: encoder.EncodeAll([]byte(content), nil)}
		sums[name] = sumOf([]byte(content))
	}
	list, err := json.Marshal(sums)
	if err != nil {
		t.Fatal(err)
	}
	files["SHA256.json"] = &fstest.MapFile{Data: list}
	return files
}

// layoutOf is what a program with these blobs would embed.
func layoutOf(blobs ...string) fstest.MapFS {
	files := fstest.MapFS{"index.json": {Data: []byte("{}")}}
	for _, blob := range blobs {
		files["blobs/sha256/"+sumOf([]byte(blob))] = &fstest.MapFile{Data: []byte(blob)}
	}
	return files
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return strings.Join(all, " ")
}

func TestWhatIsNotRightIsReplaced(t *testing.T) {
	const right = "the program"
	for label, spoil := range map[string]func(file string) error{
		"absent":         func(string) error { return nil },
		"another":        func(file string) error { return os.WriteFile(file, []byte("no program"), 0o755) },
		"same size":      func(file string) error { return os.WriteFile(file, []byte("the PROGRAM"), 0o755) },
		"torn":           func(file string) error { return os.WriteFile(file, []byte("the"), 0o755) },
		"not executable": func(file string) error { return os.WriteFile(file, []byte(right), 0o644) },
		"setuid": func(file string) error {
			return errors.Join(os.WriteFile(file, []byte(right), 0o755), os.Chmod(file, 0o755|fs.ModeSetuid))
		},
		"a link": func(file string) error {
			elsewhere := filepath.Join(filepath.Dir(file), "..", "elsewhere")
			return errors.Join(os.WriteFile(elsewhere, []byte(right), 0o755), os.Symlink(elsewhere, file))
		},
	} {
		t.Run(label, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "bin")
			file := filepath.Join(dir, "runc")
			if err := errors.Join(os.Mkdir(dir, 0o700), spoil(file)); err != nil {
				t.Fatal(err)
			}
			if err := unpackPrograms(t.Context(), packed(t, map[string]string{"runc": right}), dir); err != nil {
				t.Fatal(err)
			}
			info, err := os.Lstat(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, file); got != right || info.Mode() != 0o755 {
				t.Errorf("%q, %v, want %q, executable", got, info.Mode(), right)
			}
			if all := names(t, dir); all != "runc" {
				t.Errorf("there are %s", all)
			}
		})
	}
}

// A program that runs can't be written, and a start is quick, because what is right is
// not touched.
// TestOneProgramIsMended proves that one is replaced, and that neither the others nor what
// another start is writing is touched.
func TestOneProgramIsMended(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"init", "runc", ".new-1"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("another"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	source := packed(t, map[string]string{"init": "the init", "runc": "the runc"})
	if err := unpackOne(source, dir, "init"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"init": "the init", "runc": "another", ".new-1": "another"} {
		if got := read(t, filepath.Join(dir, name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if err := unpackOne(source, dir, "unheard-of"); err == nil {
		t.Error("a program that is not there was unpacked")
	}
}

func TestWhatIsRightStays(t *testing.T) {
	dir := t.TempDir()
	files, blob := packed(t, map[string]string{"runc": "the program"}), "a layer"
	unpack := func() {
		t.Helper()
		_, err := unpackImages(t.Context(), layoutOf(blob), dir)
		if err := errors.Join(err, unpackPrograms(t.Context(), files, dir)); err != nil {
			t.Fatal(err)
		}
	}
	unpack()
	old := time.Unix(1, 0)
	unpacked := []string{filepath.Join(dir, "runc"), filepath.Join(dir, "blobs", "sha256", sumOf([]byte(blob)))}
	for _, file := range unpacked {
		if err := os.Chtimes(file, old, old); err != nil {
			t.Fatal(err)
		}
	}
	unpack()
	for _, file := range unpacked {
		if info, err := os.Stat(file); err != nil || !info.ModTime().Equal(old) {
			t.Errorf("%s was written again: %v, %v", file, info, err)
		}
	}
}

func TestADamagedProgramIsNotUnpacked(t *testing.T) {
	files := packed(t, map[string]string{"runc": "the program"})
	files["runc.zst"] = packed(t, map[string]string{"runc": "the pr0gram"})["runc.zst"]
	dir := t.TempDir()
	if err := unpackPrograms(t.Context(), files, dir); !errors.Is(err, errDamaged) {
		t.Errorf("error %v, want %v", err, errDamaged)
	}
	if all := names(t, dir); all != "" {
		t.Errorf("there are %s", all)
	}
}

func TestADamagedBlobIsMended(t *testing.T) {
	dir, blob := t.TempDir(), "a layer"
	file := filepath.Join(dir, "blobs", "sha256", sumOf([]byte(blob)))
	for range 2 {
		if _, err := unpackImages(t.Context(), layoutOf(blob), dir); err != nil {
			t.Fatal(err)
		}
		if got := read(t, file); got != blob {
			t.Fatalf("the blob is %q, want %q", got, blob)
		}
		if err := os.WriteFile(file, []byte("A LAYER"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bad := layoutOf(blob)
	bad["blobs/sha256/"+sumOf([]byte(blob))].Data = []byte("a l4yer")
	if _, err := unpackImages(t.Context(), bad, t.TempDir()); !errors.Is(err, errDamaged) {
		t.Errorf("error %v, want %v", err, errDamaged)
	}
}

func TestLeftoversOfAnInterruptedStartGo(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".new-123"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unpackPrograms(t.Context(), packed(t, map[string]string{"runc": "the program"}), dir); err != nil {
		t.Fatal(err)
	}
	if all := names(t, dir); all != "runc" {
		t.Errorf("there are %s", all)
	}
}

func TestAProgramWithoutAssetsSaysSo(t *testing.T) {
	if err := unpackPrograms(t.Context(), fstest.MapFS{}, t.TempDir()); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("error %v, want %v", err, ErrNotBuilt)
	}
	if _, err := unpackImages(t.Context(), fstest.MapFS{}, t.TempDir()); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("error %v, want %v", err, ErrNotBuilt)
	}
}

func TestUnpackingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := unpackPrograms(ctx, packed(t, map[string]string{"runc": "the program"}), t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

// The real ones: static, so that they run in a root file system of any make, and with
// what pods ask of them.
func TestTheHelperProgramsRun(t *testing.T) {
	dir := t.TempDir()
	if err := Unpack(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	const want = "containerd-shim-runc-v2 host-local kubarium-node-init portmap ptp runc tuning"
	if all := names(t, dir); all != want {
		t.Errorf("there are %s, want %s", all, want)
	}
	for _, name := range strings.Fields(want) {
		file, err := elf.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if libraries, err := file.ImportedLibraries(); err != nil || len(libraries) > 0 || file.Section(".interp") != nil {
			t.Errorf("%s is not static: %v, %v", name, libraries, err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
	for program, c := range map[string]struct{ flag, output string }{
		"runc":                    {"--version", "libseccomp:"},
		"containerd-shim-runc-v2": {"-v", "containerd-shim-runc-v2"},
	} {
		output, err := exec.CommandContext(t.Context(), filepath.Join(dir, program), c.flag).CombinedOutput()
		if err != nil || !strings.Contains(string(output), c.output) {
			t.Errorf("%s %s: %v: %s, want %q in it", program, c.flag, err, output, c.output)
		}
	}
	// A CNI plugin says in its own protocol which versions it speaks.
	for _, plugin := range []string{"host-local", "portmap", "ptp", "tuning"} {
		command := exec.CommandContext(t.Context(), filepath.Join(dir, plugin))
		command.Env = []string{"CNI_COMMAND=VERSION"}
		command.Stdin = strings.NewReader(`{"cniVersion":"1.0.0"}`)
		output, err := command.Output()
		if err != nil || !strings.Contains(string(output), `"1.0.0"`) {
			t.Errorf("%s: %v: %s", plugin, err, output)
		}
	}
}
