package resource

// Look is how a table is arranged, for the next time.
type Look struct {
	Labels string `json:"labels,omitempty"`
	Fields string `json:"fields,omitempty"`
	// Sort is the column by which it is sorted; "" is by name.
	Sort string `json:"sort,omitempty"`
	Desc bool   `json:"desc,omitempty"`
	Wide bool   `json:"wide,omitempty"`
}

// Look is how the table is arranged now.
func (v *View) Look() Look {
	return Look{Labels: v.query.Labels, Fields: v.query.Fields, Sort: v.sortBy, Desc: v.desc, Wide: v.wide}
}

// Arrange arranges the table like that; what it shows was asked for by the look's query.
func (v *View) Arrange(l Look) {
	v.sortBy, v.desc, v.wide = l.Sort, l.Desc, l.Wide
	v.arrange()
}

// Query asks for what was shown, in a namespace. It is an error if the selectors are none.
func (l Look) Query(namespace string) (Query, error) {
	return ParseQuery([]string{"--selector=" + l.Labels, "--field-selector=" + l.Fields}, namespace)
}
