package assets

import "embed"

//go:embed all:bin/arm64
var embedded embed.FS

const embeddedDir = "bin/arm64"
