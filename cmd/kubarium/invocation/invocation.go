// Package invocation says in a sentence what is wrong with a command line.
package invocation

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"kubarium/cluster/printable"
)

// Explain has every command below root say what is wrong with an invocation in one
// sentence, with what would be right.
func Explain(root *cobra.Command) {
	root.SetFlagErrorFunc(flagError)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	explainArguments(root)
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			cmd.RunE, cmd.Run = help, nil
		}
	}
}

func explainArguments(cmd *cobra.Command) {
	check := cmd.Args
	if check == nil && cmd.HasSubCommands() {
		check = cobra.NoArgs
	}
	if check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if check(cmd, args) == nil {
				return nil
			}
			return argumentError(cmd, args)
		}
	}
	if cmd.HasSubCommands() && !cmd.Runnable() {
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	for _, below := range cmd.Commands() {
		explainArguments(below)
	}
}

// argumentError says what the command takes.
func argumentError(cmd *cobra.Command, args []string) error {
	// Use has the arguments after the name: "load FILE".
	_, takes, _ := strings.Cut(cmd.Use, " ")
	if cmd.HasAvailableSubCommands() && len(args) > 0 && takes == "" {
		return fmt.Errorf("unknown command %q for %q%s: see '%s --help'", args[0], cmd.CommandPath(), similar(cmd, args[0]), cmd.CommandPath())
	}
	if takes == "" {
		return fmt.Errorf("'%s' takes no arguments, and was given %q: see '%s --help'", cmd.CommandPath(), strings.Join(args, " "), cmd.CommandPath())
	}
	return fmt.Errorf("'%s' takes %s, and was given %s: see '%s --help'", cmd.CommandPath(), takes, given(args), cmd.CommandPath())
}

func given(args []string) string {
	if len(args) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%q", strings.Join(args, " "))
}

// similar names the command that was meant, perhaps.
func similar(cmd *cobra.Command, word string) string {
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if found := cmd.SuggestionsFor(word); len(found) > 0 {
		return fmt.Sprintf(" (is it %q?)", found[0])
	}
	return ""
}

// invalidValue matches what pflag says of a value; the reason in it is for programmers.
var invalidValue = regexp.MustCompile(`^invalid argument (".*") for "(.*)" flag: `)

func flagError(cmd *cobra.Command, err error) error {
	// What --help gives is no error.
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	// What was typed may be of more than one line, and is told as it is by pflag.
	told := printable.Line(err.Error())
	see := fmt.Sprintf(": see '%s --help'", cmd.CommandPath())
	match := invalidValue.FindStringSubmatch(told)
	if match == nil {
		return errors.New(told + see)
	}
	names := strings.Split(match[2], ", --")
	flag := cmd.Flags().Lookup(strings.TrimLeft(names[len(names)-1], "-"))
	if flag == nil {
		return errors.New(told + see)
	}
	want, known := map[string]string{
		"int": "a whole number", "bool": "true or false", "duration": "a duration such as 30s or 5m",
	}[flag.Value.Type()]
	if value, tells := flag.Value.(interface{ Want() string }); tells {
		want = value.Want()
	} else if !known {
		want = "a " + flag.Value.Type()
	}
	return fmt.Errorf("--%s is %s: use %s", flag.Name, match[1], want)
}

// help shows what a command is for; of one that there is not it says so.
func help(cmd *cobra.Command, args []string) error {
	found, rest, err := cmd.Root().Find(args)
	if err != nil || found == nil || len(rest) > 0 {
		return fmt.Errorf("there is no command %q: see 'kubarium --help'", strings.Join(args, " "))
	}
	found.InitDefaultHelpFlag()
	return found.Help()
}
