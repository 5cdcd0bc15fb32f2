#include "apiserver/read.h"

#include <stdlib.h>

#include "apiserver/convert.h"
#include "apiserver/list_token.h"
#include "apiserver/server.h"

bool read_filter(struct request *request, struct filter *out) {
    if (!filter_read(&request->arena, request->kind, request->version, request->namespace, request->parameters.label_selector,
                     request->parameters.field_selector, out, &request->refusal))
        return false;
    if (!request->name.len) return true;
    if (out->name.len && !str_equal(out->name, request->name))
        return refuse_bad_request(&request->arena, &request->refusal, "fieldSelector metadata.name doesn't match requested name");
    out->name = request->name;
    return true;
}

static bool add_item(struct arena *arena, struct list_items *list, struct list_item item) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        struct list_item *items = arena_array(arena, capacity, sizeof *items);
        if (!items) return false;
        for (size_t i = 0; i < list->count; i++) items[i] = list->items[i];
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return true;
}

bool read_is_selected(const struct filter *filter, const struct list_item *item, struct blob *body) {
    if (!filter->needs_body) return filter_matches(filter, item->namespace, item->name, NULL);
    struct arena scratch;
    struct error error;
    arena_init(&scratch, REQUEST_ARENA_BYTES);
    yyjson_val *object = json_parse(&scratch, blob_view(body), &error);
    bool matches = object && filter_matches(filter, item->namespace, item->name, object);
    arena_release(&scratch);
    return matches;
}

/* One page: from (namespace, name) on, at most `limit` (0: all). */
struct page {
    struct str from_namespace, from_name;
    int64_t limit;
};

/* Those that only their text can tell are all taken: select.c looks at them, and counts. */
static bool take_item(struct request *request, const struct filter *filter, const struct page *page, struct list_item item,
                      struct list_items *out, bool *out_is_full) {
    if (!filter->needs_body && !filter_matches(filter, item.namespace, item.name, NULL)) return true;
    if (!filter->needs_body && page->limit > 0 && (int64_t)out->count == page->limit) {
        *out_is_full = true;
        out->remaining++;
        return true;
    }
    item.namespace = arena_copy(&request->arena, item.namespace);
    item.name = arena_copy(&request->arena, item.name);
    return add_item(&request->arena, out, item) || refuse_internal(&request->arena, &request->refusal, "memory is out");
}

static bool collect_present(struct request *request, const struct filter *filter, const struct page *page, struct list_items *out,
                            bool *out_is_full) {
    if (filter->namespace.len && filter->name.len) {
        struct object *object = objects_find(request->collection, filter->namespace, filter->name);
        if (!object) return true;
        return take_item(request, filter, page, (struct list_item){object->namespace, object->name, object->revision}, out, out_is_full);
    }
    struct str namespace = page->from_namespace.len ? page->from_namespace : filter->namespace;
    for (struct object *object = collection_from(request->collection, namespace, page->from_name); object;
         object = collection_next(object)) {
        if (filter->namespace.len && !str_equal(filter->namespace, object->namespace)) break;
        if (!take_item(request, filter, page, (struct list_item){object->namespace, object->name, object->revision}, out, out_is_full))
            return false;
        if (*out_is_full && !filter->is_everything) break; /* only a whole list says how many are left */
    }
    return true;
}

/* The state at a revision that has passed: what is still as it was then, and what rows written since have replaced. */
struct past {
    struct request *request;
    struct list_items *all;
    int64_t revision;
    bool has_failed;
};

static bool add_replaced(void *context, const struct storage_row *row) {
    struct past *past = context;
    if (row->revision > objects_revision(past->request->server->objects)) return false; /* durable, but the index has the one before */
    if (row->previous == 0 || row->previous > past->revision || !str_equal(row->resource, collection_resource(past->request->collection)))
        return true;
    struct list_item item = {arena_copy(&past->request->arena, row->namespace), arena_copy(&past->request->arena, row->name),
                             row->previous};
    past->has_failed = !add_item(&past->request->arena, past->all, item);
    return !past->has_failed;
}

static int compare_items(const void *left, const void *right) {
    const struct list_item *a = left, *b = right;
    int order = str_compare(a->namespace, b->namespace);
    return order ? order : str_compare(a->name, b->name);
}

static bool collect_past(struct request *request, const struct filter *filter, const struct page *page, int64_t revision,
                         struct list_items *out, bool *out_is_full) {
    struct list_items all = {0};
    struct past past = {.request = request, .all = &all, .revision = revision};
    struct error error;
    for (struct object *object = collection_from(request->collection, STR_EMPTY, STR_EMPTY); object; object = collection_next(object)) {
        if (object->revision > revision) continue;
        if (!add_item(&request->arena, &all, (struct list_item){object->namespace, object->name, object->revision}))
            return refuse_internal(&request->arena, &request->refusal, "memory is out");
    }
    if (!storage_each_change_after(request->server->storage, revision, add_replaced, &past, &error))
        return refuse_internal(&request->arena, &request->refusal, "%s", error.message);
    if (past.has_failed) return refuse_internal(&request->arena, &request->refusal, "memory is out");
    if (all.count) qsort(all.items, all.count, sizeof *all.items, compare_items);
    struct list_item from = {page->from_namespace, page->from_name, 0};
    for (size_t i = 0; i < all.count; i++) {
        if (compare_items(&all.items[i], &from) < 0) continue;
        if (filter->namespace.len && !str_equal(filter->namespace, all.items[i].namespace)) continue;
        if (!take_item(request, filter, page, all.items[i], out, out_is_full)) return false;
        if (*out_is_full && !filter->is_everything) break;
    }
    return true;
}

bool read_candidates_now(struct request *request, const struct filter *filter, struct list_items *out) {
    struct page page = {0};
    bool is_full = false;
    out->revision = objects_revision(request->server->objects);
    return collect_present(request, filter, &page, out, &is_full);
}

static bool check_list_options(struct request *request) {
    const struct parameters *parameters = &request->parameters;
    struct str match = parameters->resource_version_match;
    struct field_errors errors = {.arena = &request->arena};
    struct str field = STR("resourceVersionMatch");
    if (match.len) {
        if (!parameters->resource_version.len)
            field_errors_add(&errors, FIELD_FORBIDDEN, field, NULL, "resourceVersionMatch is forbidden unless resourceVersion is provided");
        if (parameters->continue_token.len)
            field_errors_add(&errors, FIELD_FORBIDDEN, field, NULL, "resourceVersionMatch is forbidden when continue is provided");
        if (!str_is(match, "Exact") && !str_is(match, "NotOlderThan"))
            field_errors_add(&errors, FIELD_NOT_SUPPORTED, field, mut_make_text(request->doc, match),
                             "supported values: \"Exact\", \"NotOlderThan\", \"\"");
        if (str_is(match, "Exact") && str_is(parameters->resource_version, "0"))
            field_errors_add(&errors, FIELD_FORBIDDEN, field, NULL,
                             "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
    }
    if (parameters->has_send_initial_events)
        field_errors_add(&errors, FIELD_FORBIDDEN, STR("sendInitialEvents"), NULL, "sendInitialEvents is forbidden for list");
    if (!errors.count) return true;
    struct refusal_subject subject = {.resource = STR("ListOptions"), .group = STR("meta.k8s.io")};
    return refuse_invalid(&request->arena, &request->refusal, &subject, &errors);
}

bool read_refuse_future(struct request *request, int64_t revision) {
    struct refusal_cause *cause = arena_alloc(&request->arena, sizeof *cause);
    if (!cause) return refuse_internal(&request->arena, &request->refusal, "memory is out");
    *cause = (struct refusal_cause){.reason = STR("ResourceVersionTooLarge"), .message = STR("Too large resource version")};
    request->refusal = (struct refusal){.code = 504,
                                        .reason = "Timeout",
                                        .message = arena_printf(&request->arena, "Timeout: Too large resource version: %lld, current: %lld",
                                                                (long long)revision, (long long)objects_revision(request->server->objects)),
                                        .has_details = true,
                                        .causes = cause,
                                        .cause_count = 1,
                                        .retry_after_s = 1};
    return false;
}

static bool refuse_old_token(struct request *request, const struct list_token *token) {
    struct list_token next = {.revision = -1, .namespace = token->namespace, .name = token->name};
    refuse_expired(
        &request->arena, &request->refusal,
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue "
        "parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided "
        "token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was "
        "returned and now may show up in the list.");
    request->refusal.continue_token = list_token_write(&request->arena, &next);
    return false;
}

/* The revision to list at; 0: now. */
static bool settle_revision(struct request *request, struct list_token *token, int64_t *out) {
    const struct parameters *parameters = &request->parameters;
    int64_t newest = objects_revision(request->server->objects), oldest = objects_compacted_revision(request->server->objects),
            revision = 0;
    *out = newest;
    if (parameters->continue_token.len) {
        if (parameters->resource_version.len && !str_is(parameters->resource_version, "0"))
            return refuse_bad_request(&request->arena, &request->refusal, "specifying resource version is not allowed when using continue");
        if (!list_token_read(&request->arena, parameters->continue_token, token, &request->refusal)) return false;
        if (token->revision > 0) *out = token->revision;
        if (*out > newest) return read_refuse_future(request, *out);
        return *out >= oldest || refuse_old_token(request, token);
    }
    if (parameters->resource_version.len && !number_parse_int64(parameters->resource_version, &revision)) revision = -1;
    if (revision < 0) {
        struct field_errors errors = {.arena = &request->arena};
        struct str why =
            arena_printf(&request->arena, "strconv.ParseUint: parsing %s: invalid syntax", QUOTE(parameters->resource_version));
        field_errors_add_text(&errors, FIELD_INVALID, STR("resourceVersion"),
                              arena_printf(&request->arena, "%s", QUOTE(parameters->resource_version)), why);
        return refuse_bad_request(&request->arena, &request->refusal, "invalid resource version: %.*s",
                                  STR_ARG(field_errors_text(&request->arena, &errors)));
    }
    if (revision > newest) return read_refuse_future(request, revision);
    bool is_exact = str_is(parameters->resource_version_match, "Exact") ||
                    (!parameters->resource_version_match.len && revision > 0 && parameters->limit > 0);
    if (!is_exact) return true;
    if (revision < oldest)
        return refuse_expired(&request->arena, &request->refusal, "The resourceVersion for the provided list is too old.");
    *out = revision;
    return true;
}

static void finish_page(struct request *request, const struct filter *filter, bool is_full, struct list_items *out) {
    if (!is_full || !filter->is_everything) out->remaining = -1;
    if (!is_full) return;
    const struct list_item *last = &out->items[out->count - 1];
    /* The first name after it: its own with a zero byte. */
    struct str after = arena_printf(&request->arena, "%.*s%c", STR_ARG(last->name), 0);
    struct list_token next = {.revision = out->revision, .namespace = last->namespace, .name = after};
    out->continue_token = list_token_write(&request->arena, &next);
}

/* Candidates whose texts are looked at, a few a turn of the loop. */
struct selecting {
    struct request *request;
    struct filter filter;
    int64_t limit;
    struct list_items candidates, selected;
    size_t next;
    struct loop_deferred *go_on;
    read_selected *then;
    void *owner;
};

enum { SELECTED_A_TURN = 128 }; /* of objects of 5 KB: 1 ms */

static void stop_selecting(void *held) {
    struct selecting *selecting = held;
    loop_deferred_free(selecting->go_on);
    selecting->go_on = NULL;
}

static void end_selecting(struct selecting *selecting, bool is_full) {
    struct request *request = selecting->request;
    stop_selecting(selecting);
    request->release = NULL;
    finish_page(request, &selecting->filter, is_full, &selecting->selected);
    selecting->then(selecting->owner, &selecting->selected);
}

/* False: a refusal is set. */
static bool select_one(struct selecting *selecting, const struct list_item *item, bool *out_is_full) {
    struct request *request = selecting->request;
    struct error error;
    struct blob *body = objects_body(request->server->objects, item->revision, &error);
    if (!body) return refuse_internal(&request->arena, &request->refusal, "%s", error.message);
    bool is_selected = read_is_selected(&selecting->filter, item, body);
    blob_drop(body);
    if (!is_selected) return true;
    *out_is_full = selecting->limit > 0 && (int64_t)selecting->selected.count == selecting->limit;
    return *out_is_full || add_item(&request->arena, &selecting->selected, *item) ||
           refuse_internal(&request->arena, &request->refusal, "memory is out");
}

static void select_some(void *owner) {
    struct selecting *selecting = owner;
    struct request *request = selecting->request;
    bool is_full = false;
    if (!request->exchange) {
        request_free(request);
        return;
    }
    for (size_t done = 0; done < SELECTED_A_TURN && selecting->next < selecting->candidates.count && !is_full; done++) {
        if (select_one(selecting, &selecting->candidates.items[selecting->next++], &is_full)) continue;
        request_refuse(request);
        return;
    }
    if (is_full || selecting->next == selecting->candidates.count)
        end_selecting(selecting, is_full);
    else
        loop_deferred_call(selecting->go_on);
}

static bool collect(struct request *request, struct selecting *selecting, bool *out_is_full) {
    struct list_token token = {0};
    struct list_items *out = &selecting->candidates;
    if (!check_list_options(request) || !read_filter(request, &selecting->filter) || !settle_revision(request, &token, &out->revision))
        return false;
    selecting->limit = request->parameters.limit;
    struct page page = {.from_namespace = token.namespace, .from_name = token.name, .limit = selecting->limit};
    if (out->revision == objects_revision(request->server->objects))
        return collect_present(request, &selecting->filter, &page, out, out_is_full);
    return collect_past(request, &selecting->filter, &page, out->revision, out, out_is_full);
}

void read_select(struct request *request, read_selected *then, void *owner) {
    struct selecting *selecting = arena_alloc(&request->arena, sizeof *selecting);
    bool is_full = false;
    if (!selecting) {
        request_fail_memory(request);
        return;
    }
    *selecting = (struct selecting){.request = request, .then = then, .owner = owner};
    if (!collect(request, selecting, &is_full)) {
        request_refuse(request);
        return;
    }
    if (!selecting->filter.needs_body) {
        finish_page(request, &selecting->filter, is_full, &selecting->candidates);
        then(owner, &selecting->candidates);
        return;
    }
    selecting->selected.revision = selecting->candidates.revision;
    selecting->go_on = loop_deferred_new(request->server->loop, select_some, selecting);
    request->release = stop_selecting;
    request->held = selecting;
    if (selecting->go_on)
        select_some(selecting);
    else
        request_fail_memory(request);
}

void verb_list(struct request *request) {
    read_select(request, read_answer_list, request);
}

void verb_get(struct request *request) {
    struct refusal_subject subject = request_subject(request);
    struct object *object = objects_find(request->collection, request->namespace, request->name);
    int64_t revision = 0;
    if (request->subresource && str_is(request->subresource->name, "scale") && object) {
        verb_get_scale(request);
        return;
    }
    if (request->parameters.resource_version.len && number_parse_int64(request->parameters.resource_version, &revision) &&
        revision > objects_revision(request->server->objects)) {
        read_refuse_future(request, revision);
        request_refuse(request);
        return;
    }
    if (!object) {
        refuse_not_found(&request->arena, &request->refusal, &subject);
        request_refuse(request);
        return;
    }
    struct error error;
    struct blob *body = objects_body(request->server->objects, object->revision, &error);
    if (!body) {
        refuse_internal(&request->arena, &request->refusal, "%s", error.message);
        request_refuse(request);
        return;
    }
    request_answer_object(request, 200, body, object->revision);
    blob_drop(body);
}
