#include "apiserver/write.h"

#include "apiserver/convert.h"
#include "apiserver/escalation.h"
#include "apiserver/object_meta.h"
#include "apiserver/scale.h"
#include "apiserver/server.h"
#include "schema/builtin.h"
#include "schema/managed.h"

struct str write_manager(const struct request *request) {
    if (request->parameters.field_manager.len) return request->parameters.field_manager;
    struct str agent = request->exchange ? exchange_header(request->exchange, "User-Agent") : STR_EMPTY;
    size_t end = 0;
    while (end < agent.len && end < 128 && agent.ptr[end] != '/' && (unsigned char)agent.ptr[end] >= 0x20) end++;
    return end ? str_first(agent, end) : STR("unknown");
}

/*
 * What was made by a definition or for a namespace that is just changing would be stored behind that change and yet not follow it: not of
 * the new stored version, or in a namespace that has been found empty.
 */
static bool waits_for_another(struct request *request) {
    struct objects *objects = request->server->objects;
    struct collection *collection = request->server->definitions;
    struct str namespace = STR_EMPTY, name = STR_EMPTY;
    if (request->is_dry_run) return false;
    if (request->kind->is_defined) name = arena_join(&request->arena, request->kind->plural, STR("."), request->kind->group);
    if (!name.len || !objects_is_busy(objects, collection, namespace, name)) {
        collection = request->server->namespaces;
        name = request->kind->is_namespaced ? request->namespace : STR_EMPTY;
    }
    if (!name.len || !objects_is_busy(objects, collection, namespace, name)) return false;
    request_wait_for(request, collection, namespace, name);
    return true;
}

bool write_is_busy(struct request *request) {
    if (waits_for_another(request)) return true;
    if (!objects_is_busy(request->server->objects, request->collection, request->namespace, request->name)) return false;
    request_wait(request);
    return true;
}

bool write_load(struct request *request, const struct object *object, yyjson_mut_val **out) {
    struct error error;
    struct blob *body = objects_body(request->server->objects, object->revision, &error);
    if (!body) return refuse_internal(&request->arena, &request->refusal, "%s", error.message);
    struct str text = arena_copy(&request->arena, blob_view(body));
    blob_drop(body);
    *out = mut_parse(&request->arena, request->doc, text, &error);
    return *out ? true : refuse_internal(&request->arena, &request->refusal, "%s", error.message);
}

bool write_load_live(struct request *request, yyjson_mut_val **out) {
    struct object *object = objects_find(request->collection, request->namespace, request->name);
    struct refusal_subject subject = request_subject(request);
    if (!object) return refuse_not_found(&request->arena, &request->refusal, &subject);
    if (!write_load(request, object, out)) return false;
    return convert_from_storage(request, *out) || refuse_internal(&request->arena, &request->refusal, "memory is out");
}

void write_answer(struct request *request, const struct error *error) {
    if (!error && request->answer_written) {
        request->answer_written(request, NULL);
        return;
    }
    if (!error) {
        request_answer_object(request, request->status, request->written, INT64_MAX);
        return;
    }
    refuse_internal(&request->arena, &request->refusal, "%s", error->message);
    request_refuse(request);
}

static void committed(void *owner, const struct error *error) {
    struct request *request = owner;
    request->after(request, error);
}

/* metadata.ownerReferences[*].uid, for the index. */
static const struct str *owners_of(struct request *request, const yyjson_mut_val *object, size_t *out_count) {
    yyjson_mut_val *references = mut_path(object, "metadata", "ownerReferences", NULL), *reference;
    *out_count = 0;
    size_t index, max, count = yyjson_mut_arr_size(references);
    struct str *owners = count ? arena_array(&request->arena, count, sizeof *owners) : NULL;
    if (!owners) return NULL;
    yyjson_mut_arr_foreach(references, index, max, reference) owners[(*out_count)++] = mut_text_at(reference, "uid");
    return owners;
}

void write_commit(struct request *request, enum storage_change change, yyjson_mut_val *object, int status,
                  void (*after)(struct request *request, const struct error *error)) {
    struct objects *objects = request->server->objects;
    yyjson_mut_val *metadata = mut_get(object, "metadata");
    request->status = status;
    request->after = after;
    if (!request->is_dry_run) {
        struct str revision = arena_printf(&request->arena, "%lld", (long long)objects_next_revision(objects));
        mut_set_text(request->doc, metadata, "resourceVersion", revision);
    }
    struct str uid = mut_text_at(metadata, "uid");
    bool is_deleting = mut_get(metadata, "deletionTimestamp");
    size_t owner_count;
    const struct str *owners = owners_of(request, object, &owner_count);
    request->written = convert_to_storage(request, object) ? mut_blob(&request->arena, object) : NULL;
    /* Whatever ran out of memory on the way here, what it left out must not become durable. */
    if (!request->written || request->arena.exhausted) {
        request_fail_memory(request);
        return;
    }
    if (request->written->len > LIMIT_OBJECT_BYTES && change != STORAGE_DELETED && !is_deleting) {
        refuse_plain(&request->arena, &request->refusal, 413, "RequestEntityTooLarge",
                     "Request entity too large: the object would have %zu bytes, limit is %d", request->written->len, LIMIT_OBJECT_BYTES);
        request_refuse(request);
        return;
    }
    if (request->is_dry_run) {
        after(request, NULL);
        return;
    }
    struct commit commit = {.change = change,
                            .collection = request->collection,
                            .namespace = request->namespace,
                            .name = request->name,
                            .uid = uid,
                            .is_deleting = is_deleting,
                            .owners = owners,
                            .owner_count = owner_count,
                            .body = request->written};
    if (!objects_commit(objects, &commit, committed, request)) request_fail_memory(request);
}

/* Schemas may hold null for a value. */
static bool is_about_definitions(const struct request *request) {
    return str_is(request->kind->group, "apiextensions.k8s.io");
}

/* Prunes, complains, defaults. */
static bool shape(struct request *request, yyjson_mut_val *object, struct complaints *complaints) {
    struct arena *arena = &request->arena;
    struct schema_unknown unknown = {0};
    if (!meta_shape(request, object, complaints)) return false;
    const struct schema *schema = request->version->schema;
    if (schema && !schema_prune(schema, arena, request->doc, object, &unknown))
        return refuse_internal(arena, &request->refusal, "memory is out");
    for (size_t i = 0; i < unknown.count; i++) complain(arena, complaints, "unknown", unknown.paths[i]);
    if (!body_settle_complaints(request, complaints)) return false;
    const struct builtin_kind *builtin = request->kind->builtin;
    if (builtin) {
        if (!is_about_definitions(request)) convert_drop_nulls(request, object);
        if (!convert_check_types(request, object)) return false;
        if (!builtin_default(request->kind->group, request->kind->kind, arena, request->doc, object))
            return refuse_internal(arena, &request->refusal, "memory is out");
        if (builtin->complete) builtin->complete(arena, request->doc, object, NULL, request->now);
        return true;
    }
    if (schema && !schema_default(schema, arena, request->doc, object)) return refuse_internal(arena, &request->refusal, "memory is out");
    return true;
}

static bool has_status_subresource(const struct request *request) {
    for (size_t i = 0; i < request->version->subresource_count; i++) {
        if (str_is(request->version->subresources[i].name, "status")) return true;
    }
    return false;
}

static bool has_generation(const struct request *request) {
    return !request->kind->builtin || request_has_builtin_flag(request, BUILTIN_HAS_GENERATION);
}

static bool validate(struct request *request, const yyjson_mut_val *object, const yyjson_mut_val *old) {
    struct arena *arena = &request->arena;
    struct field_errors errors = {.arena = arena};
    meta_validate(request, object, old, &errors);
    const struct builtin_kind *builtin = request->kind->builtin;
    bool is_of_status = request->subresource && is_about_definitions(request); /* a definition is judged by what it is to be alone */
    if (builtin && builtin->validate && !is_of_status) builtin->validate(arena, object, old, &errors);
    if (!builtin && request->version->schema) schema_validate(request->version->schema, arena, object, old, &errors);
    if (!errors.count) return true;
    struct refusal_subject kind = request_kind_subject(request);
    return refuse_invalid(arena, &request->refusal, &kind, &errors);
}

static struct managed_request managed_request_of(const struct request *request) {
    bool is_status = request->subresource && str_is(request->subresource->name, "status");
    return (struct managed_request){.schema = request->version->schema,
                                    .manager = write_manager(request),
                                    .subresource = request->subresource ? request->subresource->name : STR_EMPTY,
                                    .api_version = request_api_version(request),
                                    .now = request->now,
                                    .is_force = request->parameters.is_force,
                                    .resets_status = !is_status && has_status_subresource(request),
                                    .resets_all_but_status = is_status};
}

static bool track_managers(struct request *request, yyjson_mut_val *object, const yyjson_mut_val *live) {
    struct managed_request managed = managed_request_of(request);
    if (managed_update(&managed, &request->arena, request->doc, object, live)) return true;
    return refuse_internal(&request->arena, &request->refusal, "memory is out");
}

/* The NamespaceLifecycle admission plugin. */
static bool admit_to_namespace(struct request *request) {
    if (!request->kind->is_namespaced) return true;
    struct object *namespace = objects_find(request->server->namespaces, STR_EMPTY, request->namespace);
    struct refusal_subject subject = {.resource = STR("namespaces"), .name = request->namespace};
    if (!namespace) return refuse_not_found(&request->arena, &request->refusal, &subject);
    if (!namespace->is_deleting) return true;
    subject = request_subject(request);
    refuse_forbidden(&request->arena, &request->refusal, &subject,
                     "unable to create new content in namespace %.*s because it is being terminated", STR_ARG(request->namespace));
    struct refusal_cause *cause = arena_alloc(&request->arena, sizeof *cause);
    if (!cause) return false;
    *cause =
        (struct refusal_cause){.reason = STR("NamespaceTerminating"),
                               .message = arena_printf(&request->arena, "namespace %.*s is being terminated", STR_ARG(request->namespace)),
                               .field = STR("metadata.namespace")};
    request->refusal.causes = cause;
    request->refusal.cause_count = 1;
    return false;
}

static void prepare_create(struct request *request, yyjson_mut_val *object) {
    yyjson_mut_val *metadata = mut_need_object(request->doc, object, "metadata");
    meta_wipe(request, metadata);
    if (has_generation(request)) mut_set_int64(request->doc, metadata, "generation", 1);
    if (!request->kind->builtin && has_status_subresource(request)) mut_remove(object, "status");
}

/* What the kind itself makes of it is nobody's. */
static void apply_strategy(struct request *request, yyjson_mut_val *object, const yyjson_mut_val *live) {
    const struct builtin_kind *builtin = request->kind->builtin;
    if (builtin && builtin->prepare && !request->subresource) builtin->prepare(&request->arena, request->doc, object, live, request->now);
}

static bool refuse_taken(struct request *request, bool is_generated) {
    struct refusal_subject subject = request_subject(request);
    refuse_exists(&request->arena, &request->refusal, &subject);
    if (!is_generated) return false;
    request->refusal.retry_after_s = 1;
    request->refusal.message = arena_join(&request->arena, request->refusal.message,
                                          STR(", the server was not able to generate a unique name for the object"), STR_EMPTY);
    return false;
}

static bool refuse_other_name(struct request *request, struct str name) {
    return refuse_bad_request(&request->arena, &request->refusal, "the name of the object (%.*s) does not match the name on the URL (%.*s)",
                              STR_ARG(name), STR_ARG(request->name));
}

/* metadata.name, generated where only generateName is there: as in Kubernetes, its first 58 bytes and five characters. */
static bool settle_name(struct request *request, yyjson_mut_val *object, bool *out_is_generated) {
    yyjson_mut_val *metadata = mut_need_object(request->doc, object, "metadata");
    struct str name = mut_text_at(metadata, "name"), prefix = mut_text_at(metadata, "generateName");
    *out_is_generated = false;
    if (!name.len && prefix.len) {
        *out_is_generated = true;
        struct str suffix = server_random_suffix(request->server, &request->arena);
        name = arena_join(&request->arena, str_first(prefix, 58), suffix, STR_EMPTY);
        mut_set_text(request->doc, metadata, "name", name);
    }
    if (request->name.len && name.len && !str_equal(name, request->name)) return refuse_other_name(request, name);
    if (name.len) request->name = name;
    return true;
}

static bool make_new(struct request *request, yyjson_mut_val *object, struct complaints *complaints, bool is_applied,
                     bool *out_is_generated) {
    if (!shape(request, object, complaints)) return false;
    if (!meta_check_namespace(request, object) || !settle_name(request, object, out_is_generated)) return false;
    if (request->kind->is_terminating) {
        struct refusal_subject kind = request_subject(request);
        refuse_method(&request->arena, &request->refusal, &kind, "create");
        request->refusal.message = STR("create not allowed while custom resource definition is terminating");
        return false;
    }
    struct str revision = mut_text_at(mut_get(object, "metadata"), "resourceVersion"),
               uid = mut_text_at(mut_get(object, "metadata"), "uid");
    struct refusal_subject subject = request_subject(request);
    if (is_applied && uid.len)
        return refuse_conflict(&request->arena, &request->refusal, &subject,
                               "uid mismatch: the provided object specified uid %.*s, and no existing object was found", STR_ARG(uid));
    if (!is_applied && revision.len && !str_is(revision, "0"))
        return refuse_bad_request(&request->arena, &request->refusal, "resourceVersion should not be set on objects to be created");
    if (!admit_to_namespace(request)) return false;
    prepare_create(request, object);
    if (!escalation_check(request, object, NULL)) return false;
    if (!is_applied && !track_managers(request, object, NULL)) return false;
    apply_strategy(request, object, NULL);
    return validate(request, object, NULL);
}

static void create(struct request *request, yyjson_mut_val *object, struct complaints *complaints, bool is_applied) {
    bool is_generated = false;
    /* An update or a patch that creates is both. */
    if (!request_may(request, VERB_CREATE) || !make_new(request, object, complaints, is_applied, &is_generated)) {
        request_refuse(request);
        return;
    }
    if (write_is_busy(request)) return;
    if (objects_find(request->collection, request->namespace, request->name)) {
        refuse_taken(request, is_generated);
        request_refuse(request);
        return;
    }
    write_commit(request, STORAGE_CREATED, object, 201, write_answer);
}

void write_create(struct request *request, yyjson_mut_val *object, struct complaints *complaints) {
    create(request, object, complaints, false);
}

/* What the request may change at all: status through its subresource, everything else without. */
static void keep_to_subresource(struct request *request, const yyjson_mut_val *live, yyjson_mut_val **object) {
    if (!request->subresource) {
        if (has_status_subresource(request)) mut_take(request->doc, *object, "status", live);
        return;
    }
    if (str_is(request->subresource->name, "scale")) return; /* made from the live object by scale.c */
    yyjson_mut_val *sent = *object, *kept = mut_copy(request->doc, live);
    yyjson_mut_val *metadata = mut_get(kept, "metadata"), *sent_metadata = mut_get(sent, "metadata");
    if (str_is(request->subresource->name, "status")) mut_take(request->doc, kept, "status", sent);
    if (str_is(request->subresource->name, "finalize")) {
        mut_take(request->doc, mut_need_object(request->doc, kept, "spec"), "finalizers", mut_get(sent, "spec"));
    }
    if (request->kind->builtin) {
        mut_take(request->doc, metadata, "labels", sent_metadata);
        mut_take(request->doc, metadata, "annotations", sent_metadata);
    }
    if (mut_get(sent_metadata, "managedFields")) mut_take(request->doc, metadata, "managedFields", sent_metadata);
    *object = kept;
}

/* A patch meets the object's own rules, and meets them twice there. */
static bool refuse_uid(struct request *request, const yyjson_mut_val *metadata) {
    struct field_errors errors = {.arena = &request->arena};
    for (int i = 0; i < 2; i++)
        field_errors_add(&errors, FIELD_INVALID, STR("metadata.uid"), mut_get(metadata, "uid"), "field is immutable");
    struct refusal_subject kind = request_kind_subject(request);
    return refuse_invalid(&request->arena, &request->refusal, &kind, &errors);
}

static bool check_preconditions(struct request *request, const yyjson_mut_val *live, const yyjson_mut_val *object, bool is_applied) {
    const yyjson_mut_val *metadata = mut_get(object, "metadata"), *live_metadata = mut_get(live, "metadata");
    struct refusal_subject subject = request_subject(request);
    struct str uid = mut_text_at(metadata, "uid"), live_uid = mut_text_at(live_metadata, "uid");
    if (uid.len && !str_equal(uid, live_uid) && request->verb == VERB_PATCH && !is_applied) return refuse_uid(request, metadata);
    if (uid.len && !str_equal(uid, live_uid))
        return refuse_conflict(&request->arena, &request->refusal, &subject,
                               "Precondition failed: UID in precondition: %.*s, UID in object meta: %.*s", STR_ARG(uid), STR_ARG(live_uid));
    struct str revision = mut_text_at(metadata, "resourceVersion");
    if ((!revision.len || str_is(revision, "0"))) {
        if (request->kind->builtin && request_has_builtin_flag(request, BUILTIN_UPDATES_UNCONDITIONALLY)) return true;
        struct field_errors errors = {.arena = &request->arena};
        field_errors_add_text(&errors, FIELD_INVALID, STR("metadata.resourceVersion"), STR("0"), STR("must be specified for an update"));
        return refuse_invalid(&request->arena, &request->refusal, &subject, &errors);
    }
    if (str_equal(revision, mut_text_at(live_metadata, "resourceVersion"))) return true;
    return refuse_conflict(&request->arena, &request->refusal, &subject,
                           "the object has been modified; please apply your changes to the latest version and try again");
}

/* Whether a generation counts what stands under this key. */
static bool is_of_spec(struct str key, bool ignores_status) {
    return !str_is(key, "apiVersion") && !str_is(key, "kind") && !str_is(key, "metadata") && !(ignores_status && str_is(key, "status"));
}

static bool differs_in_spec(const yyjson_mut_val *live, yyjson_mut_val *object, bool ignores_status) {
    size_t same = 0, counted = 0;
    yyjson_mut_obj_iter iterator = yyjson_mut_obj_iter_with(object);
    for (yyjson_mut_val *key; (key = yyjson_mut_obj_iter_next(&iterator));) {
        if (!is_of_spec(json_mut_text(key), ignores_status)) continue;
        if (!json_mut_equal(yyjson_mut_obj_iter_get_val(key), mut_get_str(live, json_mut_text(key)))) return true;
        same++;
    }
    iterator = yyjson_mut_obj_iter_with(json_mut_loose(live));
    for (yyjson_mut_val *key; (key = yyjson_mut_obj_iter_next(&iterator));) counted += is_of_spec(json_mut_text(key), ignores_status);
    return same != counted;
}

/* Through status and finalize nothing changes that a generation counts. */
static bool changes_spec(const struct request *request) {
    return !request->subresource || str_is(request->subresource->name, "scale");
}

static void prepare_update(struct request *request, const yyjson_mut_val *live, yyjson_mut_val *object) {
    yyjson_mut_val *metadata = mut_need_object(request->doc, object, "metadata"), *live_metadata = mut_get(live, "metadata");
    static const char *const kept[] = {
        "uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) mut_take(request->doc, metadata, kept[i], live_metadata);
    mut_remove(metadata, "selfLink");
}

static void raise_generation(struct request *request, const yyjson_mut_val *live, yyjson_mut_val *object) {
    int64_t generation = 0;
    yyjson_mut_val *metadata = mut_get(object, "metadata");
    mut_int64(mut_path(live, "metadata", "generation", NULL), &generation);
    if (has_generation(request) && changes_spec(request) && differs_in_spec(live, object, has_status_subresource(request)))
        mut_set_int64(request->doc, metadata, "generation", generation + 1);
}

/* Whether nothing holds an object that is being deleted any more. */
static bool is_ready_to_go(const yyjson_mut_val *object) {
    const yyjson_mut_val *metadata = mut_get(object, "metadata");
    int64_t grace_s = 0;
    if (!mut_get(metadata, "deletionTimestamp") || !mut_is_empty(mut_get(metadata, "finalizers"))) return false;
    if (mut_int64(mut_get(metadata, "deletionGracePeriodSeconds"), &grace_s) && grace_s != 0) return false;
    bool is_namespace = str_is(mut_text_at(object, "kind"), "Namespace") && str_is(mut_text_at(object, "apiVersion"), "v1");
    return !is_namespace || mut_is_empty(mut_path(object, "spec", "finalizers", NULL));
}

/* `complaints` NULL: the object is shaped already. */
static bool make_update(struct request *request, const yyjson_mut_val *live, yyjson_mut_val **object, struct complaints *complaints,
                        bool is_applied) {
    if ((complaints && !shape(request, *object, complaints)) || !meta_check_namespace(request, *object)) return false;
    struct str name = mut_text_at(mut_get(*object, "metadata"), "name");
    if (!str_equal(name, request->name)) return refuse_other_name(request, name);
    if (!check_preconditions(request, live, *object, is_applied)) return false;
    keep_to_subresource(request, live, object);
    prepare_update(request, live, *object);
    if (!escalation_check(request, *object, live)) return false;
    if (!is_applied && !track_managers(request, *object, live)) return false;
    apply_strategy(request, *object, live);
    raise_generation(request, live, *object);
    return validate(request, *object, live);
}

static void update(struct request *request, const yyjson_mut_val *live, yyjson_mut_val *object, struct complaints *complaints,
                   bool is_applied) {
    if (!make_update(request, live, &object, complaints, is_applied)) {
        request_refuse(request);
        return;
    }
    if (is_ready_to_go(object)) {
        write_commit(request, STORAGE_DELETED, object, 200, write_answer);
    } else if (!json_mut_equal(live, object)) {
        write_commit(request, STORAGE_UPDATED, object, 200, write_answer);
    } else {
        request->status = 200;
        request->written = convert_to_storage(request, object) ? mut_blob(&request->arena, object) : NULL;
        if (request->written)
            write_answer(request, NULL);
        else
            request_fail_memory(request);
    }
}

bool write_refuse_patch(struct request *request, const yyjson_mut_val *object, struct str words) {
    struct field_errors errors = {.arena = &request->arena};
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    yyjson_val *frozen = json_freeze(&request->arena, object);
    if (frozen) json_write_canonical(&text, frozen);
    field_errors_add_text(&errors, FIELD_INVALID, STR("patch"), field_error_quote(&request->arena, strbuf_view(&text)), words);
    strbuf_release(&text);
    struct refusal_subject nothing = {0};
    return refuse_invalid(&request->arena, &request->refusal, &nothing, &errors);
}

void write_refuse_as_patch(struct request *request, const yyjson_mut_val *object) {
    struct str message = request->refusal.message, before = STR(" cannot be handled as a ");
    size_t at = str_find(message, before), colon = at == SIZE_MAX ? SIZE_MAX : str_find(str_from(message, at), STR(": "));
    if (object && request->refusal.code == 400 && colon != SIZE_MAX) write_refuse_patch(request, object, str_from(message, at + colon + 2));
}

/* What only the shaping of a patched object finds is told of the patch. */
void write_patched(struct request *request, const yyjson_mut_val *live, yyjson_mut_val *object, struct complaints *complaints) {
    yyjson_mut_val *copy = mut_copy(request->doc, object);
    if (copy && shape(request, copy, complaints)) {
        update(request, live, copy, NULL, false);
        return;
    }
    if (copy) write_refuse_as_patch(request, object);
    request_refuse(request);
}

void write_update(struct request *request, const yyjson_mut_val *live, yyjson_mut_val *object, struct complaints *complaints) {
    update(request, live, object, complaints, false);
}

void write_applied(struct request *request, const yyjson_mut_val *live, yyjson_mut_val *object, struct complaints *complaints) {
    if (live)
        update(request, live, object, complaints, true);
    else
        create(request, object, complaints, true);
}

void verb_create(struct request *request) {
    yyjson_mut_val *object;
    struct complaints complaints = {0};
    if (!body_check_options(request, "CreateOptions") || !body_read(request, &object, &complaints) ||
        !body_check_kind(request, object, request->kind->group, request->version->version, request->kind->kind)) {
        request_refuse(request);
        return;
    }
    write_create(request, object, &complaints);
}

void verb_update(struct request *request) {
    yyjson_mut_val *object, *live;
    struct complaints complaints = {0};
    if (!body_check_options(request, "UpdateOptions") || !body_read(request, &object, &complaints)) {
        request_refuse(request);
        return;
    }
    if (write_is_busy(request)) return;
    if (scale_is_asked(request)) {
        if (write_load_live(request, &live))
            scale_write(request, live, object, &complaints);
        else
            request_refuse(request);
        return;
    }
    if (!body_check_kind(request, object, request->kind->group, request->version->version, request->kind->kind)) {
        request_refuse(request);
        return;
    }
    bool may_create = request->kind->builtin && request_has_builtin_flag(request, BUILTIN_CREATES_ON_UPDATE) && !request->subresource;
    if (may_create && !objects_find(request->collection, request->namespace, request->name)) {
        write_create(request, object, &complaints);
    } else if (write_load_live(request, &live)) {
        write_update(request, live, object, &complaints);
    } else {
        request_refuse(request);
    }
}
