package theme

import "charm.land/lipgloss/v2"

// Icons are the signs the app draws with: each one cell wide.
type Icons struct {
	ASCII bool

	// States of pods, nodes and components.
	Running, NotReady, Pending, Creating, Failing, Completed, Terminating, Unknown string
	Stopped                                                                        string

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
			Completed: "v", Terminating: "-", Unknown: "?", Stopped: "_",
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
		Wave: "≈", WaveAlt: "~", BarFull: "━", BarEmpty: "─",
		Cursor: "▸", Warning: "▲", Normal: "·", Check: "✓",
		Separator: "│", Ellipsis: "…", Arrow: "→", Dot: "·", Up: "↑",
		ScrollThumb: "┃", ScrollTrack: "│",
		Spinner: []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"},
		Border:  lipgloss.RoundedBorder(),
	}
}
