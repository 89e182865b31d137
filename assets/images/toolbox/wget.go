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

// wget fetches a page. Debian's static busybox has a command of that name, which
// crashes when a connection is refused.
func wget(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("wget", flag.ContinueOnError)
	output := flags.String("O", "", "file to write to; - is standard output")
	quiet := flags.Bool("q", false, "say nothing but the page")
	show := flags.Bool("S", false, "show the answer's headers")
	timeout := flags.Int("T", 0, "seconds to wait for an answer")
	spider := flags.Bool("spider", false, "only see whether the page is there")
	post := flags.String("post-data", "", "send a POST request with this body")
	header := headerFlags{}
	flags.Var(header, "header", "header to send: 'Name: value'")
	if err := flags.Parse(split(args)); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("usage: wget [-q] [-S] [-T SECONDS] [-O FILE] [--spider] [--header H] [--post-data D] URL")
	}
	url := flags.Arg(0)
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	method, body := http.MethodGet, io.Reader(nil)
	if *post != "" {
		method, body = http.MethodPost, strings.NewReader(*post)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	request.Header = http.Header(header)
	request.Host = request.Header.Get("Host")
	client := &http.Client{Timeout: time.Duration(*timeout) * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if *show {
		fmt.Fprintf(os.Stderr, "  HTTP/%d.%d %s\n", response.ProtoMajor, response.ProtoMinor, response.Status)
		_ = response.Header.Write(os.Stderr)
	}
	if response.StatusCode >= 400 {
		return fmt.Errorf("server returned error: %s", response.Status)
	}
	if *spider {
		return nil
	}
	return save(response, *output, *quiet)
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

func save(response *http.Response, output string, quiet bool) error {
	if output == "-" {
		_, err := io.Copy(os.Stdout, response.Body)
		return err
	}
	if output == "" {
		if output = path.Base(response.Request.URL.Path); output == "/" || output == "." {
			output = "index.html"
		}
	}
	file, err := os.Create(output)
	if err != nil {
		return err
	}
	size, err := io.Copy(file, response.Body)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if !quiet {
		fmt.Fprintf(os.Stderr, "'%s' saved, %d bytes\n", output, size)
	}
	return nil
}
