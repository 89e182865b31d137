package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"kubarium/lessons"
	"kubarium/lessons/convert"
	"kubarium/lessons/course"
	"kubarium/lessons/remote"
)

// courseFlags say which course is meant.
type courseFlags struct {
	where, language string
	trust           bool
}

func (f *courseFlags) bind(flags *pflag.FlagSet) {
	flags.StringVar(&f.where, "lessons", "", "another course: a directory, or oci://REF; default is the one that is built in")
	flags.StringVar(&f.language, "language", "", "language of the lessons, such as de, where they are translated")
	flags.BoolVar(&f.trust, "trust-lessons", false, "let another course's pods have rights on this machine")
}

// files opens the course.
func (f *courseFlags) files(ctx context.Context) (fs.FS, error) {
	if f.where == "" {
		return course.Files(), nil
	}
	return remote.Open(ctx, f.where)
}

// load reads the course. What in somebody else's wants rights on the machine is said, and
// needs the user's word.
func (f *courseFlags) load(ctx context.Context) (*lessons.Course, error) {
	if f.where == "" {
		return lessons.LoadIn(course.Files(), f.language)
	}
	files, err := f.files(ctx)
	if err != nil {
		return nil, err
	}
	all, err := lessons.LoadIn(files, f.language)
	if err != nil {
		return nil, err
	}
	if rights := all.Rights(); len(rights) > 0 && !f.trust {
		return nil, fmt.Errorf("pods of this course want rights on this machine, with which they could do anything:\n  %s\nIf you trust whoever wrote it, add --trust-lessons",
			strings.Join(rights, "\n  "))
	}
	return all, nil
}

// progress is the file that remembers this course: two may have lessons with the same id.
func (f *courseFlags) progress(builtIn string) string {
	if f.where == "" {
		return builtIn
	}
	name := strings.Trim(regexp.MustCompile(`[^a-zA-Z0-9]+`).ReplaceAllString(f.where, "-"), "-")
	return filepath.Join(filepath.Dir(builtIn), "lessons-"+name[max(0, len(name)-80):]+".json")
}

// newLessonImportCommand drafts lessons from other people's formats.
func newLessonImportCommand() *cobra.Command {
	options := convert.Options{}
	dir, scripts := ".", "ask"
	formats := map[string]func(fs.FS, string, convert.Options) (*convert.Draft, error){"killercoda": convert.Killercoda, "iximiuz": convert.Iximiuz}
	cmd := &cobra.Command{
		Use: "import killercoda|iximiuz PATH", Short: "Make the draft of a lesson from a scenario of Killercoda, or from content of iximiuz Labs",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			format, ok := formats[args[0]]
			if !ok {
				return fmt.Errorf("format %q: use killercoda or iximiuz", args[0])
			}
			if !slices.Contains([]string{"ask", "yes", "no"}, scripts) {
				return fmt.Errorf("scripts %q: use ask, yes or no", scripts)
			}
			root, err := os.OpenRoot(args[1])
			if err != nil {
				return fmt.Errorf("open content: %w", err)
			}
			defer root.Close()
			folder, err := filepath.Abs(args[1])
			if err != nil {
				return err
			}
			options.Scripts = scripts == "yes" || scripts == "ask" && agrees(cmd, "Take over its scripts, to be run in a pod? You should have read them. [y/N] ")
			draft, err := format(root.FS(), filepath.Base(folder), options)
			if err != nil {
				return err
			}
			return writeDraft(cmd.OutOrStdout(), dir, draft)
		},
	}
	cmd.Flags().StringVar(&options.ID, "id", "", "id of the lesson; default is made from the folder's name")
	cmd.Flags().StringVar(&options.Image, "image", "kubarium/toolbox:1.0", "image of the pod that runs their scripts; it needs what they call")
	cmd.Flags().StringVar(&dir, "dir", ".", "directory to put the draft in")
	cmd.Flags().StringVar(&scripts, "scripts", "ask", "take over their scripts: ask, yes or no")
	return cmd
}

// agrees asks; anything but a yes is a no.
func agrees(cmd *cobra.Command, question string) bool {
	fmt.Fprint(cmd.ErrOrStderr(), question)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer)))
}

func writeDraft(out io.Writer, dir string, draft *convert.Draft) error {
	folder := filepath.Join(dir, draft.ID)
	if err := os.Mkdir(folder, 0o755); err != nil {
		return fmt.Errorf("folder of the new lesson: %w", err)
	}
	for name, content := range draft.Files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return fmt.Errorf("new lesson: %w", err)
		}
	}
	for _, note := range draft.Notes {
		fmt.Fprintln(out, "to do:", note)
	}
	fmt.Fprintf(out, "Wrote %s. Add %s to course.yaml, then check it with: kubarium lesson lint %s\n", filepath.Join(folder, "lesson.md"), draft.ID, dir)
	return nil
}
