package assets

import "embed"

//go:embed all:bin/amd64
var embedded embed.FS

const embeddedDir = "bin/amd64"
