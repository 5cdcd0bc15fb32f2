#include <string.h>

#include "base/limits.h"
#include "booster/checks.h"

/*
 * Every field that some version of the ModelBooster has. A row without fields of its own is passed over whole: text,
 * numbers, and what belongs to Kubernetes or the engine.
 */
enum shape { ONE, LIST, MAP };

struct field {
    const char *name;
    enum shape shape;
    const struct field *fields; /* of the object, of each item, of each member; ends with a NULL name; NULL: not looked into */
};

#define END                                                                                                                                \
    { NULL, ONE, NULL }
#define LEAF(name)                                                                                                                         \
    { name, ONE, NULL }

static const struct field amounts[] = {LEAF("limits"), LEAF("requests"), LEAF("claims"), END};

static const struct field worker_fields[] = {
    LEAF("type"),     LEAF("image"),       LEAF("replicas"),     LEAF("pods"),   {"resources", ONE, amounts},
    LEAF("affinity"), LEAF("tolerations"), LEAF("nodeSelector"), LEAF("config"), END,
};

static const struct field adapter_fields[] = {LEAF("name"), LEAF("artifactURL"), END};

static const struct field stable_fields[] = {
    LEAF("instances"), LEAF("percent"), LEAF("period"), LEAF("selectPolicy"), LEAF("stabilizationWindow"), END,
};
static const struct field panic_fields[] = {LEAF("percent"), LEAF("period"), LEAF("panicThresholdPercent"), LEAF("panicModeHold"), END};
static const struct field scale_up_fields[] = {{"stablePolicy", ONE, stable_fields}, {"panicPolicy", ONE, panic_fields}, END};
static const struct field behavior_fields[] = {{"scaleUp", ONE, scale_up_fields}, {"scaleDown", ONE, stable_fields}, END};
static const struct field metric_fields[] = {LEAF("metricName"), LEAF("targetValue"), END};
static const struct field policy_fields[] = {
    LEAF("tolerancePercent"),
    {"metrics", LIST, metric_fields},
    {"behavior", ONE, behavior_fields},
    END,
};

static const struct field gang_fields[] = {LEAF("enabled"), LEAF("minRoleReplicas"), END};
static const struct field tier_fields[] = {LEAF("highestTierAllowed"), LEAF("highestTierName"), LEAF("mode"), END};
static const struct field topology_fields[] = {
    LEAF("highestTierAllowed"),        LEAF("highestTierName"),          LEAF("mode"),
    {"groupPolicy", ONE, tier_fields}, {"rolePolicy", ONE, tier_fields}, END,
};
static const struct field spread_fields[] = {
    LEAF("maxSkew"),
    LEAF("topologyKey"),
    LEAF("whenUnsatisfiable"),
    LEAF("labelSelector"),
    LEAF("minDomains"),
    LEAF("matchLabelKeys"),
    LEAF("nodeAffinityPolicy"),
    LEAF("nodeTaintsPolicy"),
    END,
};
static const struct field pod_template_fields[] = {LEAF("labels"), LEAF("annotations"), LEAF("spec"), END};
static const struct field variable_fields[] = {LEAF("name"), LEAF("value"), LEAF("valueFrom"), END};
static const struct field source_fields[] = {LEAF("prefix"), LEAF("configMapRef"), LEAF("secretRef"), END};

static const struct field backend_fields[] = {
    LEAF("name"),
    LEAF("type"),
    LEAF("modelURI"),
    LEAF("cacheURI"),
    LEAF("replicas"),
    LEAF("minReplicas"),
    LEAF("maxReplicas"),
    LEAF("routeWeight"),
    LEAF("scalingCost"),
    LEAF("scaleToZeroGracePeriod"),
    {"autoscalingPolicy", ONE, policy_fields},
    {"env", LIST, variable_fields},
    {"envFrom", LIST, source_fields},
    {"loraAdapters", LIST, adapter_fields},
    LEAF("schedulerName"),
    LEAF("runtimeClassName"),
    {"gangPolicy", ONE, gang_fields},
    {"networkTopology", ONE, topology_fields},
    {"topologySpread", LIST, spread_fields},
    {"podTemplate", ONE, pod_template_fields},
    {"workers", LIST, worker_fields},
    END,
};

static const struct field string_match_fields[] = {LEAF("exact"), LEAF("prefix"), LEAF("regex"), END};
static const struct field body_fields[] = {LEAF("model"), END};
static const struct field match_fields[] = {
    {"headers", MAP, string_match_fields},
    {"uri", ONE, string_match_fields},
    {"body", ONE, body_fields},
    END,
};

static const struct field spec_fields[] = {
    LEAF("name"),
    LEAF("owner"),
    LEAF("paused"),
    LEAF("suspend"),
    LEAF("costExpansionRatePercent"),
    {"modelMatch", ONE, match_fields},
    {"autoscalingPolicy", ONE, policy_fields},
    {"backends", LIST, backend_fields},
    {"backend", ONE, backend_fields},
    END,
};

static const struct field owner_fields[] = {
    LEAF("apiVersion"), LEAF("kind"), LEAF("name"), LEAF("uid"), LEAF("controller"), LEAF("blockOwnerDeletion"), END,
};

/* Kubernetes' ObjectMeta. */
static const struct field metadata_fields[] = {
    LEAF("name"),
    LEAF("namespace"),
    LEAF("labels"),
    LEAF("annotations"),
    LEAF("finalizers"),
    {"ownerReferences", LIST, owner_fields},
    LEAF("generateName"),
    LEAF("uid"),
    LEAF("resourceVersion"),
    LEAF("generation"),
    LEAF("creationTimestamp"),
    LEAF("deletionTimestamp"),
    LEAF("deletionGracePeriodSeconds"),
    LEAF("managedFields"),
    LEAF("selfLink"),
    END,
};

static const struct field booster_fields[] = {
    LEAF("apiVersion"), LEAF("kind"), {"metadata", ONE, metadata_fields}, {"spec", ONE, spec_fields}, LEAF("status"), END,
};

static char folded(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

enum { LONGEST_FIELD = 32 };

/* Edits (insert, remove, replace) that make one word of the other, letter case ignored; words of up to LONGEST_FIELD bytes. */
static size_t distance(struct str a, struct str b) {
    size_t row[LONGEST_FIELD + 1];
    for (size_t j = 0; j <= b.len; j++) row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = diagonal + (folded(a.ptr[i - 1]) != folded(b.ptr[j - 1]));
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b.len];
}

/* The known field that the word was probably meant to be, or NULL. */
static const char *nearest(struct str word, const struct field *fields) {
    const char *found = NULL;
    size_t best = word.len / 3 + 1;
    if (word.len > LONGEST_FIELD) return NULL;
    for (; fields->name; fields++) {
        size_t edits = distance(word, str_of(fields->name));
        if (edits < best || (edits == best && !found && edits < word.len)) found = fields->name, best = edits;
    }
    return found;
}

static void report(struct findings *findings, struct str path, yyjson_val *key, const struct field *fields) {
    const char *meant = nearest(json_text(key), fields);
    if (meant) {
        findings_add(findings, RULE_UNKNOWN_FIELD, path, key, "unknown field %s; did you mean %s?", QUOTE(json_text(key)), meant);
        return;
    }
    struct strbuf known = strbuf_with_max(LIMIT_ERROR_MESSAGE_BYTES);
    for (const struct field *field = fields; field->name; field++) strbuf_printf(&known, "%s%s", field == fields ? "" : ", ", field->name);
    struct str list = strbuf_take(&known, findings->arena);
    findings_add(findings, RULE_UNKNOWN_FIELD, path, key, "unknown field %s; remove it; known here are %.*s", QUOTE(json_text(key)),
                 STR_ARG(list));
}

static void check_fields(struct findings *findings, yyjson_val *object, struct str path, const struct field *fields);

/* The recursion follows the table, which is a few levels deep. */
static void check_value(struct findings *findings, yyjson_val *value, struct str path, const struct field *field) {
    size_t index, max;
    yyjson_val *key, *item;
    if (!field->fields) return;
    if (field->shape == ONE) {
        check_fields(findings, value, path, field->fields);
    } else if (field->shape == LIST && yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, index, max, item) {
            check_fields(findings, item, model_index_path(findings->arena, path, index), field->fields);
        }
    } else if (field->shape == MAP && yyjson_is_obj(value)) {
        yyjson_obj_foreach(value, index, max, key, item) {
            check_fields(findings, item, model_key_path(findings->arena, path, json_text(key)), field->fields);
        }
    }
}

static void check_fields(struct findings *findings, yyjson_val *object, struct str path, const struct field *fields) {
    size_t index, max;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(object)) return;
    yyjson_obj_foreach(object, index, max, key, value) {
        const struct field *field = fields;
        struct str at = model_key_path(findings->arena, path, json_text(key));
        while (field->name && !json_is_text(key, field->name)) field++;
        if (field->name)
            check_value(findings, value, at, field);
        else
            report(findings, at, key, fields);
    }
}

void check_unknown_fields(const struct booster *booster, struct findings *findings) {
    check_fields(findings, booster->object, STR_EMPTY, booster_fields);
}
