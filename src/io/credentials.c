#include "io/credentials.h"

#include <stdlib.h>
#include <string.h>

#include "io/exec_credential.h"
#include "io/files.h"

enum {
    SOURCES_BYTES = 8 * 1024 * 1024,
    SECRET_FILE_BYTES = 1024 * 1024,
    REREAD_MS = 5000,    /* what is exchanged on disk is in use within 10 s */
    REJECTED_MS = 10000, /* no sooner are files and the plugin asked again because of a 401 */
    EARLY_MS = 60000,    /* before its end a credential is renewed */
    SHORTEST_MS = 10000, /* between two runs of the plugin, whatever it says */
};

struct secret_file {
    const char *path;  /* NULL: none */
    struct str *value; /* the source that it fills */
    struct strbuf content;
    int64_t read_at_ms;
};

struct credentials {
    struct loop *loop;
    struct arena arena;                /* of `sources` */
    struct credential_sources sources; /* values of files are views into them */
    struct str ca;                     /* the content of sources.ca_file */
    struct secret_file files[4];

    /* the plugin */
    struct exec_run *run;
    struct exec_servant *servant; /* NULL: this process runs it itself */
    struct loop_timer *renewal;
    struct arena answer_arena;
    struct exec_credential answer;
    bool has_answer;
    int64_t run_at_ms; /* when it was last started; INT64_MIN: never */
    int64_t rejected_at_ms;

    struct loop_deferred *start;
    credentials_ready_callback *ready; /* NULL once called */
    void *ready_owner;
};

/* A secret is dropped without leaving it in freed memory. */
static void wipe(struct strbuf *buffer) {
    if (buffer->ptr) explicit_bzero(buffer->ptr, buffer->len);
    strbuf_release(buffer);
}

static bool is_one_line(struct str text) {
    return !memchr(text.ptr, '\n', text.len) && !memchr(text.ptr, '\r', text.len);
}

static bool read_secret(struct secret_file *file, bool is_token, struct error *error) {
    struct arena arena;
    struct str text;
    arena_init(&arena, 2 * SECRET_FILE_BYTES);
    bool ok = files_read(&arena, file->path, SECRET_FILE_BYTES, &text, error);
    struct str value = ok && is_token ? str_trim(text) : text;
    if (ok && !value.len) ok = error_set(error, ERROR_INVALID, "%s: is empty", QUOTE(str_of(file->path)));
    if (ok && is_token && !is_one_line(value)) ok = error_set(error, ERROR_INVALID, "%s: a token is one line", QUOTE(str_of(file->path)));
    if (ok) {
        wipe(&file->content);
        strbuf_append(&file->content, value);
        ok = !file->content.failed || error_set(error, ERROR_MEMORY, "out of memory");
        *file->value = strbuf_view(&file->content);
    }
    arena_wipe(&arena);
    return ok;
}

static bool is_token_file(const struct credentials *credentials, const struct secret_file *file) {
    return file->value == &credentials->sources.token;
}

/* A file that cannot be read leaves the last good value. */
static void reread(struct credentials *credentials) {
    int64_t now_ms = loop_now_ms(credentials->loop);
    for (size_t i = 0; i < sizeof credentials->files / sizeof *credentials->files; i++) {
        struct secret_file *file = &credentials->files[i];
        if (!file->path || now_ms - file->read_at_ms < REREAD_MS) continue;
        file->read_at_ms = now_ms;
        read_secret(file, is_token_file(credentials, file), NULL);
    }
}

static bool read_files(struct credentials *credentials, struct error *error) {
    struct credential_sources *sources = &credentials->sources;
    const struct {
        struct str *value;
        struct str path;
    } wanted[] = {{&sources->token, sources->token_file},
                  {&sources->certificate, sources->certificate_file},
                  {&sources->key, sources->key_file},
                  {&credentials->ca, sources->ca_file}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct secret_file *file = &credentials->files[i];
        *file = (struct secret_file){.value = wanted[i].value, .content = strbuf_with_max(SECRET_FILE_BYTES)};
        if (wanted[i].value->len || !wanted[i].path.len) continue;
        file->path = wanted[i].path.ptr;
        file->read_at_ms = loop_now_ms(credentials->loop);
        if (!read_secret(file, is_token_file(credentials, file), error)) return false;
    }
    return true;
}

/* the plugin */

static void tell_ready(struct credentials *credentials, const struct error *error) {
    credentials_ready_callback *ready = credentials->ready;
    credentials->ready = NULL;
    if (ready) ready(credentials->ready_owner, error);
}

static void plan_renewal(struct credentials *credentials) {
    if (credentials->answer.expires_wall_ms == INT64_MAX) return;
    int64_t wait_ms = credentials->answer.expires_wall_ms - EARLY_MS - loop_wall_ms(credentials->loop);
    loop_timer_set(credentials->renewal, loop_now_ms(credentials->loop) + (wait_ms > SHORTEST_MS ? wait_ms : SHORTEST_MS));
}

static void keep_answer(struct credentials *credentials, struct str output, struct error *error) {
    struct arena arena;
    struct exec_credential answer;
    struct error problem;
    arena_init(&arena, SOURCES_BYTES);
    if (exec_credential_read(&arena, output, credentials->sources.plugin.api_version, &answer, &problem)) {
        arena_wipe(&credentials->answer_arena);
        credentials->answer_arena = arena;
        credentials->answer = answer;
        credentials->has_answer = true;
        plan_renewal(credentials);
        return;
    }
    arena_wipe(&arena);
    error_set(error, problem.kind, "credential plugin %s: %s", QUOTE(credentials->sources.plugin.command), problem.message);
}

static void plugin_ended(void *owner, struct str output, const struct error *error) {
    struct credentials *credentials = owner;
    struct error problem = {0};
    credentials->run = NULL;
    if (error)
        problem = *error;
    else
        keep_answer(credentials, output, &problem);
    if (problem.kind) loop_timer_set(credentials->renewal, loop_now_ms(credentials->loop) + SHORTEST_MS);
    tell_ready(credentials, problem.kind ? &problem : NULL);
}

static bool run_plugin(struct credentials *credentials, struct error *error) {
    if (credentials->run || !credentials->sources.plugin.command.len) return true;
    credentials->run_at_ms = loop_now_ms(credentials->loop);
    credentials->run =
        exec_run_start(credentials->loop, &credentials->sources.plugin, credentials->servant, plugin_ended, credentials, error);
    return credentials->run != NULL;
}

static void renew(void *owner) {
    struct credentials *credentials = owner;
    if (!run_plugin(credentials, NULL)) loop_timer_set(credentials->renewal, loop_now_ms(credentials->loop) + SHORTEST_MS);
}

static void begin(void *owner) {
    struct credentials *credentials = owner;
    struct error error;
    if (!run_plugin(credentials, &error))
        tell_ready(credentials, &error);
    else if (!credentials->run)
        tell_ready(credentials, NULL);
}

/* life */

static void copy_plugin(struct arena *arena, const struct credential_plugin *from, struct credential_plugin *to) {
    struct str *args = arena_array(arena, from->arg_count, sizeof *args);
    struct credential_env *env = arena_array(arena, from->env_count, sizeof *env);
    for (size_t i = 0; args && i < from->arg_count; i++) args[i] = arena_copy(arena, from->args[i]);
    for (size_t i = 0; env && i < from->env_count; i++)
        env[i] = (struct credential_env){arena_copy(arena, from->env[i].name), arena_copy(arena, from->env[i].value)};
    *to = (struct credential_plugin){
        .command = arena_copy(arena, from->command),
        .args = args,
        .arg_count = from->arg_count,
        .env = env,
        .env_count = from->env_count,
        .api_version = arena_copy(arena, from->api_version),
        .install_hint = arena_copy(arena, from->install_hint),
        .cluster_json = arena_copy(arena, from->cluster_json),
    };
}

static void copy_sources(struct arena *arena, const struct credential_sources *from, struct credential_sources *to) {
    *to = (struct credential_sources){
        .token = arena_copy(arena, from->token),
        .token_file = arena_copy(arena, from->token_file),
        .username = arena_copy(arena, from->username),
        .password = arena_copy(arena, from->password),
        .certificate = arena_copy(arena, from->certificate),
        .certificate_file = arena_copy(arena, from->certificate_file),
        .key = arena_copy(arena, from->key),
        .key_file = arena_copy(arena, from->key_file),
        .ca_file = arena_copy(arena, from->ca_file),
    };
    copy_plugin(arena, &from->plugin, &to->plugin);
}

struct credentials *credentials_new(struct loop *loop, const struct credential_sources *sources, struct error *error) {
    struct credentials *credentials = calloc(1, sizeof *credentials);
    if (!credentials) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    credentials->loop = loop;
    credentials->run_at_ms = INT64_MIN;
    credentials->rejected_at_ms = INT64_MIN;
    arena_init(&credentials->arena, SOURCES_BYTES);
    arena_init(&credentials->answer_arena, SOURCES_BYTES);
    copy_sources(&credentials->arena, sources, &credentials->sources);
    credentials->renewal = loop_timer_new(loop, renew, credentials);
    credentials->start = loop_deferred_new(loop, begin, credentials);
    if (credentials->arena.exhausted || !credentials->renewal || !credentials->start)
        error_set(error, ERROR_MEMORY, "out of memory");
    else if (read_files(credentials, error))
        return credentials;
    credentials_free(credentials);
    return NULL;
}

void credentials_free(struct credentials *credentials) {
    if (!credentials) return;
    exec_run_cancel(credentials->run);
    exec_servant_free(credentials->servant);
    loop_timer_free(credentials->renewal);
    loop_deferred_free(credentials->start);
    for (size_t i = 0; i < sizeof credentials->files / sizeof *credentials->files; i++) wipe(&credentials->files[i].content);
    arena_wipe(&credentials->answer_arena);
    arena_wipe(&credentials->arena);
    free(credentials);
}

bool credentials_hand_over(struct credentials *credentials, struct error *error) {
    if (!credentials->sources.plugin.command.len || credentials->servant) return true;
    credentials->servant = exec_servant_new(exec_plugin_start, &credentials->sources.plugin, error);
    return credentials->servant != NULL;
}

void credentials_start(struct credentials *credentials, credentials_ready_callback *ready, void *owner) {
    credentials->ready = ready;
    credentials->ready_owner = owner;
    loop_deferred_call(credentials->start);
}

void credentials_get(void *owner, struct http_credentials *out) {
    struct credentials *credentials = owner;
    reread(credentials);
    const struct credential_sources *sources = &credentials->sources;
    *out = (struct http_credentials){
        .bearer_token = sources->token,
        .username = sources->username,
        .password = sources->password,
        .certificate = sources->certificate,
        .key = sources->key,
        .ca = credentials->ca,
    };
    if (!credentials->has_answer) return;
    if (credentials->answer.token.len) out->bearer_token = credentials->answer.token;
    if (credentials->answer.certificate.len) {
        out->certificate = credentials->answer.certificate;
        out->key = credentials->answer.key;
    }
}

void credentials_rejected(struct credentials *credentials) {
    int64_t now_ms = loop_now_ms(credentials->loop);
    if (credentials->rejected_at_ms != INT64_MIN && now_ms - credentials->rejected_at_ms < REJECTED_MS) return;
    credentials->rejected_at_ms = now_ms;
    for (size_t i = 0; i < sizeof credentials->files / sizeof *credentials->files; i++)
        credentials->files[i].read_at_ms = now_ms - REREAD_MS;
    bool may_run = credentials->run_at_ms == INT64_MIN || now_ms - credentials->run_at_ms >= SHORTEST_MS;
    if (may_run) loop_deferred_call(credentials->start);
}
