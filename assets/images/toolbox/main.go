// Command toolbox is the program in the bundled images: a web server that says who
// answers, a load generator, and things that go wrong on request.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const usage = `usage: toolbox COMMAND [flags]

  serve        answer HTTP requests with this pod's name, node and version
  load         send requests and count the answers
  crash        run for a while, then exit with a code
  eat-memory   allocate memory and hold it
  eat-cpu      keep processors busy
  nslookup     ask DNS for a name or an address
  wget         fetch a page
  sleep        do nothing until told to stop
`

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	args := os.Args[1:]
	// The image has links of these names.
	if name := filepath.Base(os.Args[0]); name == "nslookup" || name == "wget" {
		args = append([]string{name}, args...)
	}
	err := run(ctx, args)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "toolbox:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New(strings.TrimSpace(usage))
	}
	flags := flag.NewFlagSet("toolbox "+args[0], flag.ExitOnError)
	switch args[0] {
	case "serve":
		address := flags.String("listen", ":8080", "address to listen on")
		_ = flags.Parse(args[1:])
		return serve(ctx, *address)
	case "load":
		l := load{}
		flags.StringVar(&l.url, "url", "", "what to request")
		flags.IntVar(&l.rate, "rps", 10, "requests a second, of all workers")
		flags.IntVar(&l.workers, "workers", 4, "how many send side by side")
		flags.DurationVar(&l.duration, "duration", 0, "how long; 0 is until stopped")
		_ = flags.Parse(args[1:])
		return l.run(ctx)
	case "crash":
		after := flags.Duration("after", 5*time.Second, "how long to run first")
		code := flags.Int("exit-code", 1, "the code to exit with")
		_ = flags.Parse(args[1:])
		fmt.Printf("all is well, for %v\n", *after)
		if sleep(ctx, *after) {
			fmt.Fprintf(os.Stderr, "something went wrong: exit code %d\n", *code)
			os.Exit(*code)
		}
		return nil
	case "eat-memory":
		mib := flags.Int("mib", 64, "how much")
		rate := flags.Int("rate", 16, "MiB a second")
		_ = flags.Parse(args[1:])
		return eatMemory(ctx, *mib, *rate)
	case "eat-cpu":
		cores := flags.Int("cores", 1, "how many processors")
		_ = flags.Parse(args[1:])
		eatCPU(ctx, *cores)
		return nil
	case "nslookup":
		return nslookup(ctx, args[1:])
	case "wget":
		return wget(ctx, args[1:])
	case "sleep":
		<-ctx.Done()
		return nil
	default:
		return fmt.Errorf("there is no command %q\n%s", args[0], strings.TrimSpace(usage))
	}
}

// sleep reports whether it slept through.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func eatMemory(ctx context.Context, mib, rate int) error {
	if rate < 1 {
		return errors.New("--rate must be at least 1")
	}
	var held [][]byte
	for i := range mib {
		block := make([]byte, 1<<20)
		for offset := 0; offset < len(block); offset += os.Getpagesize() {
			block[offset] = 1
		}
		held = append(held, block)
		if (i+1)%rate == 0 {
			fmt.Printf("holding %d MiB\n", i+1)
			if !sleep(ctx, time.Second) {
				return nil
			}
		}
	}
	fmt.Printf("holding %d MiB\n", mib)
	<-ctx.Done()
	runtime.KeepAlive(held)
	return nil
}

func eatCPU(ctx context.Context, cores int) {
	fmt.Printf("keeping %d processors busy\n", cores)
	for range cores {
		go func() {
			for ctx.Err() == nil {
				for range 1_000_000 {
				}
			}
		}()
	}
	<-ctx.Done()
}
