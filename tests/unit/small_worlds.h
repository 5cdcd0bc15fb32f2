/*
 * Small ModelBoosters for tests of the reconcile machine, with ' for ": fake_server_create and fake_server_edit read them.
 */
#ifndef MB_TESTS_SMALL_WORLDS_H
#define MB_TESTS_SMALL_WORLDS_H

#define WORKERS "'workers':[{'image':'vllm:1','resources':{'limits':{'nvidia.com/gpu':1}}}]"
#define BACKEND(name, more) "{'name':'" name "','type':'vLLM','modelURI':'hf://org/model'," more "," WORKERS "}"
#define ONE "'minReplicas':1,'maxReplicas':1"
#define RANGE "'minReplicas':1,'maxReplicas':4"
#define COSTED RANGE ",'scalingCost':1"
#define POLICY "'autoscalingPolicy':{'metrics':[{'metricName':'waiting','targetValue':'10'}]}"
/* A gang of which so many of two must start together. */
#define GANG(together)                                                                                             \
    "{'name':'a','type':'vLLM','modelURI':'hf://org/model'," ONE ",'gangPolicy':{'enabled':true,'minRoleReplicas':{'leader':" #together "}}," \
    "'workers':[{'image':'vllm:1','replicas':2}]}"

#define BOOSTER_NAMED(name, spec) "{'apiVersion':'workload.serving.volcano.sh/v1alpha1','kind':'ModelBooster','metadata':{'name':'" name "'},'spec':{" spec "}}"
#define BOOSTER(spec) BOOSTER_NAMED("m", spec)
#define BACKENDS(list) "'backends':[" list "]"
/* A merge patch of the spec. */
#define EDIT(spec) "{'spec':{" spec "}}"

#define ONE_BACKEND BOOSTER(BACKENDS(BACKEND("a", ONE)))
#define TWO_BACKENDS BOOSTER(BACKENDS(BACKEND("a", ONE) "," BACKEND("b", ONE)))
#define SCALED_BACKEND BOOSTER(BACKENDS(BACKEND("a", RANGE "," POLICY)))
#define SCALED_MODEL BOOSTER(POLICY "," BACKENDS(BACKEND("a", COSTED)))

#endif
