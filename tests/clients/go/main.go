// Programs as users write them, against the server of KUBECONFIG: client-go's typed client, informers and leader election, and a
// controller-runtime manager that reconciles ModelBoosters. Prints `ok CASE` or `FAILED CASE: why` a line.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

var boosters = schema.GroupVersionResource{Group: "workload.serving.volcano.sh", Version: "v1alpha1", Resource: "modelboosters"}

func booster(name string) *unstructured.Unstructured {
	worker := map[string]any{"image": "example/engine:1", "type": "server", "pods": int64(1), "replicas": int64(1)}
	backend := map[string]any{"name": "gpu", "type": "vLLM", "modelURI": "hf://Qwen/Qwen2.5-0.5B-Instruct", "minReplicas": int64(1),
		"maxReplicas": int64(1), "workers": []any{worker}}
	object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"backends": []any{backend}}}}
	object.SetAPIVersion("workload.serving.volcano.sh/v1alpha1")
	object.SetKind("ModelBooster")
	object.SetName(name)
	object.SetNamespace("default")
	return object
}

func until(what string, is func() bool) error {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if is() {
			return nil
		}
	}
	return errors.New("never: " + what)
}

// Typed objects in protobuf, as kubectl sends them, and conflicts retried.
func typed(ctx context.Context, config *rest.Config) error {
	protobuf := rest.CopyConfig(config)
	protobuf.ContentType = "application/vnd.kubernetes.protobuf"
	protobuf.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	maps := kubernetes.NewForConfigOrDie(protobuf).CoreV1().ConfigMaps("default")
	made, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "go-"}, Data: map[string]string{"n": "0"}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	for range 5 {
		err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
			now, err := maps.Get(ctx, made.Name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			now.Data["n"] += "1"
			_, err = maps.Update(ctx, now, metav1.UpdateOptions{})
			return err
		})
		if err != nil {
			return err
		}
	}
	stale := made.DeepCopy()
	stale.Data["n"] = "stale"
	if _, err := maps.Update(ctx, stale, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		return fmt.Errorf("a stale update: %v", err)
	}
	if err := maps.Delete(ctx, made.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(made.UID))}); err != nil {
		return err
	}
	_, err = maps.Get(ctx, made.Name, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return fmt.Errorf("it is still there: %v", err)
	}
	return nil
}

// Informers see every object once, and what happens to them.
func informer(ctx context.Context, config *rest.Config) error {
	set := kubernetes.NewForConfigOrDie(config)
	factory := informers.NewSharedInformerFactory(set, 0)
	var added, updated, deleted atomic.Int64
	ours := func(object any) bool {
		if gone, is := object.(cache.DeletedFinalStateUnknown); is {
			object = gone.Obj
		}
		return object.(*corev1.ConfigMap).Labels["informer"] == "1"
	}
	_, err := factory.Core().V1().ConfigMaps().Informer().AddEventHandler(cache.FilteringResourceEventHandler{FilterFunc: ours, Handler: cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { added.Add(1) }, UpdateFunc: func(any, any) { updated.Add(1) }, DeleteFunc: func(any) { deleted.Add(1) }}})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	maps := set.CoreV1().ConfigMaps("default")
	for i := range 50 {
		object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("informed-", i), Labels: map[string]string{"informer": "1"}}}
		if _, err := maps.Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return err
		}
		object.Data = map[string]string{"i": "1"}
		if _, err := maps.Update(ctx, object, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	if err := maps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "informer=1"}); err != nil {
		return err
	}
	return until("50 added, 50 updated, 50 deleted", func() bool { return added.Load() == 50 && updated.Load() == 50 && deleted.Load() == 50 })
}

// The dynamic informer of a defined kind, until the controller beside the server has done its work.
func dynamicInformer(ctx context.Context, config *rest.Config) error {
	set := dynamic.NewForConfigOrDie(config)
	factory := dynamicinformer.NewDynamicSharedInformerFactory(set, 0)
	lister := factory.ForResource(boosters).Lister()
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	if _, err := set.Resource(boosters).Namespace("default").Create(ctx, booster("dynamic"), metav1.CreateOptions{}); err != nil {
		return err
	}
	defer set.Resource(boosters).Namespace("default").Delete(context.Background(), "dynamic", metav1.DeleteOptions{})
	return until("Initialized", func() bool {
		object, err := lister.ByNamespace("default").Get("dynamic")
		if err != nil {
			return false
		}
		conditions, _, _ := unstructured.NestedSlice(object.(*unstructured.Unstructured).Object, "status", "conditions")
		for _, condition := range conditions {
			if fields := condition.(map[string]any); fields["type"] == "Initialized" && fields["status"] == "True" {
				return true
			}
		}
		return false
	})
}

// Two candidates, one leader, handed over when it lets go.
func election(ctx context.Context, config *rest.Config) error {
	set := kubernetes.NewForConfigOrDie(config)
	var leading atomic.Int64
	run := func(ctx context.Context, id string) {
		lock := &resourcelock.LeaseLock{LeaseMeta: metav1.ObjectMeta{Name: "clients", Namespace: "default"}, Client: set.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: id}}
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{Lock: lock, ReleaseOnCancel: true, LeaseDuration: 3 * time.Second,
			RenewDeadline: 2 * time.Second, RetryPeriod: 200 * time.Millisecond, Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { leading.Add(1) }, OnStoppedLeading: func() {}}})
	}
	first, stop := context.WithCancel(ctx)
	go run(first, "first")
	if err := until("the first leads", func() bool { return leading.Load() == 1 }); err != nil {
		stop()
		return err
	}
	go run(ctx, "second")
	time.Sleep(300 * time.Millisecond)
	if leading.Load() != 1 {
		stop()
		return errors.New("two leaders")
	}
	stop()
	return until("the second leads", func() bool { return leading.Load() == 2 })
}

type labeller struct{ client.Client }

// Reconcile makes an owned ConfigMap for each ModelBooster that asks for one, and labels it.
func (l labeller) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	object := booster("")
	if err := l.Get(ctx, request.NamespacedName, object); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	child := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: object.GetName() + "-child", Namespace: object.GetNamespace()}}
	_, err := controllerutil.CreateOrUpdate(ctx, l.Client, child, func() error {
		child.Data = map[string]string{"of": object.GetName()}
		return controllerutil.SetControllerReference(object, child, l.Scheme())
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	base := object.DeepCopy()
	object.SetLabels(map[string]string{"seen": "yes"})
	return ctrl.Result{}, l.Patch(ctx, object, client.MergeFrom(base))
}

// A controller-runtime manager: cached reads, owned objects, patches, and garbage collection behind it.
func manager(ctx context.Context, config *rest.Config) error {
	mgr, err := ctrl.NewManager(config, ctrl.Options{Metrics: metricsserver.Options{BindAddress: "0"}})
	if err != nil {
		return err
	}
	if err := ctrl.NewControllerManagedBy(mgr).For(booster("")).Owns(&corev1.ConfigMap{}).Named("labeller").Complete(labeller{mgr.GetClient()}); err != nil {
		return err
	}
	go mgr.Start(ctx)
	direct, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	object := booster("managed")
	if err := direct.Create(ctx, object); err != nil {
		return err
	}
	child := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: "default", Name: "managed-child"}
	err = until("labelled, with its child", func() bool {
		return direct.Get(ctx, client.ObjectKeyFromObject(object), object) == nil && object.GetLabels()["seen"] == "yes" && direct.Get(ctx, key, child) == nil
	})
	if err != nil {
		return err
	}
	if err := direct.Delete(ctx, object); err != nil {
		return err
	}
	return until("the child is collected", func() bool { return apierrors.IsNotFound(direct.Get(ctx, key, child)) })
}

func main() {
	log.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		fmt.Println("FAILED kubeconfig:", err)
		os.Exit(1)
	}
	config.QPS, config.Burst = 500, 500
	failed := 0
	for _, test := range []struct {
		name string
		run  func(context.Context, *rest.Config) error
	}{{"typed", typed}, {"informer", informer}, {"dynamic informer", dynamicInformer}, {"leader election", election}, {"controller-runtime", manager}} {
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		if err := test.run(ctx, config); err != nil {
			failed++
			fmt.Printf("FAILED %s: %v\n", test.name, err)
		} else {
			fmt.Println("ok", test.name)
		}
		cancel()
	}
	if failed > 0 {
		os.Exit(1)
	}
}
