package conformance

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"model-booster.local/conformance/rig"
)

// A right that is missing is named in Failed, by verb and resource; the other children are served; granted, it recovers.
func TestForbiddenVerbIsNamedAndRecovers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	rules := r.ShippedRules()
	r.GrantRules(rules.Without(rig.Grant{Group: rig.Routes.Group, Resource: "modelroutes", Verb: "create"}))
	r.Start(rig.Flags{})
	created := r.Create(rig.NewBooster("demo", rig.Backend("a")))
	o := r.AwaitCondition("demo", "Failed", "True", "Forbidden")
	if message := rig.ConditionOf(o, "Failed").Message; !strings.Contains(message, "create") || !strings.Contains(message, "modelroutes") {
		t.Errorf("the message does not name verb and resource: %q", message)
	}
	for _, child := range []string{"modelservings/demo-a", "modelservers/demo-a"} {
		if !r.Present()[child] {
			t.Errorf("%s waits for a right it does not need", child)
		}
	}
	r.GrantRules(rules)
	r.AwaitConditionWithin(3*rig.Patience, "demo", "Failed", "False", "NoFailure")
	r.AwaitChildren(created)
}

// The role that deploy/rbac.yaml ships is exactly sufficient. Sufficient: the exercise, and every other test of this
// suite, meets no 403. Exactly: with any one verb taken away the exercise meets a 403.
func TestShippedRoleIsExactlySufficient(t *testing.T) {
	t.Parallel()
	if shared.Audit == nil {
		t.Skip("skipped: a borrowed cluster shows no audit log")
	}
	rules := newRig(t).ShippedRules()
	t.Run("whole", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		exercise(t, r, nil)
	})
	for _, grant := range rules.Grants() {
		if grant.Verb == "update" && grant.Resource != "modelboosters/finalizers" {
			t.Errorf("the role allows %s: changes are patches", grant)
		}
		if grant.Own {
			continue // the controller's own ConfigMap: TestInClusterConfiguration
		}
		t.Run("without "+strings.ReplaceAll(grant.String(), "/", "-"), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.GrantRules(rules.Without(grant))
			exercise(t, r, func() bool {
				for _, request := range r.Requests() {
					if request.Code == 403 {
						return true
					}
				}
				return false
			})
		})
	}
}

// exercise makes the controller use everything it can do. When broken is given, the exercise ends as soon as it says
// so, and fails when it never does.
func exercise(t *testing.T, r *rig.Rig, broken func() bool) {
	t.Helper()
	first := r.Start(rig.Flags{})
	var current *unstructured.Unstructured
	edit := func(change func(spec rig.Object)) func() {
		return func() { current = r.EditSpec("demo", change) }
	}
	steps := []struct {
		what string
		do   func()
	}{
		{"create", func() {
			current = r.Create(rig.NewBooster("demo", rig.Backend("a", rig.Replicas(1, 3), rig.Scaled), rig.Backend("b")))
		}},
		{"edit every child", edit(func(spec rig.Object) {
			a := rig.BackendOf(spec, "a")
			rig.Image("registry.example/vllm:2")(a)
			rig.Weight(7)(a)
			a["maxReplicas"] = int64(4)
			a["autoscalingPolicy"].(rig.Object)["tolerancePercent"] = int64(20)
			a["workers"].([]any)[0].(rig.Object)["config"] = rig.Object{"served-model-name": "another"}
		})},
		{"edit every child by hand", func() {
			for _, edit := range handEdits {
				r.Edit(edit.resource, childName(edit.resource), func(o *unstructured.Unstructured) { edit.change(rig.Spec(o)) })
			}
		}},
		{"remove policy and backend", edit(func(spec rig.Object) {
			rig.RemoveBackend(spec, "b")
			a := rig.BackendOf(spec, "a")
			delete(a, "autoscalingPolicy")
			a["minReplicas"], a["maxReplicas"] = int64(1), int64(1)
		})},
		{"replace the route", edit(func(spec rig.Object) { spec["name"] = "public-name" })},
	}
	for _, step := range steps {
		step.do()
		r.Eventually(rig.Patience, step.what, func() string {
			if broken != nil && broken() {
				return ""
			}
			o := r.Get(rig.Boosters, "demo")
			if rig.ConditionOf(o, "Initialized").Status != "True" || rig.ObservedGeneration(o) != o.GetGeneration() {
				return fmt.Sprint(o.Object["status"])
			}
			return rig.Difference(rig.ExpectedChildren(current), r.Present())
		})
		if broken != nil && broken() {
			return
		}
		r.Settle()
	}
	first.Stop()
	restarted(r)
	if broken != nil && !broken() {
		t.Errorf("nothing needs this right: the exercise ends as if it were there\n%s", rig.Summary(rig.Count(r.Requests())))
	}
}

// restarted lets a second controller take over: it must find everything in place by its lists alone.
func restarted(r *rig.Rig) {
	r.T.Helper()
	r.Start(rig.Flags{})
	r.Create(rig.NewBooster("tracer", rig.Backend("a")))
	r.Eventually(rig.Patience, "tracer", func() string {
		if o := r.Get(rig.Boosters, "tracer"); rig.ConditionOf(o, "Initialized").Status != "True" {
			return fmt.Sprint(o.Object["status"])
		}
		return ""
	})
	r.Delete(rig.Boosters, "tracer", metav1.DeletePropagationBackground)
	r.Settle()
}
