#include "apiserver/apiserver.h"

#include <stdlib.h>
#include <utlist.h>

#include "apiserver/audit.h"
#include "apiserver/collector.h"
#include "apiserver/definitions.h"
#include "apiserver/document_cache.h"
#include "apiserver/hub.h"
#include "apiserver/internal_call.h"
#include "apiserver/rights.h"
#include "apiserver/server.h"

enum {
    SETTINGS_ARENA_BYTES = 4 * 1024 * 1024,
    DEFAULT_HISTORY_MS = 5 * 60 * 1000,
    DEFAULT_HISTORY_REVISIONS = 100000,
    HOUSEKEEPING_MS = 5000,
    DOCUMENT_BYTES = 64 * 1024 * 1024,
};

struct str server_random_suffix(struct apiserver *server, struct arena *arena) {
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    char suffix[5];
    for (size_t i = 0; i < sizeof suffix; i++) suffix[i] = alphabet[number_random_below(&server->random, sizeof alphabet - 1)];
    return arena_copy(arena, (struct str){suffix, sizeof suffix});
}

struct str server_uuid(struct apiserver *server, struct arena *arena) {
    uint64_t high = number_random_next(&server->random), low = number_random_next(&server->random);
    return arena_printf(arena, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(high >> 32), (unsigned)(high >> 16) & 0xffff,
                        (unsigned)high & 0xfff, 0x8000u | ((unsigned)(low >> 48) & 0x3fff), (unsigned long long)(low & 0xffffffffffff));
}

/* Everything that follows what is written, in this order. */
static void on_write(void *owner, const struct write *write) {
    struct apiserver *server = owner;
    server->writes++;
    definitions_on_write(server, write);
    rights_on_write(server->rights, write);
    hub_on_write(server->hub, write);
    collector_on_write(server->collector, write);
}

static bool copy_tokens(struct apiserver *server, const struct apiserver_settings *settings) {
    server->tokens = arena_array(&server->arena, settings->token_count + 1, sizeof *server->tokens);
    if (!server->tokens) return false;
    for (size_t i = 0; i < settings->token_count; i++) {
        const struct apiserver_token *from = &settings->tokens[i];
        struct server_token *to = &server->tokens[server->token_count++];
        struct str *groups = arena_array(&server->arena, from->group_count + 1, sizeof *groups);
        if (!groups) return false;
        for (size_t group = 0; group < from->group_count; group++) groups[group] = arena_copy(&server->arena, from->groups[group]);
        groups[from->group_count] = STR("system:authenticated");
        *to = (struct server_token){.token = arena_copy(&server->arena, from->token),
                                    .user = {.name = arena_copy(&server->arena, from->user),
                                             .uid = arena_copy(&server->arena, from->uid),
                                             .groups = groups,
                                             .group_count = from->group_count + 1}};
    }
    server->signing_key = arena_copy(&server->arena, settings->signing_key);
    server->address = arena_copy(&server->arena, settings->address);
    return !server->arena.exhausted;
}

/* Notes which revision is the newest now, and forgets what is older than the history asked for. */
static void keep_house(void *owner) {
    struct apiserver *server = owner;
    int64_t now_ms = loop_now_ms(server->loop), newest = objects_revision(server->objects), keep_from = 0;
    int64_t between_ms = server->history_ms / (COMPACTION_MARKS - 2);
    if (!server->mark_count || now_ms - server->marks[server->mark_count - 1].at_ms >= between_ms) {
        if (server->mark_count == COMPACTION_MARKS) {
            for (size_t i = 1; i < COMPACTION_MARKS; i++) server->marks[i - 1] = server->marks[i];
            server->mark_count--;
        }
        server->marks[server->mark_count].at_ms = now_ms;
        server->marks[server->mark_count++].revision = newest;
    }
    for (size_t i = 0; i < server->mark_count; i++) {
        if (now_ms - server->marks[i].at_ms >= server->history_ms) keep_from = server->marks[i].revision;
    }
    if (newest - keep_from > server->history_revisions) keep_from = newest - server->history_revisions;
    if (keep_from > objects_compacted_revision(server->objects)) storage_compact(server->storage, keep_from);
    loop_timer_set(server->housekeeping, now_ms + HOUSEKEEPING_MS);
}

static bool start(struct apiserver *server, const struct apiserver_settings *settings, struct error *error) {
    if (!copy_tokens(server, settings)) return error_set(error, ERROR_MEMORY, "memory is out");
    struct storage_settings storage = {.folder = settings->data_folder, .vfs = settings->storage_vfs};
    if (!storage_open(server->loop, &storage, &server->storage, error)) return false;
    server->objects = objects_new(server->loop, server->storage, on_write, server, error);
    if (!server->objects) return false;
    if (settings->audit_log && !audit_open(settings->audit_log, &server->audit_log, error)) return false;
    server->registry = registry_new();
    server->hub = hub_new(server);
    server->rights = rights_new(server);
    server->collector = collector_new(server);
    server->document_cache = document_cache_new();
    server->housekeeping = loop_timer_new(server->loop, keep_house, server);
    server->namespaces = objects_collection(server->objects, STR("/namespaces"));
    server->definitions = objects_collection(server->objects, STR("apiextensions.k8s.io/customresourcedefinitions"));
    if (!server->registry || !server->hub || !server->rights || !server->collector || !server->document_cache || !server->housekeeping ||
        !server->namespaces || !server->definitions)
        return error_set(error, ERROR_MEMORY, "memory is out");
    if (!definitions_load(server, error)) return false;
    collector_start(server->collector);
    keep_house(server);
    return true;
}

struct apiserver *apiserver_new(struct loop *loop, const struct apiserver_settings *settings, struct error *error) {
    struct apiserver *server = calloc(1, sizeof *server);
    if (!server) {
        error_set(error, ERROR_MEMORY, "memory is out");
        return NULL;
    }
    server->loop = loop;
    server->started_ms = loop_wall_ms(loop);
    server->random.state = settings->seed;
    server->history_ms = settings->history_ms ? settings->history_ms : DEFAULT_HISTORY_MS;
    server->history_revisions = settings->history_revisions ? settings->history_revisions : DEFAULT_HISTORY_REVISIONS;
    server->documents = strbuf_with_max(DOCUMENT_BYTES);
    arena_init(&server->arena, SETTINGS_ARENA_BYTES);
    if (start(server, settings, error)) return server;
    apiserver_free(server);
    return NULL;
}

void apiserver_stop(struct apiserver *server, loop_callback *stopped, void *owner) {
    server->is_stopping = true;
    server->stopped = stopped;
    server->stopped_owner = owner;
    hub_stop(server->hub);
    /* Where the watches were all there was, the end of the last one has told it. */
    if (!server->requests && server->stopped) {
        server->stopped = NULL;
        stopped(owner);
    }
}

void apiserver_free(struct apiserver *server) {
    if (!server) return;
    server->stopped = NULL;
    hub_free(server->hub);
    collector_free(server->collector);
    while (server->requests) {
        struct exchange *exchange = server->requests->exchange;
        if (exchange) exchange->on_gone = NULL;
        request_free(server->requests);
    }
    internal_calls_free(server);
    objects_free(server->objects);
    storage_close(server->storage);
    rights_free(server->rights);
    registry_free(server->registry);
    loop_timer_free(server->housekeeping);
    audit_close(server->audit_log);
    document_cache_free(server->document_cache);
    strbuf_release(&server->documents);
    arena_release(&server->arena);
    free(server);
}
