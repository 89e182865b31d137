package invocation

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// commands is a program with a flag of each kind, and arguments of each.
func commands() *cobra.Command {
	root := &cobra.Command{Use: "program", SilenceErrors: true, SilenceUsage: true}
	root.PersistentFlags().String("name", "", "")
	nothing := func(*cobra.Command, []string) error { return nil }
	up := &cobra.Command{Use: "up", Args: cobra.NoArgs, RunE: nothing}
	up.Flags().IntP("nodes", "n", 3, "")
	up.Flags().Bool("plain", false, "")
	up.Flags().Duration("for", time.Second, "")
	up.Flags().StringSlice("disable", nil, "")
	node := &cobra.Command{Use: "node"}
	node.AddCommand(&cobra.Command{Use: "stop NODE", Args: cobra.ExactArgs(1), RunE: nothing})
	hold := &cobra.Command{Use: "hold RULE", Args: cobra.ExactArgs(1), RunE: nothing}
	hold.AddCommand(&cobra.Command{Use: "list", Args: cobra.NoArgs, RunE: nothing})
	root.AddCommand(up, node, hold)
	Explain(root)
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	return root
}

func TestExplain(t *testing.T) {
	for line, want := range map[string]string{
		"up --nodes=x":    "--nodes is \"x\": use a whole number",
		"up -n x":         "--nodes is \"x\": use a whole number",
		"up --for later":  "--for is \"later\": use a duration such as 30s or 5m",
		"up --plain=so":   "--plain is \"so\": use true or false",
		"up here":         "'program up' takes no arguments, and was given \"here\": see 'program up --help'",
		"upp":             "unknown command \"upp\" for \"program\" (is it \"up\"?): see 'program --help'",
		"node stop":       "'program node stop' takes NODE, and was given nothing: see 'program node stop --help'",
		"node stopp":      "unknown command \"stopp\" for \"program node\" (is it \"stop\"?): see 'program node --help'",
		"hold a b":        "'program hold' takes RULE, and was given \"a b\": see 'program hold --help'",
		"up --a\nb":       "unknown flag: --a b: see 'program up --help'",
		"help up nowhere": "there is no command \"up nowhere\": see 'kubarium --help'",
	} {
		root := commands()
		root.SetArgs(strings.Split(line, " "))
		if err := root.ExecuteContext(context.Background()); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", line, err, want)
		}
	}
}

// FuzzExplain types anything: what is said of it is one line.
func FuzzExplain(f *testing.F) {
	f.Add("up\x00--nodes\x00x")
	f.Add("up\x00--disable=\"a")
	f.Add("up\x00--nodes=\n\" for \"--x\" flag: ")
	f.Add("--\x00-n=\x00--name")
	f.Add("node\x00st\nop")
	f.Fuzz(func(t *testing.T, line string) {
		root := commands()
		root.SetArgs(strings.Split(line, "\x00"))
		err := root.ExecuteContext(context.Background())
		if err != nil && (err.Error() == "" || strings.ContainsAny(err.Error(), "\n\r\x1b")) {
			t.Errorf("%q: %q", line, err)
		}
	})
}
