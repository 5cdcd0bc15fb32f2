#include "standalone/installer.h"

#include <stdlib.h>

#include "base/hash.h"
#include "booster/names.h"
#include "data/yaml_read.h"
#include "kube/resource.h"

enum { INSTALL_ARENA_BYTES = 64 * 1024 * 1024, DEADLINE_MS = 10 * 1000, AGAIN_MS = 5, SERVED_TRIES = 1000 };

/* What we have put there, as a hash of its text: so that a newer one can replace it, and nobody else's is. */
#define ANNOTATION_INSTALLED "standalone.model-booster.dev/installed"

struct installer {
    struct loop *loop;
    struct client *client;
    const struct str *definitions;
    size_t count, at;
    installer_done_fn *done;
    void *owner;
    struct arena arena;
    struct str *names; /* of the definitions so far */
    yyjson_val *wanted;
    struct str name, hash; /* of the one under way */
    struct loop_deferred *step;
    struct loop_timer *timer;
    unsigned tries;
};

static const struct kube_resource definitions_resource = {STR("apiextensions.k8s.io"), STR("v1"), STR("customresourcedefinitions"),
                                                          STR("CustomResourceDefinition")};

static void finish(struct installer *installer, const struct error *error) {
    installer->done(installer->owner, error);
}

static void fail(struct installer *installer, struct str what, struct str why) {
    struct error error;
    error_set(&error, ERROR_PROTOCOL, "cannot install the definition %.*s: %.*s", STR_ARG(what), STR_ARG(why));
    finish(installer, &error);
}

static void ask(struct installer *installer, const char *method, struct str path, struct str body, client_answer_fn *answered) {
    struct client_request request = {
        .method = method, .path = path, .content = body.len ? CONTENT_JSON : CONTENT_NONE, .body = body, .deadline_ms = DEADLINE_MS};
    if (!path.len || !client_send(installer->client, &request, answered, installer)) fail(installer, installer->name, STR("memory is out"));
}

/* ---- one definition ---- */

static struct str body_of(struct installer *installer, struct str resource_version) {
    yyjson_mut_doc *doc = json_builder(&installer->arena);
    yyjson_mut_val *copy = doc ? yyjson_val_mut_copy(doc, installer->wanted) : NULL, *metadata = yyjson_mut_obj_get(copy, "metadata");
    yyjson_mut_val *annotations = yyjson_mut_obj_get(metadata, "annotations");
    if (!annotations) annotations = yyjson_mut_obj_add_obj(doc, metadata, "annotations");
    json_add_text(doc, annotations, ANNOTATION_INSTALLED, installer->hash);
    if (resource_version.len) json_add_text(doc, metadata, "resourceVersion", resource_version);
    struct strbuf text = strbuf_with_max(INSTALL_ARENA_BYTES);
    json_write(&text, json_freeze(&installer->arena, copy));
    return strbuf_take(&text, &installer->arena);
}

static void next_definition(struct installer *installer) {
    installer->at++;
    loop_deferred_call(installer->step);
}

static void on_written(void *context, const struct kube_answer *answer, struct strbuf *body) {
    struct installer *installer = context;
    (void)body;
    if (answer->kind == KUBE_OK)
        next_definition(installer);
    else
        fail(installer, installer->name, answer->message);
}

static void on_found(void *context, const struct kube_answer *answer, struct strbuf *body) {
    static const struct kube_write_query query = {.field_manager = STR(FIELD_MANAGER)};
    struct installer *installer = context;
    struct arena *arena = &installer->arena;
    if (answer->kind == KUBE_NOT_FOUND) {
        ask(installer, "POST", kube_create_path(arena, &definitions_resource, STR_EMPTY, &query), body_of(installer, STR_EMPTY),
            on_written);
        return;
    }
    if (answer->kind != KUBE_OK) {
        fail(installer, installer->name, answer->message);
        return;
    }
    yyjson_val *live = json_parse(arena, strbuf_view(body), NULL);
    struct str installed = json_text(json_path(live, "metadata", "annotations", ANNOTATION_INSTALLED, NULL));
    if (!installed.len || str_equal(installed, installer->hash)) {
        next_definition(installer);
        return;
    }
    struct str version = json_text(json_path(live, "metadata", "resourceVersion", NULL));
    ask(installer, "PUT", kube_object_path(arena, &definitions_resource, STR_EMPTY, installer->name, STR_EMPTY, &query),
        body_of(installer, version), on_written);
}

static void install(struct installer *installer) {
    struct str text = installer->definitions[installer->at];
    struct yaml_documents documents;
    struct error error = {0};
    if (!yaml_read(&installer->arena, text, &documents, &error) || documents.count != 1) {
        fail(installer, STR("of this program"), str_of(error.message));
        return;
    }
    installer->wanted = documents.items[0].root;
    installer->name = json_text(json_path(installer->wanted, "metadata", "name", NULL));
    installer->names[installer->at] = installer->name;
    installer->hash = hash_hex(&installer->arena, hash_xxh3(text));
    ask(installer, "GET", kube_object_path(&installer->arena, &definitions_resource, STR_EMPTY, installer->name, STR_EMPTY, NULL),
        STR_EMPTY, on_found);
}

/* ---- until they are served ---- */

static bool is_established(const yyjson_val *definition) {
    size_t index, max;
    yyjson_val *condition;
    yyjson_arr_foreach(json_path(definition, "status", "conditions", NULL), index, max, condition) {
        if (json_is_text(json_get(condition, "type"), "Established")) return json_is_text(json_get(condition, "status"), "True");
    }
    return false;
}

static bool is_ours(const struct installer *installer, struct str name) {
    for (size_t i = 0; i < installer->count; i++)
        if (str_equal(installer->names[i], name)) return true;
    return false;
}

static void on_list(void *context, const struct kube_answer *answer, struct strbuf *body) {
    struct installer *installer = context;
    struct arena scratch;
    size_t index, max, established = 0;
    yyjson_val *item;
    arena_init(&scratch, INSTALL_ARENA_BYTES);
    yyjson_val *list = answer->kind == KUBE_OK ? json_parse(&scratch, strbuf_view(body), NULL) : NULL;
    yyjson_arr_foreach(json_get(list, "items"), index, max, item) {
        established += is_established(item) && is_ours(installer, json_text(json_path(item, "metadata", "name", NULL)));
    }
    arena_release(&scratch);
    if (established == installer->count)
        finish(installer, NULL);
    else if (installer->tries++ < SERVED_TRIES)
        loop_timer_set(installer->timer, loop_now_ms(installer->loop) + AGAIN_MS);
    else
        fail(installer, STR("of our kinds"), STR("the server does not establish it; look at its status with get crds -o yaml"));
}

static void on_step(void *owner) {
    static const struct kube_list_query query = {0};
    struct installer *installer = owner;
    if (installer->at < installer->count) {
        install(installer);
        return;
    }
    ask(installer, "GET", kube_list_path(&installer->arena, &definitions_resource, STR_EMPTY, &query), STR_EMPTY, on_list);
}

struct installer *installer_new(struct loop *loop, struct client *client, const struct str *definitions, size_t count,
                                installer_done_fn *done, void *owner) {
    struct installer *installer = calloc(1, sizeof *installer);
    if (!installer) return NULL;
    *installer =
        (struct installer){.loop = loop, .client = client, .definitions = definitions, .count = count, .done = done, .owner = owner};
    arena_init(&installer->arena, INSTALL_ARENA_BYTES);
    installer->step = loop_deferred_new(loop, on_step, installer);
    installer->timer = loop_timer_new(loop, on_step, installer);
    installer->names = arena_array(&installer->arena, count + 1, sizeof *installer->names);
    if (!installer->step || !installer->timer || !installer->names) {
        installer_free(installer);
        return NULL;
    }
    loop_deferred_call(installer->step);
    return installer;
}

void installer_free(struct installer *installer) {
    if (!installer) return;
    loop_deferred_free(installer->step);
    loop_timer_free(installer->timer);
    arena_release(&installer->arena);
    free(installer);
}
