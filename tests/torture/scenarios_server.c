/* What the embedded API server is made of: schemas, rules, merges; the client's local carrier; and the server itself. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/apiserver_rig.h"
#include "cel/cel.h"
#include "io/http_client.h"
#include "scenario.h"
#include "schema/definition.h"
#include "schema/managed.h"
#include "schema/schema.h"

static struct arena arena;
static struct error error;

static void begin(void) {
    arena_init(&arena, 256 << 20);
    error = (struct error){0};
}

static yyjson_mut_val *built(yyjson_mut_doc *doc, const char *text) {
    return yyjson_val_mut_copy(doc, json_parse(&arena, str_of(text), NULL));
}

static void give(const yyjson_mut_val *value) {
    struct strbuf text = strbuf_with_max(1 << 20);
    if (value) json_write_canonical(&text, json_freeze(&arena, value));
    torture_result(strbuf_view(&text));
    strbuf_release(&text);
}

#define SCHEMA                                                                                                                             \
    "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"required\":[\"size\"],\"properties\":{\"size\":{\"type\":"          \
    "\"integer\",\"minimum\":1},\"mode\":{\"type\":\"string\",\"default\":\"fast\",\"enum\":[\"fast\",\"slow\"]},\"ports\":{\"type\":"        \
    "\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":[\"name\"],\"items\":{\"type\":\"object\",\"required\":"     \
    "[\"name\"],\"properties\":{\"name\":{\"type\":\"string\"},\"port\":{\"type\":\"integer\",\"default\":80}}}}},"                          \
    "\"x-kubernetes-validations\":[{\"rule\":\"self.size < 10 || self.ports.all(p, p.port > 1)\",\"messageExpression\":\"'size is ' + "     \
    "string(self.size)\"}]}}}"

static bool rules_are_evaluated(void) {
    static const struct cel_type text = {.kind = CEL_STRING, .max_elements = -1}, number = {.kind = CEL_INT},
                                 list = {.kind = CEL_LIST, .element = &text, .max_elements = 10};
    const struct cel_field fields[] = {{STR("name"), STR("name"), &text}, {STR("n"), STR("n"), &number}, {STR("tags"), STR("tags"), &list}};
    const struct cel_type self = {.kind = CEL_OBJECT, .fields = fields, .field_count = 3};
    struct cel_environment environment = {.self = &self};
    const struct cel_program *program = NULL;
    struct cel_result result = {0};
    uint64_t budget = 1000000;
    begin();
    yyjson_mut_val *object = built(json_builder(&arena), "{\"name\":\"abc\",\"n\":3,\"tags\":[\"x\",\"yy\"]}");
    torture_on();
    bool ok = cel_compile(&arena,
                          STR("self.name.matches('^a.c$') && self.tags.exists(t, t.size() == 2) && self.tags.map(t, t + '!').join(',') == 'x!,yy!' && "
                              "(self.name + string(self.n)).upperAscii() == 'ABC3'"),
                          &environment, CEL_BOOL, &program, &error) &&
              cel_evaluate(program, &arena, object, NULL, &budget, &result, &error);
    torture_off();
    ok = ok && !arena.exhausted;
    torture_expect(!ok || result.is_true, "the rule is said not to hold");
    torture_expect(ok || arena.exhausted || error.kind == ERROR_MEMORY, error.message);
    arena_release(&arena);
    return ok;
}

static bool objects_are_validated(void) {
    struct field_errors errors = {.arena = &arena};
    struct schema_unknown unknown = {0};
    begin();
    yyjson_mut_doc *doc = json_builder(&arena);
    yyjson_mut_val *object = built(doc, "{\"spec\":{\"size\":12,\"odd\":1,\"mode\":\"wild\",\"ports\":[{\"name\":\"a\"},{\"name\":\"a\",\"port\":1}]}}");
    const yyjson_val *source = json_parse(&arena, STR(SCHEMA), NULL);
    torture_on();
    const struct schema *schema = schema_compile(&arena, source, &error);
    bool ok = schema && schema_prune(schema, &arena, doc, object, &unknown) && schema_default(schema, &arena, doc, object);
    if (ok) schema_validate(schema, &arena, object, NULL, &errors);
    struct str text = ok ? field_errors_text(&arena, &errors) : STR_EMPTY;
    torture_off();
    ok = ok && !arena.exhausted;
    torture_result(text);
    if (ok) give(object);
    arena_release(&arena);
    return ok;
}

static bool fields_are_merged(void) {
    struct managed_request request = {.manager = STR("me"), .api_version = STR("g/v1"), .now = STR("2026-01-02T03:04:05Z")};
    const struct managed_conflict *conflicts;
    size_t conflict_count;
    yyjson_mut_val *out;
    begin();
    yyjson_mut_doc *doc = json_builder(&arena);
    yyjson_mut_val *live = built(doc, "{\"apiVersion\":\"g/v1\",\"kind\":\"K\",\"metadata\":{\"name\":\"x\"},\"spec\":{\"size\":2,\"ports\":[{\"name\":\"a\",\"port\":1}]}}");
    yyjson_mut_val *applied = built(doc, "{\"apiVersion\":\"g/v1\",\"kind\":\"K\",\"metadata\":{\"name\":\"x\"},\"spec\":{\"mode\":\"slow\",\"ports\":[{\"name\":\"b\",\"port\":2}]}}");
    request.schema = schema_compile(&arena, json_parse(&arena, STR(SCHEMA), NULL), NULL);
    torture_mark(&out);
    torture_on();
    bool is_tracked = managed_update(&request, &arena, doc, live, NULL);
    request.manager = STR("you");
    enum managed_outcome outcome =
        is_tracked ? managed_apply(&request, &arena, doc, live, applied, &out, &conflicts, &conflict_count, &error) : MANAGED_NO_MEMORY;
    torture_off();
    bool ok = outcome == MANAGED_APPLIED && !arena.exhausted;
    torture_expect(outcome == MANAGED_APPLIED || outcome == MANAGED_NO_MEMORY, "another outcome");
    if (ok) give(out);
    arena_release(&arena);
    return ok;
}

/* A client and a handler in one process. */
struct talk {
    unsigned answers, handled, gone;
    enum http_outcome outcome;
    enum error_kind error;
    int status;
    struct exchange *waiting;
};

static void is_gone(struct exchange *exchange) {
    struct talk *talk = exchange->context;
    talk->gone++;
    talk->waiting = NULL;
}

static void handle(void *owner, struct exchange *exchange) {
    struct talk *talk = owner;
    struct blob *blob = blob_new(STR("{\"answer\":true}"));
    talk->handled++;
    if (str_is(exchange->path, "/watch")) {
        exchange->context = talk;
        exchange->on_gone = is_gone;
        talk->waiting = exchange;
        exchange_begin(exchange, 200, STR("application/json"), NULL, 0);
        exchange_write(exchange, blob);
    } else {
        exchange_answer(exchange, blob ? 200 : 500, STR("application/json"), NULL, 0, blob);
    }
    blob_drop(blob);
}

static void on_answer(void *owner, struct http_answer *answer) {
    struct talk *talk = owner;
    talk->answers++;
    talk->outcome = answer->outcome;
    talk->error = answer->error.kind;
    talk->status = answer->status;
    if (answer->outcome == HTTP_ANSWERED) torture_result(strbuf_view(&answer->body));
}

static void on_data(void *owner, struct str bytes) {
    (void)owner;
    torture_result(bytes);
}

static void turn(struct loop *loop) {
    for (int i = 0; i < 8; i++) loop_run_once(loop, 0);
}

static bool answers_come_once(void) {
    struct talk talk = {0};
    struct http_client_settings settings = {.local_handler = handle, .local_owner = &talk};
    struct http_request request = {.method = "POST", .path = STR("/x?y=z"), .body = STR("{}"), .content_type = "application/json", .timeout_ms = 60000};
    struct http_stream_events events = {.on_data = on_data, .on_end = on_answer};
    torture_on();
    struct loop *loop = loop_new(&error);
    struct http_client *client = loop ? http_client_new(loop, &settings, &error) : NULL;
    struct http_handle *sent = client ? http_send(client, &request, on_answer, &talk) : NULL;
    if (client) turn(loop);
    bool is_answered = sent && talk.answers == 1 && talk.status == 200;
    unsigned answers = talk.answers;
    request.path = STR("/watch");
    struct http_handle *stream = is_answered ? http_open(client, &request, &events, &talk) : NULL;
    if (client) turn(loop);
    torture_off();
    torture_expect(!sent || answers == 1, "no answer, or more than one");
    bool ok = is_answered && talk.outcome == HTTP_ANSWERED && stream && talk.answers == 1 && talk.waiting;
    torture_expect(ok || !sent || talk.error || talk.status == 500 || !stream, "a failure without a word");
    http_client_free(client);
    torture_expect(!talk.waiting, "the handler was not told that the client is gone");
    loop_free(loop);
    return ok;
}

/*
 * The whole server, kept from run to run: a request is answered, and what it has written is whole, or it is told that memory is out. Only the
 * server's own turns run out of it (--wrap).
 */
static struct rig *rig;
static bool is_in_the_server;

void __real_apiserver_handle(void *server, struct exchange *exchange);
void __wrap_apiserver_handle(void *server, struct exchange *exchange);
void __real_loop_run_once(struct loop *loop, int64_t max_wait_ms);
void __wrap_loop_run_once(struct loop *loop, int64_t max_wait_ms);

void __wrap_apiserver_handle(void *server, struct exchange *exchange) {
    if (is_in_the_server) torture_on();
    __real_apiserver_handle(server, exchange);
    torture_off();
}

void __wrap_loop_run_once(struct loop *loop, int64_t max_wait_ms) {
    if (is_in_the_server) torture_on();
    __real_loop_run_once(loop, max_wait_ms);
    torture_off();
}

/* The rig's own memory does not count. */
static int status_of(const char *method, const char *target, const char *type, const char *body) {
    is_in_the_server = true;
    struct rig_answer answer = rig_send(rig, method, target, type, NULL, body);
    is_in_the_server = false;
    rig_arena(rig)->exhausted = false;
    return answer.status;
}

/* An internal error; too many requests, where there is no memory for one more; too large, where there is none for a copy of it. */
static bool is_out_of_memory(int status) {
    return status == 500 || status == 429 || status == 413;
}

/* What is stored, without what is another each time; that it is not there is told apart. */
static bool give_stored(const char *target) {
    static const char *const parts[] = {"data", "spec"};
    struct rig_answer answer = rig_do(rig, "GET", target, NULL);
    if (answer.status != 200) return false;
    const yyjson_val *metadata = json_get(answer.json, "metadata");
    yyjson_val *entry;
    size_t index, max;
    struct strbuf text = strbuf_with_max(1 << 20);
    for (size_t i = 0; i < 2; i++) json_write_canonical(&text, json_get(answer.json, parts[i]));
    json_write_canonical(&text, json_get(metadata, "labels"));
    json_write_canonical(&text, json_get(metadata, "ownerReferences"));
    yyjson_arr_foreach(json_get(metadata, "managedFields"), index, max, entry) json_write_canonical(&text, json_get(entry, "fieldsV1"));
    torture_result(strbuf_view(&text));
    strbuf_release(&text);
    return true;
}

#define CONFIG_MAPS "/api/v1/namespaces/default/configmaps"
#define CONFIG_MAP  CONFIG_MAPS "/s"

static bool objects_are_written(void) {
    static char body[512]; /* an object with an owner, which lives */
    static const char applied[] =
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"s\",\"labels\":{\"c\":\"d\"}},\"data\":{\"m\":\"x\"}}";
    if (!rig) {
        rig = rig_new(NULL);
        struct rig_answer owner = rig_expect(rig, 201, "POST", CONFIG_MAPS, "{\"metadata\":{\"name\":\"o\"}}");
        snprintf(body, sizeof body,
                 "{\"metadata\":{\"name\":\"s\",\"labels\":{\"a\":\"b\"},\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
                 "\"name\":\"o\",\"uid\":\"%.*s\"}]},\"data\":{\"k\":\"v\",\"l\":\"w\"}}",
                 STR_ARG(rig_text(&owner, "metadata/uid")));
    }
    int created = status_of("POST", CONFIG_MAPS, "application/json", body);
    torture_expect(created == 201 || is_out_of_memory(created), "another answer");
    bool is_there = give_stored(CONFIG_MAP);
    torture_expect(is_there || created != 201, "what was acknowledged is not there");
    /* The answer may have been lost after the write; what is there is whole all the same. */
    int patched = is_there ? status_of("PATCH", CONFIG_MAP "?fieldManager=me", "application/apply-patch+yaml", applied) : 500;
    torture_expect(patched == 200 || is_out_of_memory(patched), "another answer");
    if (is_there) torture_expect(give_stored(CONFIG_MAP), "it is gone");
    int listed = is_there ? status_of("GET", CONFIG_MAPS "?labelSelector=a%3Db", NULL, NULL) : 500;
    torture_expect(listed == 200 || is_out_of_memory(listed), "another answer");
    if (is_there) rig_expect(rig, 200, "DELETE", CONFIG_MAP, NULL);
    return created == 201 && patched == 200 && listed == 200;
}

static const struct scenario scenarios[] = {
    {"rules are evaluated", rules_are_evaluated},
    {"objects are validated", objects_are_validated},
    {"fields are merged", fields_are_merged},
    {"answers come once", answers_come_once},
    {"objects are written", objects_are_written},
};

int main(int argument_count, char **arguments) {
    int status = torture_main(scenarios, sizeof scenarios / sizeof *scenarios, argument_count, arguments);
    if (rig) rig_free(rig);
    return status;
}
