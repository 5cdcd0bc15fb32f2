package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand"
	"os/exec"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"model-booster.local/conformance/leaves"
	"model-booster.local/conformance/rig"
)

// change is one way to change one leaf.
type change struct {
	leaf    leaves.Leaf
	what    string
	options []rig.Object // specs, the best first: those behind it are for where the definition refuses it
	isValid bool         // by the rules
}

// subject is a rich ModelBooster whose leaves are changed, on several ModelBoosters side by side.
type subject struct {
	base      rig.Object // its spec, as the API server stores it
	leaves    []leaves.Leaf
	changes   []change
	isChanged map[string]bool // leaves for which a valid other value is known
}

const (
	optionsTried = 3  // specs of one change
	valuesTried  = 24 // values of one leaf
)

// newSubject looks for a valid and an invalid other value for each leaf, and tries to do without it.
func newSubject(t *testing.T, stored *unstructured.Unstructured, random *rand.Rand) subject {
	t.Helper()
	s := subject{base: leaves.Copy(rig.Spec(stored)), isChanged: map[string]bool{}}
	type trial struct {
		leaf int
		kind string
		spec rig.Object
	}
	s.leaves = leaves.Of(s.base, boosterSchema(t))
	var trials []trial
	for i, leaf := range s.leaves {
		try := func(kind string, values []any) {
			for _, value := range values[:min(len(values), valuesTried)] {
				spec := leaves.Copy(s.base)
				leaves.Set(spec, leaf.Path, value)
				trials = append(trials, trial{i, kind, spec})
			}
		}
		try("changed", leaf.Others())
		if !leaf.Orphan {
			try("wrong", leaf.Wrong())
		}
		if spec := leaves.Copy(s.base); leaf.Present && leaves.Remove(spec, leaf.Path) {
			trials = append(trials, trial{i, "removed", spec})
		}
	}
	specs := make([]rig.Object, len(trials))
	for i := range trials {
		specs[i] = trials[i].spec
	}
	wrong := invalidOf(t, stored.GetName(), specs)
	changes := map[string]*change{}
	for i, trial := range trials {
		isValid := !wrong[i]
		if trial.kind == "changed" && !isValid || trial.kind == "wrong" && isValid {
			continue
		}
		leaf := s.leaves[trial.leaf]
		key := trial.kind + " spec." + leaf.Text()
		if changes[key] == nil {
			changes[key] = &change{leaf: leaf, what: key, isValid: isValid}
		}
		if c := changes[key]; len(c.options) < optionsTried {
			c.options = append(c.options, trial.spec)
		}
	}
	for _, leaf := range s.leaves {
		for _, kind := range []string{"changed", "wrong", "removed"} {
			if c := changes[kind+" spec."+leaf.Text()]; c != nil {
				s.changes = append(s.changes, *c)
				s.isChanged[leaf.Text()] = s.isChanged[leaf.Text()] || kind == "changed"
			}
		}
	}
	random.Shuffle(len(s.changes), func(i, k int) { s.changes[i], s.changes[k] = s.changes[k], s.changes[i] })
	return s
}

// boosterSchema is what the definition says of a ModelBooster's spec.
func boosterSchema(t *testing.T) rig.Object {
	t.Helper()
	versions, _, _ := unstructured.NestedSlice(definitionOf(t, rig.Definition(rig.Boosters)).Object, "spec", "versions")
	schema, found, err := unstructured.NestedMap(versions[0].(rig.Object), "schema", "openAPIV3Schema", "properties", "spec")
	if !found || err != nil {
		t.Fatalf("the definition has no schema of a spec: %v", err)
	}
	return schema
}

// documents writes ModelBoosters of one name, each in a namespace numbered like its spec.
func documents(name, uid string, specs []rig.Object) *bytes.Buffer {
	var text bytes.Buffer
	for i, spec := range specs {
		data, _ := json.Marshal(rig.Object{"apiVersion": rig.Boosters.GroupVersion().String(), "kind": "ModelBooster", "spec": spec,
			"metadata": rig.Object{"name": name, "uid": uid, "namespace": fmt.Sprintf("n%d", i)}})
		fmt.Fprintf(&text, "---\n%s\n", data)
	}
	return &text
}

// numberOf is the inverse of the namespaces of documents.
func numberOf(namespace string) (number int) {
	if _, err := fmt.Sscanf(namespace, "n%d", &number); err != nil {
		return -1
	}
	return number
}

// batch is how many ModelBoosters are checked or rendered at once: their stream has a limit of its own.
const batch = 500

// invalidOf tells which specs `model-booster validate` finds invalid.
func invalidOf(t *testing.T, name string, specs []rig.Object) map[int]bool {
	t.Helper()
	wrong := map[int]bool{}
	for begin := 0; begin < len(specs); begin += batch {
		for number := range invalidOfBatch(t, name, specs[begin:min(begin+batch, len(specs))]) {
			wrong[begin+number] = true
		}
	}
	return wrong
}

func invalidOfBatch(t *testing.T, name string, specs []rig.Object) map[int]bool {
	t.Helper()
	command := exec.Command(settings.Binary, "validate", "-o", "json", "-f", "-")
	command.Stdin = documents(name, unknownUID, specs)
	output, _ := command.Output() // exit status 1 says that there are findings
	var report struct {
		Boosters int
		Findings []struct{ Namespace, Severity string }
	}
	if err := json.Unmarshal(output, &report); err != nil || report.Boosters != len(specs) {
		t.Fatalf("validate: %v, %d of %d ModelBoosters in\n%.2000s", err, report.Boosters, len(specs), output)
	}
	wrong := map[int]bool{}
	for _, finding := range report.Findings {
		if finding.Severity == "error" {
			wrong[numberOf(finding.Namespace)] = true
		}
	}
	return wrong
}

// renderedEach are the children of each of these ModelBoosters, by its name, in every shape the definitions know.
func renderedEach(boosters []unstructured.Unstructured) (map[string][]childSet, error) {
	var text bytes.Buffer
	sets := map[string][]childSet{}
	for i := range boosters {
		o := &boosters[i]
		data, _ := json.Marshal(rig.Object{"apiVersion": o.GetAPIVersion(), "kind": o.GetKind(), "spec": o.Object["spec"],
			"metadata": rig.Object{"name": o.GetName(), "uid": string(o.GetUID()), "namespace": o.GetNamespace()}})
		fmt.Fprintf(&text, "---\n%s\n", data)
	}
	for _, target := range settings.RenderTargets() {
		children, err := renderStream(text.Bytes(), target)
		if err != nil {
			return nil, err
		}
		shape := map[string]childSet{}
		for i := range children {
			child := &children[i]
			name := child.GetLabels()[rig.ModelLabel]
			if shape[name] == nil {
				shape[name] = childSet{}
			}
			shape[name].add(child)
		}
		for name, set := range shape {
			sets[name] = append(sets[name], set)
		}
	}
	return sets, nil
}

// renderStream renders a stream of ModelBoosters with the images that controllers of the tests have.
func renderStream(stream []byte, target string) ([]unstructured.Unstructured, error) {
	command := exec.Command(settings.Binary, "render", "-f", "-", "-o", "json", "--target", target,
		"--downloader-image", rig.DownloaderImage, "--runtime-image", rig.RuntimeImage)
	command.Stdin = bytes.NewReader(stream)
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	list := &unstructured.UnstructuredList{}
	if err := list.UnmarshalJSON(output); err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	return list.Items, nil
}

// renderedOf are the children of each spec as `model-booster render` prints them for this ModelBooster, in every shape the definitions know.
func renderedOf(o *unstructured.Unstructured, specs []rig.Object) ([][]childSet, error) {
	sets := make([][]childSet, len(specs))
	for _, target := range settings.RenderTargets() {
		children, err := renderStream(documents(o.GetName(), string(o.GetUID()), specs).Bytes(), target)
		if err != nil {
			return nil, err
		}
		shape := make([]childSet, len(specs))
		for i := range shape {
			shape[i] = childSet{}
		}
		for i := range children {
			number := numberOf(children[i].GetNamespace())
			unstructured.RemoveNestedField(children[i].Object, "metadata", "namespace")
			shape[number].add(&children[i])
		}
		for i := range sets {
			sets[i] = append(sets[i], shape[i])
		}
	}
	return sets, nil
}
