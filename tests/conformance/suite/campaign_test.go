package conformance

import (
	"fmt"
	"math/rand"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"model-booster.local/conformance/cluster"
	"model-booster.local/conformance/leaves"
	"model-booster.local/conformance/rig"
)

const (
	stepPatience  = 20 * time.Second // for one edit to come to its end
	workers       = 6                // ModelBoosters of each subject
	complaintsMax = 3                // of one ModelBooster
)

// Every leaf of rich ModelBoosters is changed and changed back, taken away and put back, made invalid and valid again. After each step: it comes
// to its end soon; the children are what `render` prints, and after the way back what they were, none made anew and none written without need;
// the conditions say what is; nothing is written afterwards; and what belongs to others is as it was.
func TestEveryLeafChangedAndChangedBack(t *testing.T) {
	t.Parallel()
	needOurs(t, "fields that rich ModelBoosters have")
	r := newRig(t)
	r.Start(rig.Flags{})
	documents, err := cluster.ReadDocuments(projectFile("tests", "conformance", "suite", "testdata", "campaign.yaml"))
	if err != nil || len(documents) == 0 {
		t.Fatalf("no subjects: %v", err)
	}
	c := &campaign{t: t, r: r, until: time.Now().Add(campaignShare(r)), counts: map[string]int{}, fields: map[string]bool{}}
	var group sync.WaitGroup
	for i, document := range documents {
		random := rand.New(rand.NewSource(settings.Seed + int64(i)))
		var names []string
		for k := range workers {
			o := &unstructured.Unstructured{Object: leaves.Copy(document.Object)}
			o.SetName(fmt.Sprintf("%s-%d", document.GetName(), k))
			stored := r.Create(o)
			c.plant(stored)
			names = append(names, o.GetName())
		}
		s := newSubject(t, r.Get(rig.Boosters, names[0]), random)
		fmt.Printf("conformance: campaign: %s: %d changes of its leaves (seed %d)\n", document.GetName(), len(s.changes), settings.Seed)
		c.note(s)
		for k, name := range names {
			var share []change
			for n := k; n < len(s.changes); n += workers {
				share = append(share, s.changes[n])
			}
			group.Add(1)
			go func() {
				defer group.Done()
				w := &worker{campaign: c, name: name, base: s.base}
				w.work(share)
			}()
		}
	}
	group.Wait()
	c.end()
}

// campaignShare is the part of the time budget that the campaign may take.
func campaignShare(r *rig.Rig) time.Duration { return time.Until(r.Settings.Deadline) / 2 }

// campaign is what the workers share.
type campaign struct {
	t       *testing.T
	r       *rig.Rig
	until   time.Time
	mutex   sync.Mutex
	foreign []*unstructured.Unstructured
	counts  map[string]int
	fields  map[string]bool // of the definition and the subjects: whether a valid other value is known
	refused []string        // valid by the rules, refused by the definition
	late    int             // changes for which there was no time
}

func (c *campaign) count(what string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.counts[what]++
}

// note keeps which fields some subject can change, to tell of the others.
func (c *campaign) note(s subject) {
	for _, leaf := range s.leaves {
		c.fields[field(leaf)] = c.fields[field(leaf)] || s.isChanged[leaf.Text()]
	}
}

var indexes = regexp.MustCompile(`\[\d+\]`)

// field is a leaf's place in the definition: of any item, in either spelling.
func field(leaf leaves.Leaf) string {
	text := indexes.ReplaceAllString(leaf.Text(), "[]")
	if rest, isSingle := strings.CutPrefix(text, "backend."); isSingle {
		return "backends[]." + rest
	}
	return text
}

// plant puts objects of somebody else beside a ModelBooster's children, with names much like theirs.
func (c *campaign) plant(booster *unstructured.Unstructured) {
	c.t.Helper()
	for _, suffix := range []string{"-foreign", "x"} {
		o := foreignServer(booster.GetName() + suffix)
		o.SetLabels(map[string]string{rig.BackendLabel: "foreign"})
		c.foreign = append(c.foreign, c.r.Create(o))
	}
}

// end checks what holds of all: nobody else's object was touched, and the controller is at rest.
func (c *campaign) end() {
	c.t.Helper()
	c.r.Settle()
	for _, o := range c.foreign {
		if now := c.r.Find(rig.Servers, o.GetName()); now == nil || now.GetResourceVersion() != o.GetResourceVersion() || now.GetUID() != o.GetUID() {
			c.t.Errorf("%s belongs to somebody else and was touched: %v", o.GetName(), now)
		}
	}
	fmt.Printf("conformance: campaign: %s\n", rig.Summary(c.counts))
	slices.Sort(c.refused)
	for _, text := range c.refused {
		fmt.Printf("conformance: campaign: valid by the rules, refused by the definition: %s\n", text)
	}
	var unchanged []string
	for name, isChanged := range c.fields {
		if !isChanged {
			unchanged = append(unchanged, name)
		}
	}
	slices.Sort(unchanged)
	fmt.Printf("conformance: campaign: %d fields changed; skipped, as no valid other value is known: %s\n", len(c.fields)-len(unchanged),
		strings.Join(unchanged, ", "))
	if c.late > 0 {
		fmt.Printf("conformance: campaign: skipped: no time for %d changes\n", c.late)
	}
	isAnythingMissing := c.counts["changed"] == 0 || c.counts["invalid"] == 0
	if isAnythingMissing && c.late > 0 {
		c.t.Log("skipped: no time for a change of each sort")
	} else if isAnythingMissing {
		c.t.Error("nothing was tried")
	}
}

// worker changes leaf after leaf of one ModelBooster.
type worker struct {
	*campaign
	name       string
	base       rig.Object
	baseShapes []childSet
	first      view // at rest, with the base for its spec
	last       view // at rest, after the last step
	writes     int  // of children, that the steps explain
	complaints int
}

func (w *worker) complain(format string, arguments ...any) {
	w.complaints++
	w.t.Errorf("%s (seed %d): %s", w.name, settings.Seed, fmt.Sprintf(format, arguments...))
}

func (w *worker) work(share []change) {
	var specs []rig.Object
	for _, change := range share {
		if change.isValid {
			specs = append(specs, change.options...)
		}
	}
	stored, err := w.r.In(rig.Boosters).Get(w.r.Context, w.name, metav1.GetOptions{})
	if err != nil {
		w.complain("%v", err)
		return
	}
	rendered, err := renderedOf(stored, append(specs, w.base))
	if err != nil {
		w.complain("%v", err)
		return
	}
	w.baseShapes = rendered[len(specs)]
	if !w.await("the first state", w.baseShapes) {
		return
	}
	w.first = w.last
	for _, change := range share {
		if time.Now().After(w.until) || w.complaints >= complaintsMax {
			w.mutex.Lock()
			w.late++
			w.mutex.Unlock()
			continue
		}
		if change.isValid {
			w.change(change, rendered[:len(change.options)])
			rendered = rendered[len(change.options):]
		} else {
			w.spoil(change)
		}
	}
	w.finish()
}

// finish checks that nothing was written since the last step, and not more than the steps explain.
func (w *worker) finish() {
	w.checkStill("at the end")
	if w.complaints > 0 || w.r.Cluster.Audit == nil {
		return
	}
	seen := 0
	for _, request := range rig.Writes(w.r.Requests()) {
		isOurs := strings.HasPrefix(request.Name, w.name+"-") || request.Name == w.name
		if isOurs && request.Resource != rig.Boosters.Resource && request.Code < 300 && !strings.Contains(request.URI, "dryRun") {
			seen++
		}
	}
	if expected := w.writes + len(w.first.children); seen != expected {
		w.complain("%d writes of its children, %d are explained", seen, expected)
	}
}

// put writes the first of the specs that the definition takes, and says which; -1 when it takes none.
func (w *worker) put(specs []rig.Object) (int, error) {
	var refusal error
	for i, spec := range specs {
		for {
			o, err := w.r.In(rig.Boosters).Get(w.r.Context, w.name, metav1.GetOptions{})
			if err != nil {
				return -1, err
			}
			o.Object["spec"] = leaves.Copy(spec)
			_, err = w.r.In(rig.Boosters).Update(w.r.Context, o, metav1.UpdateOptions{FieldValidation: "Strict"})
			if err == nil {
				return i, nil
			}
			if apierrors.IsConflict(err) {
				continue
			}
			refusal = err
			break
		}
	}
	return -1, refusal
}

// await waits until the ModelBooster has come to rest with these children.
func (w *worker) await(what string, shapes []childSet) bool {
	return w.awaitThat(what, func(now view) string {
		if wrong := now.untrue(truth{"True", "False", "NoFailure"}); wrong != "" {
			return wrong
		}
		return now.unlike(shapes, nothing)
	})
}

// differs is still, but for the ModelBooster itself.
func (v view) differs(now view) string {
	copied := now
	copied.booster = v.booster
	return v.still(copied)
}

func (w *worker) awaitThat(what string, check func(now view) string) bool {
	deadline, pause := time.Now().Add(stepPatience), 10*time.Millisecond
	for {
		now, err := look(w.r, w.name)
		seen := ""
		if err != nil {
			seen = err.Error()
		} else {
			seen = check(now)
		}
		if seen == "" {
			w.last = now
			return true
		}
		if time.Now().After(deadline) {
			w.complain("%s: not within %s: %s", what, stepPatience, seen)
			return false
		}
		time.Sleep(pause)
		pause = min(2*pause, 100*time.Millisecond)
	}
}

// checkStill: between the end of a step and the beginning of the next nothing is written.
func (w *worker) checkStill(what string) {
	now, err := look(w.r, w.name)
	if err != nil {
		w.complain("%s: %v", what, err)
		return
	}
	if moved := w.last.still(now); moved != "" {
		w.complain("%s: written to after it had come to rest: %s", what, moved)
	}
}

// change makes a valid change, and takes it back.
func (w *worker) change(c change, rendered [][]childSet) {
	w.checkStill("before " + c.what)
	before := w.last
	option, err := w.put(c.options)
	if option < 0 {
		w.mutex.Lock()
		w.refused = append(w.refused, fmt.Sprintf("%s: %.200s", c.what, err))
		w.mutex.Unlock()
		w.count("refused at the door")
		return
	}
	isDone := w.settle(c, "", rendered[option])
	if isDone {
		w.explain(c.what, before)
	}
	if isDone && needsRecreate(w.last) {
		w.recreate(c, rendered[option])
	}
	w.back(c)
	w.count(strings.Fields(c.what)[0])
}

// settle waits for the end of an edit. A gangPolicy that lives cannot change: the ModelServing keeps it, and Failed says so where another is wanted.
func (w *worker) settle(c change, back string, shapes []childSet) bool {
	if !c.isOfGang() {
		return w.await(back+c.what, shapes)
	}
	return w.awaitThat(back+c.what, func(now view) string {
		expected := truth{"True", "False", "NoFailure"}
		if needsRecreate(now) {
			expected = truth{"True", "True", "NeedsRecreate"}
		}
		if wrong := now.untrue(expected); wrong != "" {
			return wrong
		}
		return now.unlike(shapes, keptOfGang)
	})
}

// isOfGang: a networkTopology brings a gangPolicy along.
func (c change) isOfGang() bool { return c.leaf.In("gangPolicy") || c.leaf.In("networkTopology") }

func needsRecreate(v view) bool {
	failed := rig.ConditionOf(v.booster, "Failed")
	return failed.Reason == "NeedsRecreate" && strings.Contains(failed.Message, "gangPolicy")
}

func (w *worker) explain(what string, before view) {
	wrong, writes := before.moved(w.last)
	w.writes += writes
	if wrong != "" {
		w.complain("%s: %s", what, wrong)
	}
}

// back puts the base back, and checks that all is as it was.
func (w *worker) back(c change) {
	w.checkStill("after " + c.what)
	before := w.last
	if _, err := w.put([]rig.Object{w.base}); err != nil {
		w.complain("back from %s: %v", c.what, err)
		return
	}
	if !w.settle(c, "back from ", w.baseShapes) {
		return
	}
	w.explain("back from "+c.what, before)
	if needsRecreate(w.last) {
		w.recreate(c, w.baseShapes)
	}
	if c.isOfGang() {
		w.dropGang(c)
	}
	if wrong := w.first.unlikeView(w.last); wrong != "" {
		w.complain("back from %s: %s", c.what, wrong)
	}
}

// recreate allows ModelServings to be made anew, and takes the permission back.
func (w *worker) recreate(c change, shapes []childSet) {
	annotate := func(value any) {
		w.r.Patch(rig.Boosters, w.name, "user", rig.Object{"metadata": rig.Object{"annotations": rig.Object{rig.RecreateAnnotation: value}}})
	}
	before := w.last
	annotate("true")
	if !w.await("made anew after "+c.what, shapes) {
		return
	}
	for name, child := range before.children {
		if now := w.last.children[name]; child.GetKind() == "ModelServing" && now != nil && now.GetUID() != child.GetUID() {
			w.writes += 2
		}
	}
	annotate(nil)
	w.await("not allowed any more after "+c.what, shapes)
	w.count("made anew")
}

// dropGang deletes the ModelServings that keep a gangPolicy which nobody wants any more: they come back without.
func (w *worker) dropGang(c change) {
	kept := false
	for name, child := range w.last.children {
		live, _, _ := unstructured.NestedFieldNoCopy(child.Object, "spec", "template", "gangPolicy")
		first, _, _ := unstructured.NestedFieldNoCopy(w.first.children[name].Object, "spec", "template", "gangPolicy")
		if child.GetKind() == "ModelServing" && !reflect.DeepEqual(live, first) {
			w.r.Delete(rig.Servings, child.GetName(), metav1.DeletePropagationBackground)
			w.writes++
			kept = true
		}
	}
	if kept {
		w.await("without the gangPolicy of "+c.what, w.baseShapes)
		w.count("came back without its gangPolicy")
	}
}

// spoil makes an invalid change, and takes it back. The children stay as they are, to the last version.
func (w *worker) spoil(c change) {
	w.checkStill("before " + c.what)
	before := w.last
	option, err := w.put(c.options)
	if option < 0 && err != nil {
		w.count("refused at the door")
		w.checkStill(c.what + " was refused")
		return
	}
	said := func(now view) string {
		reason := rig.ConditionOf(now.booster, "Failed").Reason
		if reason != "InvalidSpec" && reason != "UnsupportedBackend" {
			return fmt.Sprintf("Failed is %s", reason)
		}
		if wrong := now.untrue(truth{"False", "True", reason}); wrong != "" {
			return wrong
		}
		return before.differs(now)
	}
	if w.awaitThat(c.what, said) {
		w.checkStill("after " + c.what)
	}
	if _, err := w.put([]rig.Object{w.base}); err != nil {
		w.complain("back from %s: %v", c.what, err)
		return
	}
	if w.await("back from "+c.what, w.baseShapes) {
		if moved := before.differs(w.last); moved != "" {
			w.complain("back from %s: %s", c.what, moved)
		}
	}
	w.count("invalid")
}
