package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"time"
)

// headers of a request, as --header gives them.
type headerFlags http.Header

func (h headerFlags) String() string { return "" }

func (h headerFlags) Set(line string) error {
	name, value, found := strings.Cut(line, ":")
	if !found {
		return fmt.Errorf("header %q has no colon", line)
	}
	http.Header(h).Add(name, strings.TrimSpace(value))
	return nil
}

// fetcher is how wget fetches each of its pages.
type fetcher struct {
	client              http.Client
	header              http.Header
	post                string
	show, spider, quiet bool
	// output takes all pages, and name is what it is called; nil is a file each, called after
	// its page.
	output io.Writer
	name   string
}

// wget fetches pages, one after the other. Debian's static busybox has a command of that
// name, which crashes when a connection is refused.
func wget(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("wget", flag.ContinueOnError)
	f := fetcher{header: http.Header{}}
	flags.StringVar(&f.name, "O", "", "file to write to; - is standard output")
	timeout := flags.Int("T", 0, "seconds to wait for an answer")
	flags.BoolVar(&f.quiet, "q", false, "say nothing but the page")
	flags.BoolVar(&f.show, "S", false, "show the answer's headers")
	flags.BoolVar(&f.spider, "spider", false, "only see whether the page is there")
	flags.StringVar(&f.post, "post-data", "", "send a POST request with this body")
	flags.Var(headerFlags(f.header), "header", "header to send: 'Name: value'")
	if err := flags.Parse(split(args)); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("usage: wget [-q] [-S] [-T SECONDS] [-O FILE] [--spider] [--header H] [--post-data D] URL...")
	}
	f.client.Timeout = time.Duration(*timeout) * time.Second
	switch f.name {
	case "":
	case "-":
		f.output = os.Stdout
	default:
		file, err := os.Create(f.name)
		if err != nil {
			return err
		}
		f.output = file
		return errors.Join(f.fetchAll(ctx, flags.Args()), file.Close())
	}
	return f.fetchAll(ctx, flags.Args())
}

// fetchAll fetches all pages, also those after one that fails.
func (f *fetcher) fetchAll(ctx context.Context, urls []string) (failed error) {
	for _, url := range urls {
		failed = errors.Join(failed, f.fetch(ctx, url))
	}
	return failed
}

func (f *fetcher) fetch(ctx context.Context, url string) error {
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	method, body := http.MethodGet, io.Reader(nil)
	if f.post != "" {
		method, body = http.MethodPost, strings.NewReader(f.post)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	request.Header = f.header.Clone()
	request.Host = request.Header.Get("Host")
	response, err := f.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if f.show {
		fmt.Fprintf(os.Stderr, "  HTTP/%d.%d %s\n", response.ProtoMajor, response.ProtoMinor, response.Status)
		_ = response.Header.Write(os.Stderr)
	}
	if response.StatusCode >= 400 {
		return fmt.Errorf("server returned error: %s", response.Status)
	}
	if f.spider {
		return nil
	}
	return f.save(response)
}

// split takes apart what is written together: -qO- and -qO FILE.
func split(args []string) []string {
	var out []string
	for _, arg := range args {
		for strings.HasPrefix(arg, "-q") && len(arg) > 2 {
			out, arg = append(out, "-q"), "-"+arg[2:]
		}
		for _, name := range []string{"-O", "-T"} {
			if strings.HasPrefix(arg, name) && len(arg) > 2 && arg[2] != '=' {
				out, arg = append(out, name), arg[2:]
			}
		}
		out = append(out, arg)
	}
	return out
}

func (f *fetcher) save(response *http.Response) error {
	if f.output != nil {
		return f.write(f.output, f.name, response.Body)
	}
	name := path.Base(response.Request.URL.Path)
	if name == "/" || name == "." {
		name = "index.html"
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(f.write(file, name, response.Body), file.Close())
}

func (f *fetcher) write(output io.Writer, name string, page io.Reader) error {
	size, err := io.Copy(output, page)
	if err == nil && !f.quiet && name != "-" {
		fmt.Fprintf(os.Stderr, "'%s' saved, %d bytes\n", name, size)
	}
	return err
}
