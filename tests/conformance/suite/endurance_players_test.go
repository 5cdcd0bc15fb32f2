package conformance

import (
	"encoding/json"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"model-booster.local/conformance/rig"
)

// players play the ModelServing controller: every ModelServing is reported as available for its generation. They go on through restarts of the
// API server.
type players struct {
	r    *rig.Rig
	work chan *unstructured.Unstructured
	over chan struct{}
	done sync.WaitGroup
}

func newPlayers(r *rig.Rig) *players {
	p := &players{r: r, work: make(chan *unstructured.Unstructured, 10_000), over: make(chan struct{})}
	p.done.Add(1)
	go p.follow()
	for range 4 {
		p.done.Add(1)
		go p.report()
	}
	return p
}

func (p *players) stop() {
	close(p.over)
	p.done.Wait()
}

func (p *players) isOver() bool {
	select {
	case <-p.over:
		return true
	default:
		return false
	}
}

// follow lists and watches, for as long as it lasts, and begins again.
func (p *players) follow() {
	defer p.done.Done()
	defer close(p.work)
	for !p.isOver() {
		list, err := p.r.In(rig.Servings).List(p.r.Context, metav1.ListOptions{})
		if err != nil {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		for i := range list.Items {
			p.take(&list.Items[i])
		}
		w, err := p.r.In(rig.Servings).Watch(p.r.Context, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
		if err != nil {
			continue
		}
		for isOpen := true; isOpen; {
			select {
			case event, open := <-w.ResultChan():
				if isOpen = open; isOpen {
					if serving, isObject := event.Object.(*unstructured.Unstructured); isObject {
						p.take(serving)
					}
				}
			case <-p.over:
				isOpen = false
			}
		}
		w.Stop()
	}
}

func (p *players) take(serving *unstructured.Unstructured) {
	observed, _, _ := unstructured.NestedInt64(serving.Object, "status", "observedGeneration")
	if serving.GetKind() != "ModelServing" || serving.GetDeletionTimestamp() != nil || observed == serving.GetGeneration() {
		return
	}
	select {
	case p.work <- serving:
	case <-p.over:
	}
}

func (p *players) report() {
	defer p.done.Done()
	for serving := range p.work {
		data, err := json.Marshal(rig.Object{"status": rig.AvailableStatus(serving)})
		if err != nil {
			p.r.T.Error(err)
			return
		}
		for !p.isOver() {
			_, err := p.r.In(rig.Servings).Patch(p.r.Context, serving.GetName(), types.MergePatchType, data, metav1.PatchOptions{FieldManager: "serving-controller"},
				"status")
			if err == nil || apierrors.IsNotFound(err) {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}
