package stored

// Prefix is where the API server keeps all its keys.
const Prefix = "/registry/"

// Entry is a key of etcd's at a revision.
type Entry struct {
	Key string `json:"key"`
	// Created is the revision that made the key, Revision the one that wrote it last, and
	// Writes how often it was written between.
	Created  int64 `json:"created"`
	Revision int64 `json:"revision"`
	Writes   int64 `json:"writes"`
	// Size of the value, in bytes.
	Size int `json:"size"`
	// Lease ends the key when it ends; 0 is none.
	Lease int64  `json:"lease,omitempty"`
	Value []byte `json:"-"`
}

// Change lists what an entry changed of the one before, nil for the first.
func Change(before *Entry, after Entry) ([]string, error) {
	if before == nil {
		return nil, nil
	}
	was, err := Decode(before.Value)
	if err != nil {
		return nil, err
	}
	is, err := Decode(after.Value)
	if err != nil {
		return nil, err
	}
	return Diff(was, is), nil
}
