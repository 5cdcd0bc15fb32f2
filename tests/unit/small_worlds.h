/*
 * Small worlds for tests of the reconcile machine: a server with one ModelBooster m, and a shell that runs it. Texts are JSON with ' for
 * ", as fake_server_create and fake_server_edit read them.
 */
#ifndef MB_TESTS_SMALL_WORLDS_H
#define MB_TESTS_SMALL_WORLDS_H

#include "reconcile_shell.h"

#define WORKERS             "'workers':[{'image':'vllm:1','resources':{'limits':{'nvidia.com/gpu':1}}}]"
#define BACKEND(name, more) "{'name':'" name "','type':'vLLM','modelURI':'hf://org/model'," more "," WORKERS "}"
#define ONE                 "'minReplicas':1,'maxReplicas':1"
#define RANGE               "'minReplicas':1,'maxReplicas':4"
#define COSTED              RANGE ",'scalingCost':1"
#define POLICY              "'autoscalingPolicy':{'metrics':[{'metricName':'waiting','targetValue':'10'}]}"
/* A gang of which so many of two must start together. */
#define GANG(together)                                                                                                                     \
    "{'name':'a','type':'vLLM','modelURI':'hf://org/model'," ONE ",'gangPolicy':{'enabled':true,'minRoleReplicas':{'leader':" #together    \
    "}},"                                                                                                                                  \
    "'workers':[{'image':'vllm:1','replicas':2}]}"

#define BOOSTER_NAMED(name, spec)                                                                                                          \
    "{'apiVersion':'workload.serving.volcano.sh/v1alpha1','kind':'ModelBooster','metadata':{'name':'" name "'},'spec':{" spec "}}"
#define BOOSTER(spec)  BOOSTER_NAMED("m", spec)
#define BACKENDS(list) "'backends':[" list "]"
/* A merge patch of the spec. */
#define EDIT(spec) "{'spec':{" spec "}}"

#define ONE_BACKEND    BOOSTER(BACKENDS(BACKEND("a", ONE)))
#define TWO_BACKENDS   BOOSTER(BACKENDS(BACKEND("a", ONE) "," BACKEND("b", ONE)))
#define SCALED_BACKEND BOOSTER(BACKENDS(BACKEND("a", RANGE "," POLICY)))
#define SCALED_MODEL   BOOSTER(POLICY "," BACKENDS(BACKEND("a", COSTED)))

/* A server with that ModelBooster, and a shell that has listed it. */
struct shell *world_begin(const char *booster);
/* The same at rest, its requests so far forgotten. */
struct shell *world_rest(const char *booster);
/* Frees both. */
void world_end(struct shell *shell);
/* A merge patch on the ModelBooster. */
void world_edit(struct shell *shell, const char *patch);
/* As fake_server_field and fake_server_condition. */
const char *world_field(struct shell *shell, enum child_kind kind, const char *name, const char *path);
const char *world_condition(struct shell *shell, const char *type, const char *field);

/* The requests since they were last looked at. */
#define assert_requests(shell, text) assert_string_equal(shell_take_trace(shell), text)
#define assert_contains(text, part)                                                                                                        \
    do {                                                                                                                                   \
        const char *whole = (text);                                                                                                        \
        if (!strstr(whole, part)) fail_msg("%s is not in: %s", part, whole);                                                               \
    } while (0)

/* For fake_server's admission: refuses all of the kind that the context points to. */
const char *world_refuse_kind(void *kind_pointer, int kind, yyjson_mut_doc *doc, yyjson_mut_val *object);

#endif
