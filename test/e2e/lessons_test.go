package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// lessonsLimit is how long all lessons may take on a busy machine.
	lessonsLimit = 55 * time.Minute
	// lessonsAtOnce is how many lessons are played at once: they wait much more than they compute.
	lessonsAtOnce = "10"
	// leftInCluster stands among the lessons for what they left behind together.
	leftInCluster = "all"
)

// playing are the lessons that are played on clusters of their own, from before the first test on: they take the
// longest, and the others need little of the machine. Nil if they are not wanted.
var playing []*playedLessons

// playedLessons are lessons on one cluster, and what came of them.
type playedLessons struct {
	name    string
	cluster *testCluster
	done    chan struct{}
	results []lessonResult
	took    time.Duration
	err     error
}

type lessonResult struct {
	Lesson   string   `json:"lesson"`
	Seconds  float64  `json:"seconds"`
	Problems []string `json:"problems"`
	Times    []struct {
		Part    string  `json:"part"`
		Seconds float64 `json:"seconds"`
	} `json:"times"`
}

// playLessons begins to play the lessons that LESSONS asks for: all, or a part of them, such as 2/3. Without it they
// are some that prove the player, the checks, the resets, a puzzle and an exam. Those that kill nodes and stop
// components are played one after the other on a cluster of theirs, beside the others.
func playLessons(ctx context.Context) []*playedLessons {
	test, lesson, one := strings.Cut(flag.Lookup("test.run").Value.String(), "/")
	if wanted, err := regexp.MatchString(test, "TestLessons"); err != nil || !wanted {
		return nil
	}
	if lesson = strings.Trim(lesson, "^$"); one && lesson != leftInCluster {
		// As a lesson that failed is played once more.
		return []*playedLessons{play(ctx, "lesson", []string{lesson})}
	}
	together := []string{"--parallel", lessonsAtOnce}
	switch wanted := os.Getenv("LESSONS"); wanted {
	case "":
		some := []string{"first-pod", "labels", "deployments", "services", "configmaps", "jobs", "no-room", "silent-crash", "etcd-keys", "spread", "runtime", "exam-ckad"}
		return []*playedLessons{play(ctx, "lessons", append(together, some...))}
	case "all":
		together = append(together, "--all")
	default:
		together = append(together, "--all", "--part", wanted)
	}
	return []*playedLessons{
		play(ctx, "lessons", append(together, "--only", "together")),
		play(ctx, "alone", append(together, "--only", "alone")),
	}
}

func play(ctx context.Context, name string, arguments []string) *playedLessons {
	p := &playedLessons{name: name, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		began := time.Now()
		if p.cluster, p.err = startCluster(name, 3); p.err == nil {
			p.results, p.err = p.play(ctx, arguments)
		}
		p.took = time.Since(began)
		if p.err != nil {
			p.err = fmt.Errorf("%w\n%s", p.err, p.cluster.messages())
		}
		p.err = errors.Join(p.err, p.cluster.stop(syscall.SIGTERM), os.RemoveAll(p.cluster.dir))
	}()
	return p
}

// play plays lessons. Their problems are in the results.
func (p *playedLessons) play(ctx context.Context, arguments []string) (results []lessonResult, err error) {
	ctx, cancel := context.WithTimeout(ctx, lessonsLimit)
	defer cancel()
	cmd := p.cluster.command(ctx, append([]string{"lesson", "test", "-o", "json"}, arguments...)...)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, failed := cmd.Output()
	err = json.Unmarshal(out, &results)
	if slices.ContainsFunc(results, func(r lessonResult) bool { return len(r.Problems) > 0 }) {
		// That is why it failed, and told by the tests of the lessons.
		failed = nil
	}
	if err := errors.Join(failed, err); err != nil {
		return results, fmt.Errorf("lesson test: %w\n%s", err, problems.String())
	}
	return results, nil
}

// TestLessons tells what came of the lessons that are played from their own data, and that nothing is left of any.
func TestLessons(t *testing.T) {
	t.Parallel()
	for _, p := range playing {
		<-p.done
		if p.err != nil {
			t.Errorf("%s: %v", p.name, p.err)
		}
		sum, parts := 0.0, map[string]int{}
		for _, r := range p.results {
			for _, part := range r.Times {
				sum += part.Seconds
				parts[part.Part] += int(part.Seconds)
			}
			// A test each: those that fail are named, and they alone are played once more.
			t.Run(r.Lesson, func(t *testing.T) {
				for _, problem := range r.Problems {
					t.Error(problem)
				}
				t.Logf("%.0f s", r.Seconds)
			})
		}
		if sum == 0 {
			t.Error("lesson test does not tell where the time went")
		}
		t.Logf("%s: %d lessons, %.0f s of them in %s; seconds by part: %v", p.name, len(p.results), sum, p.took.Round(time.Second), parts)
	}
}
