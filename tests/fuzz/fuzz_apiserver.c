/*
 * Requests to the embedded API server, "\n---\n" between them: a line of method and target, headers a line each, an empty line, the body.
 * Each is answered, in good order: JSON where it says so, a Status with words where it refuses, never an internal error; and what was
 * written can be read.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/apiserver_rig.h"
#include "harness.h"

enum { REQUESTS_MAX = 12, INPUTS_MAX = 500, STREAM_TURNS = 4 };

/* Kept while nothing is written: to start one takes longer than to ask it. */
static struct rig *rig;

static void leave(void) {
    if (rig) rig_free(rig);
    rig = NULL;
}

static void obtain(void) {
    static bool is_told;
    if (!is_told) atexit(leave);
    is_told = true;
    if (rig) return;
    /* In memory, where there is such a folder: nothing here is about the disk. */
    static const struct str groups[] = {{"team", 4}};
    static const struct apiserver_token tokens[] = {{.token = {"secret", 6}, .user = {"ann", 3}, .groups = groups, .group_count = 1}};
    char folder[] = "/dev/shm/mb-fuzz-XXXXXX";
    const struct apiserver_settings settings = {.data_folder = mkdtemp(folder),
                                                .tokens = tokens,
                                                .token_count = 1,
                                                .signing_key = STR("0123456789abcdef0123456789abcdef"),
                                                .seed = 7};
    rig = rig_new(settings.data_folder ? &settings : NULL);
}

struct parts {
    const char *method, *target, *headers, *body;
};

/* Of what the request parser lets through: a method of capitals, a target from a slash on without blanks, headers without controls. */
static bool read_parts(struct arena *arena, struct str request, struct parts *out) {
    struct str rest = request, line = fuzz_line(&rest);
    size_t blank = str_find(line, STR(" ")), end = str_find(rest, STR("\n\n"));
    if (blank == SIZE_MAX || !blank || !str_starts_with(str_from(line, blank + 1), STR("/"))) return false;
    struct str method = str_first(line, blank), target = str_from(line, blank + 1);
    struct str headers = end == SIZE_MAX ? rest : str_first(rest, end), body = end == SIZE_MAX ? STR_EMPTY : str_from(rest, end + 2);
    for (size_t i = 0; i < method.len; i++)
        if (method.ptr[i] < 'A' || method.ptr[i] > 'Z') return false;
    for (size_t i = 0; i < target.len; i++)
        if ((unsigned char)target.ptr[i] <= 0x20 || (unsigned char)target.ptr[i] >= 0x7f) return false;
    size_t lines = 0;
    for (size_t i = 0; i < headers.len; i++) {
        lines += headers.ptr[i] == '\n';
        if (headers.ptr[i] == 0 || headers.ptr[i] == '\r') return false;
    }
    if (lines > 16) return false;
    *out = (struct parts){arena_copy(arena, method).ptr, arena_copy(arena, target).ptr, arena_copy(arena, headers).ptr,
                          arena_copy(arena, body).ptr};
    return true;
}

static void expect_answer(const struct parts *parts, const struct rig_answer *answer) {
    fuzz_expect(answer->status >= 200 && answer->status < 600, "%s %s: status %d", parts->method, parts->target, answer->status);
    bool is_json = str_starts_with(answer->content_type, STR("application/json"));
    fuzz_expect(!is_json || !answer->body.len || answer->json, "%s %s: no JSON: %s", parts->method, parts->target, answer->body.ptr);
    fuzz_expect(answer->status != 500 || !is_json || json_text(json_get(answer->json, "message")).len,
                "%s %s: an internal error without words", parts->method, parts->target);
    if (answer->status < 400 || !is_json) return;
    int64_t code = 0;
    fuzz_expect(json_is_text(json_get(answer->json, "kind"), "Status") && json_int64(json_get(answer->json, "code"), &code) &&
                    code == answer->status,
                "%s %s: %d without a Status: %s", parts->method, parts->target, answer->status, answer->body.ptr);
}

/* What a create or update has answered is what a read gives. */
static void expect_kept(const struct parts *parts, const struct rig_answer *answer) {
    bool is_update = strcmp(parts->method, "PUT") == 0 || strcmp(parts->method, "PATCH") == 0;
    if (!is_update || answer->status != 200 || strchr(parts->target, '?') || !json_get(answer->json, "metadata")) return;
    struct rig_answer read = rig_do(rig, "GET", parts->target, NULL);
    struct str version = json_text(json_path(answer->json, "metadata", "resourceVersion", NULL));
    if (read.status == 200 && str_equal(version, json_text(json_path(read.json, "metadata", "resourceVersion", NULL))))
        fuzz_expect(json_equal(read.json, answer->json), "%s is another when it is read: %s and %s", parts->target, read.body.ptr,
                    answer->body.ptr);
}

/* True: the server is as it was before, so that the next input may have it, too. */
static bool run_request(const struct parts *parts) {
    const char *type = strstr(parts->headers, "Content-Type:");
    bool has_body = parts->body[0] != 0;
    if (strstr(parts->target, "watch")) {
        struct rig_stream *stream = rig_begin(rig, parts->method, parts->target, NULL, has_body ? parts->body : NULL);
        for (size_t i = 0; i < STREAM_TURNS; i++) loop_run_once(rig_loop(rig), 0);
        rig_close(stream);
        return false;
    }
    struct rig_answer answer =
        rig_send(rig, parts->method, parts->target, has_body && !type ? "application/json" : NULL, parts->headers, parts->body);
    expect_answer(parts, &answer);
    expect_kept(parts, &answer);
    return answer.status >= 400 || strcmp(parts->method, "GET") == 0;
}

FUZZ_TARGET(apiserver) {
    static size_t inputs;
    struct parts parts;
    bool is_untouched = ++inputs % INPUTS_MAX != 0;
    obtain();
    for (size_t i = 0; input.len && i < REQUESTS_MAX; i++) {
        struct str request = fuzz_section(&input);
        if (read_parts(arena, request, &parts) && !arena->exhausted) is_untouched = run_request(&parts) && is_untouched;
    }
    arena_release(rig_arena(rig));
    if (!is_untouched) leave();
}
