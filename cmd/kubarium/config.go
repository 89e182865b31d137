package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kubarium/cluster"
	"kubarium/ui"
	"kubarium/ui/keys"
	"kubarium/ui/lesson"
	"kubarium/ui/settings"
	"kubarium/ui/theme"
)

// actions are all that can be given other keys.
func actions() []keys.Group { return append(ui.Actions(), lesson.Actions()...) }

// readSettings reads the file of the user's settings, if there is one.
func readSettings(invoker cluster.Invoker) (s settings.Settings, found bool, err error) {
	path := invoker.ConfigFile()
	data, err := invoker.ReadOwn(path)
	if errors.Is(err, fs.ErrNotExist) {
		return settings.Defaults(), false, nil
	}
	if err != nil {
		return settings.Defaults(), false, fmt.Errorf("read settings: %w", err)
	}
	s, err = settings.Parse(path, data, actions())
	return s, true, err
}

// ownTheme reads the theme that the settings name, if it is not one of ours.
func ownTheme(invoker cluster.Invoker, s settings.Settings) (*theme.Own, error) {
	if slices.Contains(theme.Names(), s.Theme) {
		return nil, nil
	}
	if !settings.IsThemeName(s.Theme) {
		return nil, fmt.Errorf("%s: %q is no name of a theme: those have small letters, digits and -", s.ThemeAt, s.Theme)
	}
	path := filepath.Join(filepath.Dir(invoker.ConfigFile()), "themes", s.Theme+".yaml")
	data, err := invoker.ReadOwn(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no theme %q; there are %s, and no file %s", s.ThemeAt, s.Theme, strings.Join(theme.Names(), ", "), path)
	}
	if err != nil {
		return nil, fmt.Errorf("read theme: %w", err)
	}
	return theme.Read(path, s.Theme, data)
}

func newConfigCommand() *cobra.Command {
	return &cobra.Command{
		Use: "config", Short: "Print the app's settings, and all actions with their keys", Args: cobra.NoArgs,
		Long: `Prints the app's settings as a file that says the same. All actions are in it with
their keys, as comments: to give an action other keys, take the # from its line.`,
		Example: `  # Begin a file of one's own
  mkdir -p ~/.config/kubarium
  kubarium config > /tmp/config.yaml && mv /tmp/config.yaml ~/.config/kubarium/`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			invoker, err := cluster.FindInvoker()
			if err != nil {
				return err
			}
			s, found, err := readSettings(invoker)
			if err != nil {
				return err
			}
			if _, err := ownTheme(invoker, s); err != nil {
				return err
			}
			from := "from " + invoker.ConfigFile()
			if !found {
				from = "the defaults: there is no " + invoker.ConfigFile()
			}
			return settings.Print(cmd.OutOrStdout(), from, s, actions())
		},
	}
}

// keptMemory is how the user left the app, and what keeps how they leave it.
func keptMemory(invoker cluster.Invoker, name string) (ui.Memory, func(ui.Memory)) {
	return ui.ParseMemory(invoker.Kept(name)), func(m ui.Memory) {
		if err := invoker.Keep(name, m.Encode()); err != nil {
			fmt.Fprintln(os.Stderr, "The app's state is not kept:", err)
		}
	}
}
