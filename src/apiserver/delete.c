#include "apiserver/convert.h"
#include "apiserver/internal_call.h"
#include "apiserver/read.h"
#include "apiserver/server.h"
#include "apiserver/write.h"
#include "data/rfc3339.h"

/* DeleteOptions, of the body or else of the query. */
struct delete_options {
    bool has_grace, has_uid, has_revision, has_orphan;
    int64_t grace_s;
    struct str uid, revision, policy; /* policy: "", "Orphan", "Background", "Foreground" */
    bool orphans;
};

static bool is_text(yyjson_mut_val *value) {
    return yyjson_mut_is_str(value);
}

static bool is_text_list(yyjson_mut_val *value) {
    size_t index, max;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(value, index, max, item) {
        if (!yyjson_mut_is_str(item)) return false;
    }
    return yyjson_mut_is_arr(value);
}

static bool is_integer(yyjson_mut_val *value) {
    int64_t number;
    return mut_int64(value, &number);
}

static bool is_bool(yyjson_mut_val *value) {
    return yyjson_mut_is_bool(value);
}

static bool is_object(yyjson_mut_val *value) {
    return yyjson_mut_is_obj(value);
}

struct option_type {
    const char *name, *wanted;
    bool (*is_of_type)(yyjson_mut_val *value);
};

static const struct option_type option_types[] = {
    {"apiVersion", "a string", is_text},           {"kind", "a string", is_text},           {"gracePeriodSeconds", "an int64", is_integer},
    {"preconditions", "an object", is_object},     {"orphanDependents", "a bool", is_bool}, {"propagationPolicy", "a string", is_text},
    {"dryRun", "a list of strings", is_text_list},
};
static const struct option_type precondition_types[] = {{"uid", "a string", is_text}, {"resourceVersion", "a string", is_text}};

/* A null is what is not there, as in Go. */
static bool check_types(struct request *request, yyjson_mut_val *object, const struct option_type *types, size_t count) {
    for (size_t i = 0; i < count; i++) {
        yyjson_mut_val *value = mut_get(object, types[i].name);
        if (yyjson_mut_is_null(value))
            mut_remove(object, types[i].name);
        else if (value && !types[i].is_of_type(value))
            return refuse_bad_request(&request->arena, &request->refusal,
                                      "DeleteOptions in version \"v1\" cannot be handled as a DeleteOptions: %s must be %s, found %s",
                                      types[i].name, types[i].wanted, yyjson_mut_get_type_desc(value));
    }
    return true;
}

/* What is meant by options that are none, nobody can tell; and what is deleted is gone. */
static bool check_body(struct request *request, yyjson_mut_val *body) {
    if (!check_types(request, body, option_types, sizeof option_types / sizeof *option_types) ||
        !check_types(request, mut_get(body, "preconditions"), precondition_types, sizeof precondition_types / sizeof *precondition_types))
        return false;
    struct str kind = mut_text_at(body, "kind");
    if (!kind.len || str_is(kind, "DeleteOptions")) return true;
    return refuse_bad_request(&request->arena, &request->refusal, "the body of a delete must be DeleteOptions, found kind \"%.*s\"",
                              STR_ARG(kind));
}

static bool read_body(struct request *request, struct delete_options *out) {
    yyjson_mut_val *body;
    struct complaints complaints = {0};
    if (!body_read(request, &body, &complaints) || !check_body(request, body)) return false;
    out->has_grace = mut_int64(mut_get(body, "gracePeriodSeconds"), &out->grace_s);
    yyjson_mut_val *preconditions = mut_get(body, "preconditions");
    out->uid = mut_text_at(preconditions, "uid");
    out->has_uid = mut_get(preconditions, "uid");
    out->revision = mut_text_at(preconditions, "resourceVersion");
    out->has_revision = mut_get(preconditions, "resourceVersion");
    out->policy = mut_text_at(body, "propagationPolicy");
    out->has_orphan = yyjson_mut_is_bool(mut_get(body, "orphanDependents"));
    out->orphans = yyjson_mut_is_true(mut_get(body, "orphanDependents"));
    yyjson_mut_val *dry_run = mut_get(body, "dryRun");
    if (!mut_is_empty(dry_run)) {
        request->parameters.has_dry_run = true;
        request->parameters.dry_run = json_mut_text(yyjson_mut_arr_get_first(dry_run));
    }
    return true;
}

static bool check_options(struct request *request, const struct delete_options *options) {
    struct field_errors errors = {.arena = &request->arena};
    if (options->has_orphan && options->policy.len)
        field_errors_add(&errors, FIELD_INVALID, STR("propagationPolicy"), mut_make_text(request->doc, options->policy),
                         "orphanDependents and deletionPropagation cannot be both set");
    if (options->policy.len && !str_is(options->policy, "Orphan") && !str_is(options->policy, "Background") &&
        !str_is(options->policy, "Foreground"))
        field_errors_add(&errors, FIELD_NOT_SUPPORTED, STR("propagationPolicy"), mut_make_text(request->doc, options->policy),
                         "supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"");
    if (!errors.count) return body_check_options(request, "DeleteOptions");
    struct refusal_subject subject = {.resource = STR("DeleteOptions"), .group = STR("meta.k8s.io")};
    return refuse_invalid(&request->arena, &request->refusal, &subject, &errors);
}

static bool read_options(struct request *request, struct delete_options *out) {
    *out = (struct delete_options){0};
    const struct parameters *parameters = &request->parameters;
    if (request->exchange->body.len) {
        if (!read_body(request, out)) return false;
    } else {
        out->has_grace = parameters->has_grace_period_seconds;
        out->grace_s = parameters->grace_period_seconds;
        out->policy = parameters->propagation_policy;
        out->has_orphan = parameters->has_orphan_dependents;
        out->orphans = parameters->orphan_dependents;
    }
    return check_options(request, out);
}

static bool check_preconditions(struct request *request, const struct delete_options *options, const yyjson_mut_val *metadata) {
    struct str uid = mut_text_at(metadata, "uid"), revision = mut_text_at(metadata, "resourceVersion");
    struct refusal_subject subject = request_kind_subject(request); /* rest.BeforeDelete names the kind, not the resource */
    if (options->has_uid && !str_equal(options->uid, uid))
        return refuse_conflict(
            &request->arena, &request->refusal, &subject,
            "the UID in the precondition (%.*s) does not match the UID in record (%.*s). The object might have been deleted and then "
            "recreated",
            STR_ARG(options->uid), STR_ARG(uid));
    if (options->has_revision && !str_equal(options->revision, revision))
        return refuse_conflict(
            &request->arena, &request->refusal, &subject,
            "the ResourceVersion in the precondition (%.*s) does not match the ResourceVersion in record (%.*s). The object might have "
            "been modified",
            STR_ARG(options->revision), STR_ARG(revision));
    return true;
}

static bool is_kind(const struct request *request, const char *group, const char *plural) {
    return request->kind->builtin && str_is(request->kind->group, group) && str_is(request->kind->plural, plural);
}

static bool check_protected(struct request *request) {
    static const char *const immortal[] = {"default", "kube-system", "kube-public"};
    if (!is_kind(request, "", "namespaces")) return true;
    for (size_t i = 0; i < sizeof immortal / sizeof immortal[0]; i++) {
        if (!str_is(request->name, immortal[i])) continue;
        struct refusal_subject subject = request_subject(request);
        return refuse_forbidden(&request->arena, &request->refusal, &subject, "this namespace may not be deleted");
    }
    return true;
}

static void set_finalizer(struct request *request, yyjson_mut_val *metadata, const char *name, bool is_wanted) {
    yyjson_mut_val *list = mut_get(metadata, "finalizers");
    bool is_there = mut_has_text(list, str_of(name));
    if (is_there == is_wanted) return;
    if (is_wanted) {
        if (!yyjson_mut_is_arr(list)) mut_set(request->doc, metadata, "finalizers", list = yyjson_mut_arr(request->doc));
        yyjson_mut_arr_append(list, yyjson_mut_strcpy(request->doc, name));
        return;
    }
    yyjson_mut_arr_iter iterator = yyjson_mut_arr_iter_with(list);
    for (yyjson_mut_val *item; (item = yyjson_mut_arr_iter_next(&iterator));) {
        if (str_is(json_mut_text(item), name)) yyjson_mut_arr_iter_remove(&iterator);
    }
    if (!yyjson_mut_arr_size(list)) mut_remove(metadata, "finalizers");
}

/* store.deletionFinalizersForGarbageCollection */
static void set_finalizers(struct request *request, const struct delete_options *options, yyjson_mut_val *metadata) {
    yyjson_mut_val *list = mut_get(metadata, "finalizers");
    bool orphans = mut_has_text(list, STR("orphan")), waits = mut_has_text(list, STR("foregroundDeletion"));
    if (options->has_orphan)
        orphans = options->orphans, waits = false;
    else if (options->policy.len)
        orphans = str_is(options->policy, "Orphan"), waits = str_is(options->policy, "Foreground");
    set_finalizer(request, metadata, "orphan", orphans);
    set_finalizer(request, metadata, "foregroundDeletion", waits);
}

/* Of one that is going already: only ever less than it was given (rest.BeforeDelete). */
static int64_t shorter_grace(const struct delete_options *options, const yyjson_mut_val *metadata) {
    int64_t given_s = 0, wanted_s = options->grace_s < 0 ? 1 : options->grace_s;
    mut_int64(mut_get(metadata, "deletionGracePeriodSeconds"), &given_s);
    return options->has_grace && wanted_s < given_s ? wanted_s : given_s;
}

/* Seconds that a pod is given to end: none where no kubelet could do it. */
static int64_t grace_of(const struct request *request, const struct delete_options *options, const yyjson_mut_val *object) {
    if (!is_kind(request, "", "pods")) return 0;
    if (mut_path(object, "metadata", "deletionTimestamp", NULL)) return shorter_grace(options, mut_get(object, "metadata"));
    struct str phase = json_mut_text(mut_path(object, "status", "phase", NULL));
    if (!json_mut_text(mut_path(object, "spec", "nodeName", NULL)).len || str_is(phase, "Failed") || str_is(phase, "Succeeded")) return 0;
    int64_t grace_s = 30;
    mut_int64(mut_path(object, "spec", "terminationGracePeriodSeconds", NULL), &grace_s);
    if (options->has_grace) grace_s = options->grace_s;
    return grace_s < 0 ? 1 : grace_s;
}

static void answer_gone(struct request *request, const struct error *error) {
    if (error || (request->kind->builtin && request_has_builtin_flag(request, BUILTIN_RETURNS_DELETED))) {
        write_answer(request, error);
        return;
    }
    yyjson_mut_doc *doc = request->doc;
    yyjson_mut_val *status = yyjson_mut_obj(doc), *details = yyjson_mut_obj(doc);
    mut_set_text(doc, status, "kind", STR("Status"));
    mut_set_text(doc, status, "apiVersion", STR("v1"));
    mut_set(doc, status, "metadata", yyjson_mut_obj(doc));
    mut_set_text(doc, status, "status", STR("Success"));
    mut_set(doc, status, "details", details);
    mut_set_text(doc, details, "name", request->name);
    if (request->kind->group.len) mut_set_text(doc, details, "group", request->kind->group);
    mut_set_text(doc, details, "kind", request->kind->plural);
    struct error ignored;
    yyjson_val *gone = json_parse(&request->arena, blob_view(request->written), &ignored);
    mut_set_text(doc, details, "uid", json_text(json_path(gone, "metadata", "uid", NULL)));
    request_answer_value(request, 200, status);
}

/* The end moves with the grace, but not into the past. */
static void bring_forward(struct request *request, yyjson_mut_val *metadata, int64_t grace_s) {
    int64_t given_s = 0, end_ms = 0, now_ms = loop_wall_ms(request->server->loop);
    struct error error;
    mut_int64(mut_get(metadata, "deletionGracePeriodSeconds"), &given_s);
    if (grace_s >= given_s || !rfc3339_parse_ms(mut_text_at(metadata, "deletionTimestamp"), &end_ms, &error)) return;
    end_ms -= (given_s - grace_s) * 1000;
    if (end_ms < now_ms) end_ms = now_ms;
    mut_set_text(request->doc, metadata, "deletionTimestamp", rfc3339_format_ms(&request->arena, end_ms, RFC3339_SECONDS));
}

static void mark_deleting(struct request *request, yyjson_mut_val *object, int64_t grace_s) {
    yyjson_mut_doc *doc = request->doc;
    yyjson_mut_val *metadata = mut_get(object, "metadata");
    if (!mut_get(metadata, "deletionTimestamp")) {
        struct str when = rfc3339_format_ms(&request->arena, loop_wall_ms(request->server->loop) + grace_s * 1000, RFC3339_SECONDS);
        mut_set_text(doc, metadata, "deletionTimestamp", when);
        int64_t generation = 0;
        if (mut_int64(mut_get(metadata, "generation"), &generation) && generation > 0)
            mut_set_int64(doc, metadata, "generation", generation + 1);
    }
    bring_forward(request, metadata, grace_s);
    if (is_kind(request, "", "namespaces"))
        mut_set_text(doc, mut_need_object(doc, object, "status"), "phase", STR("Terminating"));
    else
        mut_set_int64(doc, metadata, "deletionGracePeriodSeconds", grace_s);
}

void verb_delete(struct request *request) {
    struct delete_options options;
    yyjson_mut_val *live;
    if (!read_options(request, &options) || !check_protected(request)) {
        request_refuse(request);
        return;
    }
    if (write_is_busy(request)) return;
    if (!write_load_live(request, &live) || !check_preconditions(request, &options, mut_get(live, "metadata"))) {
        request_refuse(request);
        return;
    }
    yyjson_mut_val *object = mut_copy(request->doc, live), *metadata = mut_get(object, "metadata");
    set_finalizers(request, &options, metadata);
    if (is_kind(request, "apiextensions.k8s.io", "customresourcedefinitions") && !mut_get(metadata, "deletionTimestamp"))
        set_finalizer(request, metadata, "customresourcecleanup.apiextensions.k8s.io", true);
    int64_t grace_s = grace_of(request, &options, object);
    bool is_held = !mut_is_empty(mut_get(metadata, "finalizers")) || grace_s > 0 ||
                   (is_kind(request, "", "namespaces") && !mut_is_empty(mut_path(object, "spec", "finalizers", NULL)));
    if (!is_held) {
        write_commit(request, STORAGE_DELETED, object, 200, answer_gone);
        return;
    }
    mark_deleting(request, object, grace_s);
    int status = options.has_orphan && !options.orphans ? 202 : 200;
    if (!json_mut_equal(live, object)) {
        write_commit(request, STORAGE_UPDATED, object, status, write_answer);
        return;
    }
    request->status = status;
    request->written = convert_to_storage(request, object) ? mut_blob(&request->arena, object) : NULL;
    if (request->written)
        write_answer(request, NULL);
    else
        request_fail_memory(request);
}

/* A collection goes object by object, each by a request of its own; the answer is the list as it was found. */
struct collection_deletion {
    struct request *request;
    struct list_items items;
    size_t next, under_way;
    bool has_failed;
    int status;
    struct strbuf failure;
    struct str query;
    const char *content_type; /* of the body, which each request carries; NULL: JSON */
};

enum { DELETIONS_AT_ONCE = 32 };

static void delete_some(struct collection_deletion *deletion);

static void one_is_deleted(void *owner, int status, struct str body) {
    struct collection_deletion *deletion = owner;
    deletion->under_way--;
    if (status >= 300 && status != 404 && !deletion->has_failed) {
        deletion->has_failed = true;
        deletion->status = status;
        strbuf_append(&deletion->failure, body);
    }
    delete_some(deletion);
}

static void finish(struct collection_deletion *deletion) {
    struct request *request = deletion->request;
    if (!deletion->has_failed) {
        strbuf_release(&deletion->failure);
        read_answer_list(request, &deletion->items);
        return;
    }
    struct blob *body = blob_new(strbuf_view(&deletion->failure));
    int status = deletion->status;
    strbuf_release(&deletion->failure);
    request_answer_blob(request, status, STR("application/json"), body);
    blob_drop(body);
}

static void delete_some(struct collection_deletion *deletion) {
    struct request *request = deletion->request;
    while (deletion->under_way < DELETIONS_AT_ONCE && deletion->next < deletion->items.count && !deletion->has_failed &&
           request->exchange) {
        const struct list_item *item = &deletion->items.items[deletion->next++];
        deletion->under_way++;
        struct internal_request call = {.method = "DELETE",
                                        .path = internal_object_path(&request->arena, request->kind, item->namespace, item->name),
                                        .query = deletion->query,
                                        .content_type = deletion->content_type,
                                        .body = request->exchange->body};
        if (internal_call(request->server, &call, one_is_deleted, deletion)) continue;
        deletion->under_way--;
        deletion->has_failed = true;
        deletion->status = 500;
    }
    if (!deletion->under_way) finish(deletion);
}

static void delete_selected(void *owner, struct list_items *items) {
    struct collection_deletion *deletion = owner;
    deletion->items = *items;
    delete_some(deletion);
}

void verb_delete_collection(struct request *request) {
    struct delete_options options;
    struct collection_deletion *deletion = arena_alloc(&request->arena, sizeof *deletion);
    if (!deletion || !read_options(request, &options)) {
        request_refuse(request);
        return;
    }
    struct str content_type = exchange_header(request->exchange, "Content-Type");
    deletion->request = request;
    if (content_type.len) deletion->content_type = arena_copy(&request->arena, content_type).ptr;
    deletion->failure = strbuf_with_max(LIMIT_BODY_BYTES);
    const struct parameters *parameters = &request->parameters;
    struct str grace = STR_EMPTY, orphans = STR_EMPTY;
    if (parameters->has_grace_period_seconds)
        grace = arena_printf(&request->arena, "&gracePeriodSeconds=%lld", (long long)parameters->grace_period_seconds);
    if (parameters->has_orphan_dependents)
        orphans = parameters->orphan_dependents ? STR("&orphanDependents=true") : STR("&orphanDependents=false");
    deletion->query = arena_printf(&request->arena, "%s%.*s%s%.*s%.*s%.*s", parameters->propagation_policy.len ? "propagationPolicy=" : "",
                                   STR_ARG(parameters->propagation_policy), request->is_dry_run ? "&dryRun=" : "",
                                   STR_ARG(request->is_dry_run ? STR("All") : STR_EMPTY), STR_ARG(grace), STR_ARG(orphans));
    read_select(request, delete_selected, deletion);
}
