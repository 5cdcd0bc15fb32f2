package conformance

import (
	"fmt"
	"strings"
	"testing"

	"model-booster.local/conformance/rig"
)

// A hundred namespaces by name are six hundred watches: more than the API server lets pass over four connections. Each of them is answered.
func TestManyNamespacesAreAllFollowed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const many = 100
	var others []string
	for i := range many - 1 {
		others = append(others, fmt.Sprintf("absent-%03d", i))
	}
	controller := r.Start(rig.Flags{Namespaces: others})
	r.Eventually(rig.Patience, "every watch", func() string {
		count := rig.Count(r.Requests())
		for _, resource := range append(rig.Children, rig.Boosters) {
			if count["watch "+resource.Resource] < many {
				return rig.Summary(count)
			}
		}
		return ""
	})
	r.Create(rig.NewBooster("demo", rig.Backend("a")))
	r.AwaitInitialized("demo")
	if log := controller.Log(); strings.Contains(log, "the watch was not answered") {
		t.Errorf("a watch waited in vain for a connection:\n%s", log)
	}
}
