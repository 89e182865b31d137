package fault

import "context"

// refuseImage has the registry refuse an image.
func refuseImage(_ context.Context, w World, o Order) (func(context.Context) error, error) {
	allow, err := w.RefuseImage(o.Target)
	if err != nil {
		return nil, err
	}
	return func(context.Context) error { allow(); return nil }, nil
}
