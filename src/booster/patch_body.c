#include "booster/patch_body.h"

#include <inttypes.h>

struct str body_create(struct arena *arena, const struct child *desired) {
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write(&text, desired->object);
    return strbuf_take(&text, arena);
}

struct str body_dry_run(struct arena *arena, const struct child *desired) {
    yyjson_mut_doc *doc = json_builder(arena);
    yyjson_mut_val *object = yyjson_val_mut_copy(doc, json_loose(desired->object));
    yyjson_mut_val *metadata = yyjson_mut_obj_get(object, "metadata");
    yyjson_mut_obj_remove_key(metadata, "name");
    json_add_text(doc, metadata, "generateName", arena_printf(arena, "%.*s-", STR_ARG(desired->name)));
    struct child renamed = *desired;
    renamed.object = json_freeze(arena, object);
    return body_create(arena, &renamed);
}

static void begin_operation(struct strbuf *out, const char *operation, struct str pointer) {
    strbuf_append(out, out->len > 1 ? STR(",") : STR(""));
    strbuf_printf(out, "{\"op\":\"%s\",\"path\":", operation);
    json_write_text(out, pointer);
}

static void add_value(struct strbuf *out, const char *operation, struct str pointer, const yyjson_val *value) {
    begin_operation(out, operation, pointer);
    strbuf_append(out, STR(",\"value\":"));
    json_write(out, value);
    strbuf_append_char(out, '}');
}

static void add_text(struct strbuf *out, const char *operation, struct str pointer, struct str value) {
    begin_operation(out, operation, pointer);
    strbuf_append(out, STR(",\"value\":"));
    json_write_text(out, value);
    strbuf_append_char(out, '}');
}

/* A key as a JSON pointer token (RFC 6901): ~ is ~0, / is ~1. */
static struct str member_pointer(struct arena *arena, const char *parent, struct str key) {
    struct strbuf text = strbuf_with_max(4096);
    strbuf_printf(&text, "%s/", parent);
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] == '~')
            strbuf_append(&text, STR("~0"));
        else if (key.ptr[i] == '/')
            strbuf_append(&text, STR("~1"));
        else
            strbuf_append_char(&text, key.ptr[i]);
    }
    return strbuf_take(&text, arena);
}

static void add_map(struct arena *arena, struct strbuf *out, const char *parent, bool exists, const yyjson_val *map) {
    if (json_is_empty(map)) return;
    if (!exists) {
        add_value(out, "add", str_of(parent), map);
        return;
    }
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(json_loose(map), index, max, key, value) {
        add_value(out, "add", member_pointer(arena, parent, json_text(key)), value);
    }
}

static void add_owner(struct arena *arena, struct strbuf *out, const struct child *desired, const struct observed *live,
                      const struct booster *booster) {
    yyjson_val *references = json_path(desired->object, "metadata", "ownerReferences", NULL);
    bool is_ours = str_equal(live->owner_uid, booster->uid);
    if (is_ours && live->is_controlled_by_owner) return;
    if (!live->has_owners) {
        add_value(out, "add", STR("/metadata/ownerReferences"), references);
        return;
    }
    struct str pointer =
        is_ours ? arena_printf(arena, "/metadata/ownerReferences/%" PRIu32, live->owner_index) : STR("/metadata/ownerReferences/-");
    add_value(out, is_ours ? "replace" : "add", pointer, yyjson_arr_get_first(references));
}

/* A child that another controller or an older generator made: from now on its input is known, so that an edit is told from an upgrade. */
static void add_frozen_rendered(struct arena *arena, struct strbuf *out, const struct child *desired, const struct observed *live) {
    if (live->has_rendered) return;
    struct str rendered = arena_printf(
        arena, "{\"generator\":\"unknown\",\"downloader\":\"\",\"runtime\":\"\",\"input\":\"%016" PRIx64 "\"}", desired->input_hash);
    if (!live->has_annotations) begin_operation(out, "add", STR("/metadata/annotations")), strbuf_append(out, STR(",\"value\":{}}"));
    add_text(out, "add", member_pointer(arena, "/metadata/annotations", STR(ANNOTATION_RENDERED)), rendered);
}

static void add_suspend_annotation(struct arena *arena, struct strbuf *out, const struct child *desired, const struct observed *live,
                                   bool has_map) {
    struct str key = STR(ANNOTATION_REPLICAS_BEFORE_SUSPEND);
    struct str pointer = member_pointer(arena, "/metadata/annotations", key);
    yyjson_val *wanted = json_get_str(json_path(desired->object, "metadata", "annotations", NULL), key);
    if (wanted && has_map) add_value(out, "add", pointer, wanted);
    if (wanted || !live->has_replicas_before) return;
    begin_operation(out, "remove", pointer);
    strbuf_append_char(out, '}');
}

struct str body_patch(struct arena *arena, const struct booster *booster, const struct child *desired, const struct observed *live,
                      enum patch_extent extent) {
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    yyjson_val *metadata = json_get(desired->object, "metadata"), *spec = json_get(desired->object, "spec");
    strbuf_append_char(&out, '[');
    add_text(&out, "replace", STR("/metadata/resourceVersion"), live->resource_version);
    if (extent == PATCH_WHOLE) {
        add_value(&out, "replace", STR("/spec"), spec);
        add_map(arena, &out, "/metadata/labels", live->has_labels, json_get(metadata, "labels"));
        add_map(arena, &out, "/metadata/annotations", live->has_annotations, json_get(metadata, "annotations"));
        add_suspend_annotation(arena, &out, desired, live, false);
    } else {
        add_value(&out, "add", STR("/spec/replicas"), json_get(spec, "replicas"));
        add_frozen_rendered(arena, &out, desired, live);
        add_suspend_annotation(arena, &out, desired, live, true);
    }
    add_owner(arena, &out, desired, live, booster);
    strbuf_append_char(&out, ']');
    return strbuf_take(&out, arena);
}

struct str body_delete(struct arena *arena, const struct observed *live) {
    struct strbuf text = strbuf_with_max(4096);
    strbuf_append(
        &text, STR("{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Background\",\"preconditions\":{\"uid\":"));
    json_write_text(&text, live->uid);
    strbuf_append(&text, STR(",\"resourceVersion\":"));
    json_write_text(&text, live->resource_version);
    strbuf_append(&text, STR("}}"));
    return strbuf_take(&text, arena);
}

struct str body_status(struct arena *arena, struct str resource_version, const yyjson_val *status) {
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_append(&text, STR("{\"metadata\":{\"resourceVersion\":"));
    json_write_text(&text, resource_version);
    strbuf_append(&text, STR("},\"status\":"));
    json_write(&text, status);
    strbuf_append_char(&text, '}');
    return strbuf_take(&text, arena);
}
