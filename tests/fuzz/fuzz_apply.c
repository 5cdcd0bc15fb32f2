/*
 * Server-side apply: the first byte is the kind, the next lines what lives, what one manager applies and what another does. Applied again
 * nothing changes; in either order the same comes of two whose fields are apart; what lives stays as it is.
 */
#include "harness.h"
#include "kinds.h"
#include "schema/field_set.h"
#include "schema/managed.h"
#include "schema/typed.h"

struct applying {
    struct arena *arena;
    yyjson_mut_doc *doc;
    const struct schema *schema;
};

static yyjson_mut_val *read_object(const struct applying *applying, struct str text) {
    yyjson_val *value = json_parse(applying->arena, text, NULL);
    return yyjson_is_obj(value) && fuzz_is_plain(value) ? yyjson_val_mut_copy(applying->doc, value) : NULL;
}

static struct str text_of(const struct applying *applying, const yyjson_mut_val *value) {
    return fuzz_json_text(applying->arena, json_freeze(applying->arena, value));
}

/* NULL: refused, in conflict, or out of memory. */
static yyjson_mut_val *apply(const struct applying *applying, const char *manager, const yyjson_mut_val *live,
                             const yyjson_mut_val *applied, enum managed_outcome *outcome) {
    const struct managed_request request = {
        .schema = applying->schema, .manager = str_of(manager), .api_version = STR("v1"), .now = STR("2026-01-02T03:04:05Z")};
    const struct managed_conflict *conflicts = NULL;
    yyjson_mut_val *out = NULL;
    size_t count = 0;
    struct error error = {0};
    struct str live_before = text_of(applying, live), applied_before = text_of(applying, applied);
    *outcome = managed_apply(&request, applying->arena, applying->doc, live, applied, &out, &conflicts, &count, &error);
    if (applying->arena->exhausted) return NULL;
    fuzz_expect(str_equal(live_before, text_of(applying, live)) && str_equal(applied_before, text_of(applying, applied)),
                "an input has changed");
    if (*outcome == MANAGED_INVALID) fuzz_expect_error(&error);
    fuzz_expect((*outcome == MANAGED_CONFLICT) == (count > 0), "%zu conflicts", count);
    for (size_t i = 0; i < count; i++) fuzz_expect(conflicts[i].manager.len && conflicts[i].field.len, "a conflict without a name");
    bool is_applied = *outcome == MANAGED_APPLIED || *outcome == MANAGED_UNCHANGED;
    fuzz_expect(!is_applied || out, "applied, and nothing comes of it");
    return is_applied ? out : NULL;
}

static bool is_same(const struct applying *applying, const yyjson_mut_val *a, const yyjson_mut_val *b) {
    struct typed type = typed_root(applying->schema);
    struct typed_changes changes = typed_compare(&type, applying->arena, a, b);
    return field_set_is_empty(&changes.added) && field_set_is_empty(&changes.modified) && field_set_is_empty(&changes.removed);
}

/* And the metadata that stand there for the managers alone. */
static void drop_managers(yyjson_mut_val *object) {
    yyjson_mut_val *metadata = yyjson_mut_obj_get(object, "metadata");
    yyjson_mut_obj_remove_key(metadata, "managedFields");
    if (yyjson_mut_obj_size(metadata) == 0) yyjson_mut_obj_remove_key(object, "metadata");
}

static const yyjson_mut_val *managers_of(const yyjson_mut_val *object) {
    return yyjson_mut_obj_get(yyjson_mut_obj_get(json_mut_loose(object), "metadata"), "managedFields");
}

static void expect_idempotent(const struct applying *applying, const yyjson_mut_val *once, const yyjson_mut_val *applied) {
    enum managed_outcome outcome;
    /* Who applies nothing but names and empty lists owns nothing, as with Kubernetes, and is a first-comer again. */
    if (!managers_of(once)) return;
    yyjson_mut_val *twice = apply(applying, "one", once, applied, &outcome);
    if (applying->arena->exhausted) return;
    fuzz_expect(twice && is_same(applying, once, twice), "applied twice it is not as once: %s and %s", text_of(applying, once).ptr,
                twice ? text_of(applying, twice).ptr : "refused");
    fuzz_expect(outcome == MANAGED_UNCHANGED || applying->arena->exhausted, "nothing has changed, and it is not told: %s",
                text_of(applying, once).ptr);
}

static void expect_commuting(const struct applying *applying, const yyjson_mut_val *live, const yyjson_mut_val *one,
                             const yyjson_mut_val *other) {
    struct typed type = typed_root(applying->schema);
    struct field_set fields = typed_fields(&type, applying->arena, one), other_fields = typed_fields(&type, applying->arena, other);
    enum managed_outcome outcome;
    if (field_set_intersects(&fields, &other_fields)) return;
    yyjson_mut_val *first = apply(applying, "one", live, one, &outcome),
                   *first_both = first ? apply(applying, "two", first, other, &outcome) : NULL;
    yyjson_mut_val *second = apply(applying, "two", live, other, &outcome),
                   *second_both = second ? apply(applying, "one", second, one, &outcome) : NULL;
    if (!first_both || !second_both || applying->arena->exhausted) return;
    drop_managers(first_both);
    drop_managers(second_both);
    fuzz_expect(is_same(applying, first_both, second_both) || applying->arena->exhausted, "the order matters: %s and %s",
                text_of(applying, first_both).ptr, text_of(applying, second_both).ptr);
}

FUZZ_TARGET(apply) {
    struct str rest = input, first = fuzz_line(&rest), live_text = fuzz_line(&rest), one_text = fuzz_line(&rest);
    enum managed_outcome outcome;
    if (!first.len) return;
    struct applying applying = {arena, json_builder(arena), fuzz_kind(first.ptr[0], FUZZ_KINDS)};
    if (!applying.doc) return;
    yyjson_mut_val *live = read_object(&applying, live_text), *one = read_object(&applying, one_text),
                   *other = read_object(&applying, rest);
    if (!one || (live_text.len && !live)) return;
    yyjson_mut_val *once = apply(&applying, "one", live, one, &outcome);
    if (once && !arena->exhausted) expect_idempotent(&applying, once, one);
    if (other && !arena->exhausted) expect_commuting(&applying, live, one, other);
}
