package conformance

import (
	"fmt"
	"testing"
	"time"

	"model-booster.local/conformance/rig"
)

// Events much longer than any buffer on their way arrive at once: what is left of one in a buffer waits for no further event. Directly, and through a
// proxy, whose frames and pauses are others.
func TestLongEventsArriveAtOnce(t *testing.T) {
	t.Parallel()
	filter := newFilter(t)
	for _, way := range []rig.Flags{{}, {Server: filter.URL, Authority: filter.Authority}} {
		r := newRig(t)
		controller := r.Start(way)
		for _, variables := range []int{0, 100, 1500} {
			name := fmt.Sprintf("m%d", variables)
			env := make([]any, variables)
			for i := range env {
				env[i] = rig.Object{"name": fmt.Sprintf("VARIABLE_%04d", i), "value": "a value of some length, as they are"}
			}
			r.Create(rig.NewBooster(name, rig.Backend("a", func(b rig.Object) { b["env"] = env })))
			r.AwaitConditionWithin(10*time.Second, name, "Initialized", "True", "")
			r.Settle()
			for i := range 2 {
				r.EditSpec(name, func(spec rig.Object) {
					rig.Image(fmt.Sprintf("registry.example/vllm:%d", i+2))(rig.BackendOf(spec, "a"))
				})
				r.AwaitConditionWithin(10*time.Second, name, "Initialized", "True", "")
				r.Settle()
			}
		}
		controller.Stop()
	}
}
