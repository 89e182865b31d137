package trace

// PendingPod is a pod that the scheduler has yet to place.
type PendingPod struct {
	// Queue is where it waits: "active" (next), "backoff" (again in a moment),
	// "unschedulable" (until something changes that may help), "in flight" (being placed)
	// or "group" (until all pods of its group are there).
	Queue     string `json:"queue"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
	Priority  int32  `json:"priority"`
	// Gates keep it from being looked at.
	Gates []string `json:"gates,omitempty"`
	// Why is what the scheduler wrote into the pod after the last attempt.
	Why string `json:"why,omitempty"`
	// Attempt is the last attempt that the trace has, 0 if none; Attempts is how many there
	// were by then.
	Attempt  uint64 `json:"attempt,omitempty"`
	Attempts int    `json:"attempts,omitempty"`
	// Plugins refused it at that attempt: what they watch brings it back.
	Plugins []string `json:"plugins,omitempty"`
}

// WorkQueue is the queue of a controller, by its own counters.
type WorkQueue struct {
	Name string `json:"name"`
	// Depth is how many objects wait, Adds how many ever came, Retries how many of those
	// came again after an error.
	Depth   int `json:"depth"`
	Adds    int `json:"adds"`
	Retries int `json:"retries"`
	// Working is for how many seconds those have been worked on that are not done yet, all
	// together, and Longest the longest of them.
	Working float64 `json:"working_s"`
	Longest float64 `json:"longest_s"`
}
