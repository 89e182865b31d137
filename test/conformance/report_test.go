package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2/types"
)

func spec(name string, state types.SpecState, message string) types.SpecReport {
	return types.SpecReport{
		LeafNodeType: types.NodeTypeIt, LeafNodeText: name, State: state, RunTime: time.Second,
		Failure: types.Failure{Message: message},
	}
}

// TestResults proves that each outcome is counted once, that a test which nobody asked
// for is none, and that a failure outside of the tests is not lost.
func TestResults(t *testing.T) {
	setup := spec("", types.SpecStateFailed, "no nodes")
	setup.LeafNodeType = types.NodeTypeSynchronizedBeforeSuite
	cleanup := spec("", types.SpecStatePassed, "")
	cleanup.LeafNodeType = types.NodeTypeSynchronizedAfterSuite
	data, err := json.Marshal([]types.Report{{RunTime: time.Minute, SpecReports: types.SpecReports{
		setup, cleanup,
		spec("[sig-node] Pods run", types.SpecStatePassed, ""),
		spec("[sig-node] Pods fail", types.SpecStateFailed, "too late\nby far"),
		spec("[sig-apps] Jobs hang", types.SpecStateTimedout, "hung"),
		spec("[sig-apps] Jobs on ARM", types.SpecStateSkipped, "needs ARM"),
		spec("[sig-apps] not asked for", types.SpecStateSkipped, ""),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), reportName)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := readReport(file)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r.print(&out)
	for _, want := range []string{
		"SKIPPED  [sig-apps] Jobs on ARM\n         needs ARM\n", "FAILED  [sig-node] Pods fail\n         too late by far\n",
		"FAILED  SynchronizedBeforeSuite\n         no nodes\n", "1 passed, 3 failed, 1 skipped in 1m0s\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if err := r.write(file, "kubarium version 1.0"); err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := "Program: kubarium version 1.0\n\n| area |"; !strings.HasPrefix(string(table), want) {
		t.Errorf("no %q at the begin of:\n%s", want, table)
	}
	if want := "| sig-apps | 0 | 1 | 1 |\n| sig-node | 1 | 1 | 0 |\n| all | 1 | 2 | 1 |\n"; !strings.Contains(string(table), want) {
		t.Errorf("no %q in:\n%s", want, table)
	}
}

// TestNothingThatRanIsNoPass proves that a choice that no test fits is an error.
func TestNothingThatRanIsNoPass(t *testing.T) {
	one := []outcome{{name: "[sig-node] Pods run"}}
	if err := (results{passed: one}).verdict(nil); err != nil {
		t.Error(err)
	}
	for _, r := range []results{{}, {skipped: one}} {
		if err := r.verdict(nil); err == nil || !strings.Contains(err.Error(), "-focus") {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if err := (results{failed: one}).verdict(errors.New("exit status 1")); err == nil || !strings.Contains(err.Error(), "1 of 1 failed") {
		t.Errorf("of a failure: %v", err)
	}
}
