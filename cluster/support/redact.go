package support

import "regexp"

// secret is something that may be in a log and lets whoever reads it in.
type secret struct {
	pattern *regexp.Regexp
	instead string
}

func secrets() []secret {
	return []secret{
		{regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\z)`), "(private key left out)"},
		// Service account tokens, and all others of that form.
		{regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*`), "(token left out)"},
		// Keys as kubeconfigs have them, and PEM within base64.
		{regexp.MustCompile(`LS0tLS1CRUdJTi[A-Za-z0-9+/=]+`), "(certificate or key left out)"},
		// In JSON, that may be quoted by a log once more, or twice: up to the next quote, else up
		// to what can't be in it.
		{regexp.MustCompile(`(?i)((?:authorization|password|passwd|secret|token|api[-_]?key)\\*["']?\s*[:=]\s*)(?:(\\*["'])[^"'\n]+|((?:bearer|basic)\s+)?[^\s"',;&}]{3,})`), "${1}${2}${3}(left out)"},
		{regexp.MustCompile(`(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}`), "${1}(left out)"},
		// Bootstrap tokens.
		{regexp.MustCompile(`\b[a-z0-9]{6}\.[a-z0-9]{16}\b`), "(token left out)"},
	}
}

// Redact takes out of a text what must not be passed on. It takes too much rather than
// too little.
func Redact(text []byte) []byte {
	for _, s := range secrets() {
		text = s.pattern.ReplaceAll(text, []byte(s.instead))
	}
	return text
}
