/*
 * What the controller learns from the cluster about itself: the images (flags, then ConfigMap, then defaults) and what the
 * installed definitions can hold (from the server's OpenAPI v3 documents). Pure; the shell fetches.
 */
#ifndef MB_CONTROLLER_SETTINGS_H
#define MB_CONTROLLER_SETTINGS_H

#include "booster/reconcile.h"

#define DEFAULT_DOWNLOADER_IMAGE "kthena/downloader:latest"
#define DEFAULT_RUNTIME_IMAGE    "kthena/runtime:latest"
#define CONFIG_MAP_NAME          "model-booster-controller-config"
#define CONFIG_KEY_DOWNLOADER    "model_serving_downloader_image"
#define CONFIG_KEY_RUNTIME       "model_serving_runtime_image"

/* The image of one kind: the flag if given, else the ConfigMap's (trimmed, if not blank), else the default. */
struct str settings_image(const char *flag, const yyjson_val *config_map, const char *key, const char *fallback);

struct definition_facts {
    enum topology_shape topology_shape;
    struct status_shape status_shape;
    struct str dropped; /* fields of SPEC section 2 that this ModelBooster definition drops: "spec.paused, ..."; empty when none */
};

/* `openapi`: the OpenAPI v3 document of workload.serving.volcano.sh/v1alpha1. NULL gives what our own definitions hold. */
struct definition_facts settings_definition_facts(struct arena *arena, const yyjson_val *openapi);

#endif
