// Package course is the course itself: Markdown and manifests, embedded.
package course

import (
	"embed"
	"io/fs"

	"kubarium/lessons"
)

//go:embed *.yaml */*
var files embed.FS

// Files returns the course's files, as lessons.Lint wants them.
func Files() fs.FS { return files }

// Load returns the course.
func Load() (*lessons.Course, error) { return lessons.Load(files) }
