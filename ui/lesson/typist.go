package lesson

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/panel"
)

// typingLimit is how long a line of a solution may run. A shell that says nothing would
// let the learner wait for ever.
const typingLimit = 5 * time.Minute

// typedLine is a line of a solution, and where its end is told.
type typedLine struct {
	line string
	done chan panel.CommandRanMsg
}

// typist has the app type lines for the player, which runs beside it.
type typist chan *typedLine

// typeMsg brings a line that the player wants typed.
type typeMsg struct {
	line  *typedLine
	ended <-chan struct{}
}

// run has a line typed where the learner sees it, and waits for its end.
func (t typist) run(ctx context.Context, line string) (exit int, output string, err error) {
	ctx, cancel := context.WithTimeout(ctx, typingLimit)
	defer cancel()
	typed := &typedLine{line: line, done: make(chan panel.CommandRanMsg, 1)}
	select {
	case t <- typed:
	case <-ctx.Done():
		return -1, "", fmt.Errorf("type %s: %w", line, ctx.Err())
	}
	select {
	case ran := <-typed.done:
		if ran.ExitCode < 0 {
			return -1, "", errors.New(strings.TrimSpace("the command was stopped. " + ran.Output))
		}
		return ran.ExitCode, ran.Output, nil
	case <-ctx.Done():
		return -1, "", fmt.Errorf("type %s: %w", line, ctx.Err())
	}
}

// next waits for the next line, until the player has ended.
func (t typist) next(ended <-chan struct{}) tea.Cmd {
	return func() tea.Msg {
		select {
		case line := <-t:
			return typeMsg{line, ended}
		case <-ended:
			return nil
		}
	}
}

func (p *Panel) typeLine(msg typeMsg) tea.Cmd {
	p.typing = msg.line
	return tea.Batch(p.typist.next(msg.ended), func() tea.Msg { return panel.RunMsg{Command: msg.line.line, Now: true} })
}

// typed reports whether a command that ended is the line that was typed for the player,
// and hands it over. What the learner typed meanwhile is theirs.
func (p *Panel) typed(ran panel.CommandRanMsg) bool {
	if p.typing == nil || spaced(ran.Line) != spaced(p.typing.line) {
		return false
	}
	p.typing.done <- ran
	p.typing = nil
	return true
}

// spaced writes a line with one space between words.
func spaced(line string) string { return strings.Join(strings.Fields(line), " ") }
