package theme

import "charm.land/lipgloss/v2"

// Icons are the signs the app draws with: each one cell wide.
type Icons struct {
	ASCII bool

	// States of pods, nodes and components.
	Running, NotReady, Pending, Creating, Failing, Completed, Terminating, Unknown string
	Pulling, Restarting, Evicted, Stopped, Frozen                                  string
	// Moves are the shapes that a state in motion goes through; Arriving is a pod that
	// was not there before.
	PullingMove, CreatingMove, RestartingMove, TerminatingMove, Arriving []string
	// Led marks a pod that the chosen service leads to.
	Led string
	// BarBoth is the part of a gauge that is requested and used, BarAsked that is
	// requested only and BarUsed that is used only.
	BarBoth, BarAsked, BarUsed string
	// Line, LineDown and LineEnd draw the way of a service to its pods.
	Line, LineDown, LineEnd string

	Wave, WaveAlt, BarFull, BarEmpty     string
	Cursor, Warning, Normal, Check       string
	Separator, Ellipsis, Arrow, Dot, Up  string
	ScrollThumb, ScrollTrack             string
	Spinner                              []string
	Border                               lipgloss.Border
	TankBottomLeft, TankBottomRight, Tee string
}

func icons(ascii bool) Icons {
	if ascii {
		return Icons{
			ASCII:   true,
			Running: "o", NotReady: "%", Pending: ".", Creating: "+", Failing: "x",
			Completed: "v", Terminating: "-", Unknown: "?", Stopped: "_", Frozen: "=",
			Pulling: "d", Restarting: "@", Evicted: "E",
			PullingMove: []string{"d", "D"}, CreatingMove: []string{"+", "*"}, RestartingMove: []string{"@", "a"},
			TerminatingMove: []string{"-", "_"}, Arriving: []string{".", ":"},
			Led: "<", BarBoth: "#", BarAsked: "=", BarUsed: "*", Line: "-", LineDown: "+", LineEnd: "+",
			Wave: "~", WaveAlt: "-", BarFull: "#", BarEmpty: ".",
			Cursor: ">", Warning: "!", Normal: " ", Check: "v",
			Separator: "|", Ellipsis: "~", Arrow: "->", Dot: ".", Up: "^",
			ScrollThumb: "#", ScrollTrack: "|",
			Spinner: []string{"|", "/", "-", "\\"},
			Border:  lipgloss.ASCIIBorder(),
		}
	}
	return Icons{
		Running: "●", NotReady: "◐", Pending: "○", Creating: "◔", Failing: "✗",
		Completed: "✓", Terminating: "◌", Unknown: "?", Stopped: "□",
		Pulling: "⇣", Restarting: "↻", Evicted: "⊘", Frozen: "‖",
		PullingMove: []string{"⇣", "↓"}, CreatingMove: []string{"◔", "◑", "◕", "◑"}, RestartingMove: []string{"↻", "↺"},
		TerminatingMove: []string{"◌", "·"}, Arriving: []string{"·", "∘"},
		Led: "◂", BarBoth: "█", BarAsked: "▒", BarUsed: "▄", Line: "─", LineDown: "┬", LineEnd: "╮",
		Wave: "≈", WaveAlt: "~", BarFull: "━", BarEmpty: "─",
		Cursor: "▸", Warning: "▲", Normal: "·", Check: "✓",
		Separator: "│", Ellipsis: "…", Arrow: "→", Dot: "·", Up: "↑",
		ScrollThumb: "┃", ScrollTrack: "│",
		Spinner: []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"},
		Border:  lipgloss.RoundedBorder(),
	}
}
