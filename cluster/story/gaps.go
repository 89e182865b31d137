package story

import (
	"fmt"
	"time"

	"kubarium/cluster/trace"
)

// Missing tells the story that so many events before the next one are not known any more. Before
// an object's first write that is no gap: whether the beginning is known is told by that write.
func (s *Story) Missing(events uint64) {
	if events > 0 {
		s.gap(s.last, "trace", fmt.Sprintf("%d events were overwritten before they were read", events))
	}
}

// gap tells that something is not known which may belong to the story.
func (s *Story) gap(at time.Time, of, what string) {
	if len(s.family) == 0 && s.root.Agent == "" {
		return
	}
	s.told = append(s.told, Step{
		Time: at, Who: of, What: "has a gap: " + what,
		Why: "what is missing may belong here; whether it does is not known",
	})
}

// opening tells that what the story is about was there before the first write that is known.
func (s *Story) opening(write trace.Event) {
	s.told = append(s.told, Step{
		Seq: write.Seq, Time: write.Time.Add(-time.Nanosecond), Who: "trace", Object: write.Object,
		What: "knows nothing of " + describe(write.Object) + " from before",
		Why:  "its creation is not among the events that are kept, which are the newest",
	})
}
