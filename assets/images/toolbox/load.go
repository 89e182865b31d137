package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// maxRate is more than one program can send.
const maxRate = 100_000

// load sends requests at a rate, and says each second how it went.
type load struct {
	url      string
	rate     int
	workers  int
	duration time.Duration

	good, bad atomic.Int64
}

func (l *load) run(ctx context.Context) error {
	if l.url == "" || l.rate < 1 || l.rate > maxRate || l.workers < 1 {
		return fmt.Errorf("load needs --url, --rps of 1 to %d, and --workers of at least 1", maxRate)
	}
	if l.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.duration)
		defer cancel()
	}
	// A connection of its own for each request, so that a service spreads them.
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	turns := make(chan struct{})
	var workers sync.WaitGroup
	for range l.workers {
		workers.Go(func() {
			for range turns {
				l.request(ctx, client)
			}
		})
	}
	l.pace(ctx, turns)
	close(turns)
	workers.Wait()
	fmt.Printf("done: %d answered, %d failed\n", l.good.Load(), l.bad.Load())
	return nil
}

func (l *load) pace(ctx context.Context, turns chan<- struct{}) {
	ticks, report := time.NewTicker(time.Second/time.Duration(l.rate)), time.NewTicker(time.Second)
	defer ticks.Stop()
	defer report.Stop()
	for {
		select {
		case <-ticks.C:
			select {
			case turns <- struct{}{}:
			case <-ctx.Done():
				return
			}
		case <-report.C:
			fmt.Printf("%d answered, %d failed\n", l.good.Load(), l.bad.Load())
		case <-ctx.Done():
			return
		}
	}
}

func (l *load) request(ctx context.Context, client *http.Client) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	if err == nil {
		var response *http.Response
		if response, err = client.Do(request); err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if err == nil && response.StatusCode >= 500 {
				err = errors.New(response.Status)
			}
		}
	}
	switch {
	case err == nil:
		l.good.Add(1)
	case ctx.Err() == nil:
		l.bad.Add(1)
	}
}
