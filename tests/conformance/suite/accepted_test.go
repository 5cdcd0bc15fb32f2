package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"model-booster.local/conformance/cluster"
	"model-booster.local/conformance/rig"
)

// inputs are all files that hold valid ModelBoosters: our examples, the golden inputs, and the examples of others.
func inputs(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, folder := range []string{projectFile("examples"), projectFile("tests", "golden"), settings.Peers()} {
		_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
				return nil
			}
			if len(boostersOf(path)) > 0 {
				paths = append(paths, path)
			} else if isOurs := filepath.Dir(path) == projectFile("examples") || filepath.Base(path) == "booster.yaml"; isOurs {
				t.Errorf("%s holds no ModelBooster", path)
			}
			return nil
		})
	}
	for _, folder := range []string{projectFile("examples"), projectFile("tests", "golden")} {
		if !slices.ContainsFunc(paths, func(path string) bool { return strings.HasPrefix(path, folder) }) {
			t.Fatalf("no ModelBooster under %s", folder)
		}
	}
	sort.Strings(paths)
	return paths
}

func boostersOf(path string) []*unstructured.Unstructured {
	documents, err := cluster.ReadDocuments(path)
	if err != nil {
		return nil
	}
	var boosters []*unstructured.Unstructured
	for _, document := range documents {
		if document.GetKind() == "ModelBooster" && document.GroupVersionKind().Group == rig.Boosters.Group {
			boosters = append(boosters, document)
		}
	}
	return boosters
}

func label(path string) string {
	if name, err := filepath.Rel(settings.Root, path); err == nil {
		return strings.TrimPrefix(name, "../shared/")
	}
	return path
}

// checkValid fails where `validate` finds an input wrong: it would have no children, and nothing would be tried.
func checkValid(t *testing.T, path string) {
	t.Helper()
	if output, err := exec.Command(settings.Binary, "validate", "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("validate -f %s: %v\n%s", path, err, output)
	}
}

// Our definitions are accepted without a warning, and deploy/crds holds what the program prints.
func TestDefinitionsAreAcceptedWithoutWarnings(t *testing.T) {
	if len(definitionWarnings) > 0 {
		t.Errorf("the API server warned: %q", definitionWarnings)
	}
	needOurs(t, "text of ours")
	shipped, err := cluster.ReadDefinitions(projectFile("deploy", "crds"))
	if err != nil {
		t.Fatal(err)
	}
	if len(shipped) != len(definitions) {
		t.Fatalf("deploy/crds holds %d definitions, `model-booster crds` prints %d", len(shipped), len(definitions))
	}
	for _, definition := range shipped {
		if !reflect.DeepEqual(definition.Object, definitionOf(t, definition.GetName()).Object) {
			t.Errorf("deploy/crds and `model-booster crds` differ in %s", definition.GetName())
		}
	}
}

// The children of every example and golden input are accepted as rendered: strict validation finds no unknown
// field, no warning is given, and everything that was sent is there when read back.
func TestChildrenOfEveryExampleAndGoldenInputAreAcceptedAsRendered(t *testing.T) {
	t.Parallel()
	for _, path := range inputs(t) {
		t.Run(label(path), func(t *testing.T) {
			checkValid(t, path)
			for _, booster := range boostersOf(path) {
				seen := map[string]bool{}
				for _, target := range settings.RenderTargets() {
					children := func(uid string) []*unstructured.Unstructured { return render(t, path, booster.GetName(), uid, target) }
					if shape := mustMarshal(children("")); !seen[shape] {
						seen[shape] = true
						acceptChildren(t, booster, children)
					}
				}
			}
		})
	}
}

// What render cannot show, since it depends on what lives, is accepted just so: the expected children of the golden cases with a live.yaml.
func TestGoldenChildrenOfLiveObjectsAreAcceptedAsWritten(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(projectFile("tests", "golden", "*", "live.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no live.yaml under tests/golden (%v)", err)
	}
	for _, path := range paths {
		folder := filepath.Dir(path)
		t.Run(label(folder), func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(folder, "children.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			acceptChildren(t, boostersOf(filepath.Join(folder, "booster.yaml"))[0], func(uid string) []*unstructured.Unstructured {
				children, err := cluster.ParseDocuments([]byte(strings.ReplaceAll(string(data), unknownUID, uid)), folder)
				if err != nil {
					t.Fatal(err)
				}
				return children
			})
		})
	}
}

// The check of the tests above is sharp: strict validation refuses an unknown field, and where one is dropped in silence the comparison names it.
func TestPrunedFieldIsNoticed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	noticed := 0
	for _, child := range render(t, projectFile("examples", "autoscaling-backend.yaml"), "", unknownUID, "kthena-0.1") {
		resource, _ := rig.ResourceOf(child)
		child.SetNamespace("")
		child.SetOwnerReferences(nil)
		rig.Spec(child)["notInTheDefinition"] = "lost"
		if _, err := r.In(resource).Create(r.Context, child, metav1.CreateOptions{FieldValidation: "Strict"}); !apierrors.IsBadRequest(err) {
			t.Errorf("%s with an unknown field, strictly: %v", child.GetKind(), err)
		}
		live, err := r.In(resource).Create(r.Context, child, metav1.CreateOptions{FieldValidation: "Ignore"})
		if err != nil {
			t.Errorf("%s with an unknown field, unchecked: %v", child.GetKind(), err)
			continue
		}
		if lost := missing(child.Object, live.Object, ""); !slices.Equal(lost, []string{".spec.notInTheDefinition"}) {
			t.Errorf("%s: the comparison notices %q", child.GetKind(), lost)
		}
		noticed++
	}
	if noticed < len(rig.Children) {
		t.Errorf("%d children were compared, of %d kinds", noticed, len(rig.Children))
	}
}

// unknownUID stands in rendered children for that of a ModelBooster without one.
const unknownUID = "00000000-0000-0000-0000-000000000000"

// acceptChildren creates what children makes for the uid of a ModelBooster that lives.
func acceptChildren(t *testing.T, booster *unstructured.Unstructured, children func(uid string) []*unstructured.Unstructured) {
	t.Helper()
	r := newRig(t)
	warnings := &cluster.Warnings{}
	config := shared.Config()
	config.WarningHandler = warnings
	client := dynamic.NewForConfigOrDie(config)
	owner := booster.DeepCopy()
	owner.SetNamespace(r.Namespace)
	// An owner that lives, so that the garbage collector leaves the children alone; whether the owner itself is accepted is another test's matter.
	owner.Object["spec"] = rig.Spec(rig.NewBooster("owner", rig.Backend("a")))
	stored, err := client.Resource(rig.Boosters).Namespace(r.Namespace).Create(r.Context, owner, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	list := children(string(stored.GetUID()))
	if len(list) < 3 {
		t.Errorf("%s has %d children", booster.GetName(), len(list))
	}
	for _, child := range list {
		resource, known := rig.ResourceOf(child)
		if !known {
			t.Errorf("rendered a %s, which is none of our kinds", child.GetKind())
			continue
		}
		name := child.GetKind() + "/" + child.GetName()
		if owner := metav1.GetControllerOf(child); owner == nil || owner.UID != stored.GetUID() {
			t.Errorf("%s: owner %v", name, owner)
		}
		child.SetNamespace(r.Namespace)
		in := client.Resource(resource).Namespace(r.Namespace)
		if _, err := in.Create(r.Context, child, metav1.CreateOptions{FieldValidation: "Strict"}); err != nil {
			t.Errorf("%s refused: %v", name, err)
			continue
		}
		live, err := in.Get(r.Context, child.GetName(), metav1.GetOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, lost := range missing(child.Object, live.Object, "") {
			t.Errorf("%s: not kept as sent: %s", name, lost)
		}
	}
	if len(warnings.Texts) > 0 {
		t.Errorf("warnings: %q", warnings.Texts)
	}
}

// render runs `model-booster render` and returns the children of one ModelBooster of the file, or of all ("").
func render(t *testing.T, path, model, uid, target string) []*unstructured.Unstructured {
	t.Helper()
	if uid == "" {
		uid = unknownUID
	}
	command := exec.Command(settings.Binary, "render", "-f", path, "-o", "json", "--uid", uid, "--target", target)
	var complaint strings.Builder
	command.Stderr = &complaint
	output, err := command.Output()
	if err != nil {
		t.Fatalf("render -f %s: %v\n%s", path, err, complaint.String())
	}
	list := &unstructured.Unstructured{}
	if err := list.UnmarshalJSON(output); err != nil {
		t.Fatalf("render -f %s -o json: %v", path, err)
	}
	if list.GetKind() != "List" || list.GetAPIVersion() != "v1" {
		t.Fatalf("render -o json is a %s %s, not a v1 List", list.GetAPIVersion(), list.GetKind())
	}
	items, _, _ := unstructured.NestedSlice(list.Object, "items")
	var children []*unstructured.Unstructured
	for _, item := range items {
		child := &unstructured.Unstructured{Object: item.(map[string]any)}
		if model == "" || child.GetLabels()[rig.ModelLabel] == model {
			children = append(children, child)
		}
	}
	return children
}

// missing lists the paths of what is in sent but not, or not equal, in live.
func missing(sent, live any, path string) []string {
	switch value := sent.(type) {
	case map[string]any:
		other, ok := live.(map[string]any)
		if !ok {
			return []string{path}
		}
		var lost []string
		for key, item := range value {
			if path == "" && key == "status" {
				continue
			}
			found, present := other[key]
			if !present {
				lost = append(lost, path+"."+key)
				continue
			}
			lost = append(lost, missing(item, found, path+"."+key)...)
		}
		sort.Strings(lost)
		return lost
	case []any:
		other, ok := live.([]any)
		if !ok || len(other) != len(value) {
			return []string{path}
		}
		var lost []string
		for i := range value {
			lost = append(lost, missing(value[i], other[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
		return lost
	}
	if left, _ := json.Marshal(sent); string(left) != mustMarshal(live) {
		return []string{fmt.Sprintf("%s: sent %v, kept %v", path, sent, live)}
	}
	return nil
}

func mustMarshal(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// ModelBoosters are accepted as written: ours by our definitions, Kthena's by Kthena's; and the controller brings each to Initialized.
func TestModelBoostersAreAcceptedInTheDialectOfTheDefinitions(t *testing.T) {
	t.Parallel()
	accepted := 0
	for _, path := range inputs(t) {
		t.Run(label(path), func(t *testing.T) {
			checkValid(t, path)
			for _, booster := range boostersOf(path) {
				if acceptBooster(t, path, booster) {
					accepted++
				}
			}
		})
	}
	if accepted == 0 && time.Now().Before(settings.Deadline) {
		t.Error("not one ModelBooster was accepted")
	}
}

// isOtherDialect says whether an older definition refuses what SPEC section 2 adds: fields, and the sources ms:// and obs://.
func isOtherDialect(err error) bool {
	return apierrors.IsBadRequest(err) && strings.Contains(err.Error(), "unknown field") ||
		apierrors.IsInvalid(err) && (strings.Contains(err.Error(), "modelURI") || strings.Contains(err.Error(), "artifactURL"))
}

func acceptBooster(t *testing.T, path string, booster *unstructured.Unstructured) bool {
	t.Helper()
	r := newRig(t)
	warnings := &cluster.Warnings{}
	config := shared.Config()
	config.WarningHandler = warnings
	client := dynamic.NewForConfigOrDie(config).Resource(rig.Boosters).Namespace(r.Namespace)
	booster = booster.DeepCopy()
	booster.SetNamespace(r.Namespace)
	_, err := client.Create(context.Background(), booster, metav1.CreateOptions{FieldValidation: "Strict"})
	if err != nil && settings.Set != "ours" && !strings.Contains(path, settings.Set) && isOtherDialect(err) {
		t.Skipf("skipped: not in the dialect of %s: %v", settings.Set, err)
	}
	if err != nil {
		t.Errorf("%s refused: %v", booster.GetName(), err)
		return false
	}
	if len(warnings.Texts) > 0 {
		t.Errorf("%s: warnings: %q", booster.GetName(), warnings.Texts)
	}
	r.Start(rig.Flags{})
	o := r.AwaitInitialized(booster.GetName())
	if failed := rig.ConditionOf(o, "Failed"); failed.Status != "False" {
		t.Errorf("%s: Failed=%s %s: %s", booster.GetName(), failed.Status, failed.Reason, failed.Message)
	}
	return true
}
