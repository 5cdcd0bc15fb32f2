#include "controller/definitions.h"

enum { READ_DEADLINE_MS = 15 * 1000, TRIES_MAX = 5, TRY_AGAIN_MS = 2000 };

static const char document_key[] = "apis/" API_VERSION_WORKLOAD;

static void on_timer(void *owner) {
    definitions_read(owner);
}

bool definitions_init(struct definitions *definitions, struct loop *loop, struct client *client, definitions_found_fn *found,
                      void *context) {
    *definitions = (struct definitions){.loop = loop, .client = client, .found = found, .context = context};
    definitions->timer = loop_timer_new(loop, on_timer, definitions);
    return definitions->timer != NULL;
}

void definitions_release(struct definitions *definitions) {
    loop_timer_free(definitions->timer);
}

static void conclude(struct definitions *definitions, struct arena *arena, const yyjson_val *document) {
    struct definition_facts facts = settings_definition_facts(arena, document);
    definitions->is_busy = false;
    definitions->found(definitions->context, &facts, document != NULL);
    bool is_missing = !document && definitions->tries++ < TRIES_MAX;
    if (document) definitions->tries = 0;
    if (definitions->is_wanted_again || is_missing) loop_timer_set(definitions->timer, loop_now_ms(definitions->loop) + TRY_AGAIN_MS);
    definitions->is_wanted_again = false;
}

static bool get(struct definitions *definitions, struct str path, client_answer_fn *answered) {
    struct client_request request = {.method = "GET", .path = path, .deadline_ms = READ_DEADLINE_MS};
    return client_send(definitions->client, &request, answered, definitions);
}

static yyjson_val *read_body(struct arena *arena, const struct kube_answer *answer, const struct strbuf *body) {
    return answer->kind == KUBE_OK ? json_parse(arena, strbuf_view(body), NULL) : NULL;
}

static void on_document(void *context, const struct kube_answer *answer, struct strbuf *body) {
    struct arena arena;
    arena_init(&arena, 4 * (size_t)LIMIT_BODY_BYTES);
    conclude(context, &arena, read_body(&arena, answer, body));
    arena_release(&arena);
}

static void on_index(void *context, const struct kube_answer *answer, struct strbuf *body) {
    struct definitions *definitions = context;
    struct arena arena;
    arena_init(&arena, LIMIT_BODY_BYTES);
    yyjson_val *index = read_body(&arena, answer, body);
    struct str path = json_text(json_path(index, "paths", document_key, "serverRelativeURL", NULL));
    if (path.len == 0 || path.ptr[0] != '/' || !get(definitions, path, on_document)) conclude(definitions, &arena, NULL);
    arena_release(&arena);
}

void definitions_read(struct definitions *definitions) {
    if (definitions->is_busy) {
        definitions->is_wanted_again = true;
        return;
    }
    definitions->is_busy = get(definitions, STR("/openapi/v3"), on_index);
    if (!definitions->is_busy) loop_timer_set(definitions->timer, loop_now_ms(definitions->loop) + TRY_AGAIN_MS);
}
