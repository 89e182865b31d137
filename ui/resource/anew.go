package resource

import (
	"slices"
	"strings"
	"time"
)

// A table that grows old without a change is listed again as often as anewTime, if it has no
// more than anewMost rows.
const (
	anewTime = 15 * time.Second
	anewMost = 1000
)

// Anew lists again what a watch does not tell, if it is time. The app asks for it now and then
// while the table is seen.
func (v *View) Anew() {
	if v.listed.IsZero() {
		v.listed = v.ctx.Now
	}
	if v.feed == nil || !v.told.Loaded || v.ctx.Now.Sub(v.listed) < anewTime {
		return
	}
	v.listed = v.ctx.Now
	if v.ages() {
		v.feed.Refresh()
	}
}

// ages reports whether the table grows old: nobody watches the kind, or cells tell how long ago
// something was.
func (v *View) ages() bool {
	if !v.kind.Watched {
		return true
	}
	return len(v.told.Rows) <= anewMost && slices.ContainsFunc(v.told.Rows, func(r Row) bool {
		for i, text := range r.Cells {
			if _, age := duration(text); i < len(v.told.Columns) && v.told.Columns[i].Name != ageColumn && (age || strings.HasSuffix(text, " ago)")) {
				return true
			}
		}
		return false
	})
}
