#include "apiserver_rig.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct rig {
    struct loop *loop;
    struct apiserver *server;
    struct arena arena;
    char folder[64];
    struct apiserver_settings settings;
    struct rig_stream *streams;
};

struct rig_request {
    struct exchange exchange; /* first */
    struct rig *rig;
    struct rig_answer answer;
    bool is_answered;
};

struct rig_stream {
    struct exchange exchange; /* first */
    struct rig_stream *next;
    struct rig *rig;
    int status;
    struct strbuf bytes;
    size_t taken;
    bool is_over, is_stalled, is_gone;
};

static void start(struct rig *rig) {
    struct error error;
    rig->server = apiserver_new(rig->loop, &rig->settings, &error);
    if (!rig->server) fail_msg("%s", error.message);
}

struct rig *rig_new(const struct apiserver_settings *settings) {
    static const struct str groups[] = {{"team", 4}};
    static const struct apiserver_token tokens[] = {{.token = {"secret", 6}, .user = {"ann", 3}, .groups = groups, .group_count = 1}};
    struct rig *rig = calloc(1, sizeof *rig);
    struct error error;
    arena_init(&rig->arena, (size_t)1024 * 1024 * 1024);
    snprintf(rig->folder, sizeof rig->folder, "%s", settings && settings->data_folder ? settings->data_folder : "/tmp/mb-apiserver-XXXXXX");
    if (!settings || !settings->data_folder) assert_non_null(mkdtemp(rig->folder));
    rig->loop = loop_new(&error);
    if (settings) rig->settings = *settings;
    else rig->settings = (struct apiserver_settings){.tokens = tokens, .token_count = 1, .signing_key = STR("0123456789abcdef0123456789abcdef"), .seed = 7};
    rig->settings.data_folder = rig->folder;
    start(rig);
    return rig;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status, (void)type, (void)place;
    return remove(path);
}

static void is_stopped(void *owner) {
    *(bool *)owner = true;
}

static void stop(struct rig *rig) {
    bool stopped = false;
    apiserver_stop(rig->server, is_stopped, &stopped);
    for (int i = 0; !stopped && i < 5000; i++) loop_run_once(rig->loop, 1);
    assert_true(stopped);
    apiserver_free(rig->server);
}

void rig_free(struct rig *rig) {
    stop(rig);
    for (struct rig_stream *stream = rig->streams, *next; stream; stream = next) {
        next = stream->next;
        strbuf_release(&stream->bytes);
        free(stream);
    }
    loop_free(rig->loop);
    nftw(rig->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    arena_release(&rig->arena);
    free(rig);
}

void rig_restart(struct rig *rig) {
    stop(rig);
    rig->settings.seed++;
    start(rig);
}

struct arena *rig_arena(struct rig *rig) {
    return &rig->arena;
}

struct apiserver *rig_server(struct rig *rig) {
    return rig->server;
}

struct loop *rig_loop(struct rig *rig) {
    return rig->loop;
}

static void answered(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers, size_t header_count,
                     struct blob *body) {
    struct rig_request *request = (struct rig_request *)exchange;
    struct arena *arena = &request->rig->arena;
    struct error error;
    request->is_answered = true;
    request->answer = (struct rig_answer){.status = status, .body = arena_copy(arena, blob_view(body)), .content_type = arena_copy(arena, content_type)};
    if (request->answer.body.len) request->answer.json = json_parse(arena, request->answer.body, &error);
    for (size_t i = 0; i < header_count; i++) {
        if (!str_is(headers[i].name, "Warning")) continue;
        request->answer.warnings = arena_printf(arena, "%.*s%.*s\n", STR_ARG(request->answer.warnings), STR_ARG(headers[i].value));
    }
}

/* Lists that are long come as streams: gathered. */
static void begun(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers, size_t header_count) {
    struct rig_request *request = (struct rig_request *)exchange;
    (void)headers, (void)header_count;
    request->answer = (struct rig_answer){.status = status, .content_type = arena_copy(&request->rig->arena, content_type)};
}

static bool written(struct exchange *exchange, struct blob *bytes) {
    struct rig_request *request = (struct rig_request *)exchange;
    request->answer.body = arena_join(&request->rig->arena, request->answer.body, blob_view(bytes), STR_EMPTY);
    return true;
}

static void ended(struct exchange *exchange) {
    struct rig_request *request = (struct rig_request *)exchange;
    struct error error;
    request->answer.json = json_parse(&request->rig->arena, request->answer.body, &error);
    request->is_answered = true;
}

static size_t nothing_pending(const struct exchange *exchange) {
    (void)exchange;
    return 0;
}

static const struct exchange_ops request_ops = {.answer = answered, .begin = begun, .write = written, .end = ended, .pending = nothing_pending};

static void fill_exchange(struct rig *rig, struct exchange *exchange, const struct exchange_ops *ops, const char *method, const char *target,
                          const char *content_type, const char *headers, const char *body) {
    struct str whole = arena_copy(&rig->arena, str_of(target));
    size_t question = str_find(whole, STR("?"));
    struct exchange_header *list = arena_array(&rig->arena, 32, sizeof *list);
    size_t count = 0;
    if (content_type) list[count++] = (struct exchange_header){STR("Content-Type"), str_of(content_type)};
    for (struct str rest = str_of(headers); rest.len;) {
        size_t end = str_find(rest, STR("\n"));
        struct str line = end == SIZE_MAX ? rest : str_first(rest, end);
        rest = end == SIZE_MAX ? STR_EMPTY : str_from(rest, end + 1);
        size_t colon = str_find(line, STR(":"));
        list[count++] = (struct exchange_header){str_first(line, colon), str_trim(str_from(line, colon + 1))};
    }
    *exchange = (struct exchange){.ops = ops,
                                  .method = str_of(method),
                                  .path = question == SIZE_MAX ? whole : str_first(whole, question),
                                  .query = question == SIZE_MAX ? STR_EMPTY : str_from(whole, question + 1),
                                  .headers = list,
                                  .header_count = count,
                                  .body = str_of(body),
                                  .peer = STR("local"),
                                  .is_local = true};
}

struct rig_answer rig_send(struct rig *rig, const char *method, const char *target, const char *content_type, const char *headers, const char *body) {
    struct rig_request *request = calloc(1, sizeof *request);
    request->rig = rig;
    fill_exchange(rig, &request->exchange, &request_ops, method, target, content_type, headers, body);
    apiserver_handle(rig->server, &request->exchange);
    for (int i = 0; !request->is_answered && i < 20000; i++) loop_run_once(rig->loop, 1);
    if (!request->is_answered) fail_msg("%s %s is not answered", method, target);
    struct rig_answer answer = request->answer;
    free(request);
    return answer;
}

struct rig_answer rig_do(struct rig *rig, const char *method, const char *target, const char *body) {
    return rig_send(rig, method, target, body ? "application/json" : NULL, NULL, body);
}

struct rig_answer rig_expect(struct rig *rig, int status, const char *method, const char *target, const char *body) {
    struct rig_answer answer = rig_do(rig, method, target, body);
    if (answer.status != status) fail_msg("%s %s: %d instead of %d: %.*s", method, target, answer.status, status, STR_ARG(answer.body));
    return answer;
}

struct str rig_text(const struct rig_answer *answer, const char *path) {
    const yyjson_val *value = answer->json;
    for (struct str rest = str_of(path); rest.len;) {
        size_t slash = str_find(rest, STR("/"));
        struct str key = slash == SIZE_MAX ? rest : str_first(rest, slash);
        rest = slash == SIZE_MAX ? STR_EMPTY : str_from(rest, slash + 1);
        bool is_index = yyjson_is_arr((yyjson_val *)(uintptr_t)value);
        value = is_index ? yyjson_arr_get((yyjson_val *)(uintptr_t)value, (size_t)strtoul(key.ptr, NULL, 10)) : json_get_str(value, key);
    }
    return json_text(value);
}

static void stream_answered(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers, size_t header_count,
                            struct blob *body) {
    struct rig_stream *stream = (struct rig_stream *)exchange;
    (void)content_type, (void)headers, (void)header_count;
    stream->status = status;
    strbuf_append(&stream->bytes, blob_view(body));
    stream->is_over = true;
}

static void stream_begun(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers, size_t header_count) {
    (void)content_type, (void)headers, (void)header_count;
    ((struct rig_stream *)exchange)->status = status;
}

static bool stream_written(struct exchange *exchange, struct blob *bytes) {
    struct rig_stream *stream = (struct rig_stream *)exchange;
    strbuf_append(&stream->bytes, blob_view(bytes));
    return !stream->bytes.failed;
}

static void stream_ended(struct exchange *exchange) {
    ((struct rig_stream *)exchange)->is_over = true;
}

static size_t stream_pending(const struct exchange *exchange) {
    const struct rig_stream *stream = (const struct rig_stream *)exchange;
    return stream->is_stalled ? stream->bytes.len - stream->taken : 0;
}

static const struct exchange_ops stream_ops = {
    .answer = stream_answered, .begin = stream_begun, .write = stream_written, .end = stream_ended, .pending = stream_pending};

struct rig_stream *rig_watch(struct rig *rig, const char *target) {
    return rig_begin(rig, "GET", target, NULL, NULL);
}

struct rig_stream *rig_begin(struct rig *rig, const char *method, const char *target, const char *content_type, const char *body) {
    struct rig_stream *stream = calloc(1, sizeof *stream);
    stream->rig = rig;
    stream->next = rig->streams;
    rig->streams = stream;
    stream->bytes = strbuf_with_max((size_t)256 * 1024 * 1024);
    fill_exchange(rig, &stream->exchange, &stream_ops, method, target, content_type, NULL, body);
    apiserver_handle(rig->server, &stream->exchange);
    return stream;
}

const yyjson_val *rig_next_event(struct rig *rig, struct rig_stream *stream) {
    for (int i = 0; i < 5000; i++) {
        struct str rest = str_from(strbuf_view(&stream->bytes), stream->taken);
        size_t end = str_find(rest, STR("\n"));
        if (end != SIZE_MAX) {
            struct error error;
            struct str line = arena_copy(&rig->arena, str_first(rest, end));
            stream->taken += end + 1;
            return json_parse(&rig->arena, line, &error);
        }
        if (stream->is_over) break;
        loop_run_once(rig->loop, 1);
    }
    fail_msg("no event comes");
    return NULL;
}

struct str rig_next(struct rig *rig, struct rig_stream *stream) {
    const yyjson_val *event = rig_next_event(rig, stream), *metadata = json_path(event, "object", "metadata", NULL);
    struct str type = json_text(json_get(event, "type")), name = json_text(json_get(metadata, "name"));
    return arena_printf(&rig->arena, "%.*s %.*s", STR_ARG(type), STR_ARG(name));
}

bool rig_is_over(const struct rig_stream *stream) {
    return stream->is_over;
}

void rig_stall(struct rig_stream *stream, bool is_stalled) {
    stream->is_stalled = is_stalled;
}

void rig_close(struct rig_stream *stream) {
    if (!stream->is_over && stream->exchange.on_gone) stream->exchange.on_gone(&stream->exchange);
    stream->is_over = true;
}

void rig_settle(struct rig *rig) {
    for (int i = 0; i < 30; i++) loop_run_once(rig->loop, 1);
}

void rig_wait_status(struct rig *rig, const char *target, int status) {
    for (int i = 0; i < 500; i++) {
        if (rig_do(rig, "GET", target, NULL).status == status) return;
        loop_run_once(rig->loop, 2);
    }
    fail_msg("GET %s never gives %d", target, status);
}
