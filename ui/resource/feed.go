package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	// window is the least time between two states that are given out.
	window = 50 * time.Millisecond
	// The pause after a failure doubles up to the longest.
	firstPause, longestPause = 200 * time.Millisecond, 10 * time.Second
	// asTable has the server print, as it does for kubectl get.
	asTable = "application/json;as=Table;v=v1;g=meta.k8s.io"
)

// Row is an object as the server prints it.
type Row struct {
	UID             types.UID
	Namespace, Name string
	// Version is the object's resource version.
	Version string
	Created time.Time
	Labels  map[string]string
	// Owners are the object's owners.
	Owners []metav1.OwnerReference
	Cells  []string
}

// State is all rows at one moment, in no order.
type State struct {
	Columns []metav1.TableColumnDefinition
	Rows    []Row
	// Err says why it may be old; nil if it is not.
	Err error
	// Loaded says that the server has answered.
	Loaded bool
}

// Feed follows the objects of one kind until it is closed.
type Feed interface {
	// Next waits for a state that was not given out yet; false at the end.
	Next() (State, bool)
	// Refresh lists again; kinds that are not watched change no other way, nor do times that
	// the server has written into cells.
	Refresh()
	// Close ends the feed and waits until nothing of it runs.
	Close()
}

// Source begins to follow objects.
type Source func(Kind, Query) (Feed, error)

// FromServer follows the objects of an API server.
func FromServer(config *rest.Config) Source {
	return func(kind Kind, query Query) (Feed, error) { return newFeed(config, kind, query), nil }
}

type feed struct {
	config *rest.Config
	client rest.Interface // nil before the first request
	kind   Kind
	query  Query
	cancel context.CancelFunc
	done   chan struct{}
	dirty  chan struct{}
	again  chan struct{}

	mu    sync.Mutex
	state State
	rows  map[types.UID]Row
}

// newFeed begins to follow. Nothing is queued: whoever reads late finds the last state.
func newFeed(config *rest.Config, kind Kind, query Query) *feed {
	ctx, cancel := context.WithCancel(context.Background())
	f := &feed{
		config: config, kind: kind, query: query, cancel: cancel, rows: map[types.UID]Row{},
		done: make(chan struct{}), dirty: make(chan struct{}, 1), again: make(chan struct{}, 1),
	}
	go func() {
		defer close(f.done)
		f.run(ctx)
	}()
	return f
}

// connect makes the client, for which certificates may have to be read from files: the app,
// which begins the feed, does not wait for them.
func (f *feed) connect() error {
	if f.client != nil {
		return nil
	}
	config := rest.CopyConfig(f.config)
	config.AcceptContentTypes, config.ContentType = asTable, "application/json"
	// What a screen asks must not wait for what others ask.
	config.QPS = -1
	client, err := rest.UnversionedRESTClientFor(withCodec(config))
	if err != nil {
		return fmt.Errorf("client for %s: %w", f.kind.Title(), err)
	}
	f.client = client
	return nil
}

// Close implements Feed.
func (f *feed) Close() {
	f.cancel()
	<-f.done
}

// Refresh implements Feed.
func (f *feed) Refresh() {
	select {
	case f.again <- struct{}{}:
	default:
	}
}

// Next implements Feed.
func (f *feed) Next() (State, bool) {
	select {
	case <-f.done:
		return State{}, false
	case <-f.dirty:
	}
	select {
	case <-f.done:
		return State{}, false
	case <-time.After(window):
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.dirty: // it is in what is given out now
	default:
	}
	s := f.state
	s.Rows = make([]Row, 0, len(f.rows))
	for _, r := range f.rows {
		s.Rows = append(s.Rows, r)
	}
	return s, true
}

// change changes the state and lets whoever waits know.
func (f *feed) change(do func()) {
	f.mu.Lock()
	do()
	f.mu.Unlock()
	select {
	case f.dirty <- struct{}{}:
	default:
	}
}

func (f *feed) run(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		version, err := f.list(ctx)
		if err == nil {
			pause = firstPause
			err = f.follow(ctx, version)
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			continue
		}
		f.change(func() { f.state.Err = err })
		select {
		case <-ctx.Done():
		case <-f.again:
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

func (f *feed) request() *rest.Request {
	r := f.client.Get()
	if f.kind.Group == "" {
		r = r.AbsPath("/api", f.kind.Version)
	} else {
		r = r.AbsPath("/apis", f.kind.Group, f.kind.Version)
	}
	if f.kind.Namespaced && f.query.Namespace != "" {
		r = r.Namespace(f.query.Namespace)
	}
	r = r.Resource(f.kind.Resource).Param("includeObject", string(metav1.IncludeMetadata))
	if f.query.Labels != "" {
		r = r.Param("labelSelector", f.query.Labels)
	}
	if f.query.Fields != "" {
		r = r.Param("fieldSelector", f.query.Fields)
	}
	return r
}

// list reads all there is, and returns the version from which to go on.
func (f *feed) list(ctx context.Context) (string, error) {
	if err := f.connect(); err != nil {
		return "", err
	}
	data, err := f.request().SetHeader("Accept", asTable).Do(ctx).Raw()
	if err != nil {
		return "", plain(err, data)
	}
	table := &metav1.Table{}
	if err := json.Unmarshal(data, table); err != nil {
		return "", fmt.Errorf("read list: %w", err)
	}
	rows := make(map[types.UID]Row, len(table.Rows))
	for i := range table.Rows {
		row, err := readRow(&table.Rows[i])
		if err != nil {
			return "", err
		}
		rows[row.UID] = row
	}
	state := State{Columns: table.ColumnDefinitions, Loaded: true}
	f.mu.Lock()
	same := reflect.DeepEqual(f.rows, rows) && reflect.DeepEqual(f.state, state)
	f.mu.Unlock()
	if !same { // what is no news is not to be drawn
		f.change(func() { f.rows, f.state = rows, state })
	}
	return table.ResourceVersion, nil
}

// follow takes changes until they are to be listed again.
func (f *feed) follow(ctx context.Context, version string) error {
	if !f.kind.Watched {
		select {
		case <-ctx.Done():
		case <-f.again:
		}
		return nil
	}
	ctx, end := context.WithCancel(ctx)
	var asked sync.WaitGroup
	defer asked.Wait()
	defer end()
	asked.Go(func() {
		select {
		case <-ctx.Done():
		case <-f.again:
			end()
		}
	})
	for ctx.Err() == nil {
		next, err := f.watch(ctx, version)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
				return nil
			}
			return err
		}
		if next == version {
			// It ended without a word: the server may be going away.
			select {
			case <-ctx.Done():
			case <-time.After(firstPause):
			}
		}
		version = next
	}
	return nil
}

// watch reads one stream of changes to its end, and returns the last version it told.
func (f *feed) watch(ctx context.Context, version string) (string, error) {
	stream, err := f.request().SetHeader("Accept", asTable).
		Param("watch", "true").Param("allowWatchBookmarks", "true").Param("resourceVersion", version).Stream(ctx)
	if err != nil {
		return version, plain(err, nil)
	}
	defer stream.Close()
	decoder := json.NewDecoder(stream)
	for {
		var event metav1.WatchEvent
		if err := decoder.Decode(&event); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return version, nil
			}
			return version, fmt.Errorf("read change: %w", err)
		}
		if event.Type == "ERROR" {
			status := &metav1.Status{}
			if err := json.Unmarshal(event.Object.Raw, status); err != nil {
				return version, fmt.Errorf("read error: %w", err)
			}
			return version, &apierrors.StatusError{ErrStatus: *status}
		}
		table := &metav1.Table{}
		if err := json.Unmarshal(event.Object.Raw, table); err != nil {
			return version, fmt.Errorf("read change: %w", err)
		}
		if err := f.apply(event.Type, table); err != nil {
			return version, err
		}
		if table.ResourceVersion != "" {
			version = table.ResourceVersion
		}
	}
}

func (f *feed) apply(event string, table *metav1.Table) error {
	if event == "BOOKMARK" {
		return nil
	}
	for i := range table.Rows {
		row, err := readRow(&table.Rows[i])
		if err != nil {
			return err
		}
		f.change(func() {
			// Only the first change of a stream has the columns.
			if len(table.ColumnDefinitions) > 0 {
				f.state.Columns = table.ColumnDefinitions
			}
			f.state.Err = nil
			if event == "DELETED" {
				delete(f.rows, row.UID)
				return
			}
			f.rows[row.UID] = row
		})
	}
	return nil
}

func readRow(r *metav1.TableRow) (Row, error) {
	o := &metav1.PartialObjectMetadata{}
	if err := json.Unmarshal(r.Object.Raw, o); err != nil {
		return Row{}, fmt.Errorf("read object: %w", err)
	}
	row := Row{
		UID: o.UID, Namespace: o.Namespace, Name: o.Name, Version: o.ResourceVersion,
		Created: o.CreationTimestamp.Time, Labels: o.Labels,
		Owners: o.OwnerReferences,
	}
	if row.UID == "" {
		// Metrics and the like are made when they are asked for, and have none.
		row.UID = types.UID(o.Namespace + "/" + o.Name)
	}
	for _, cell := range r.Cells {
		row.Cells = append(row.Cells, text(cell))
	}
	return row, nil
}

// text is a cell as kubectl prints it.
func text(cell any) string {
	switch c := cell.(type) {
	case nil:
		return "<none>"
	case string:
		return c
	case float64:
		return fmt.Sprintf("%.10g", c)
	case bool:
		return fmt.Sprint(c)
	}
	data, err := json.Marshal(cell)
	if err != nil {
		return fmt.Sprint(cell)
	}
	return string(data)
}

// plain is the server's own sentence for a refusal, if there is one.
func plain(err error, body []byte) error {
	status := &metav1.Status{}
	if json.Unmarshal(body, status) == nil && status.Kind == "Status" && status.Message != "" {
		return &apierrors.StatusError{ErrStatus: *status}
	}
	if s := apierrors.APIStatus(nil); errors.As(err, &s) && s.Status().Code == http.StatusNotAcceptable {
		return errors.New("the server does not print this kind as a table")
	}
	return err
}
