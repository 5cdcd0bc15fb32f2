#include "controller/confine.h"

#include <limits.h>
#include <stdlib.h>

enum { FOLDERS_ARENA_BYTES = 64 * 1024 };

void confine_tell(const struct log *log, const char *no_files, const char *no_calls) {
    log_write(log, no_files || no_calls ? LOG_WARN : LOG_INFO, "confined",
              LOG_FIELDS({"files", str_of(no_files ? no_files : "limited")}, {"calls", str_of(no_calls ? no_calls : "limited")}));
}

/* A file that is exchanged is another file in its folder, or in the folder that it links to. Of the root folder it is the file alone. */
static bool allow_folder_of(struct arena *arena, struct sandbox_policy *policy, const char *path) {
    struct str folder = str_of(path);
    while (folder.len && folder.ptr[folder.len - 1] != '/') folder.len--;
    while (folder.len > 1 && folder.ptr[folder.len - 1] == '/') folder.len--;
    const char *wanted = folder.len == 1 ? path : folder.len ? arena_copy(arena, folder).ptr : ".";
    return sandbox_allow_path(policy, wanted, SANDBOX_READ);
}

static bool allow_file(struct arena *arena, struct sandbox_policy *policy, const char *path) {
    char *real = realpath(path, NULL);
    bool ok = allow_folder_of(arena, policy, path);
    if (real) ok = allow_folder_of(arena, policy, arena_copy(arena, str_of(real)).ptr) && ok;
    free(real);
    return ok;
}

static bool allow_all(struct arena *arena, struct sandbox_policy *policy, const struct connection *connection,
                      const struct controller_options *options) {
    uint16_t port;
    bool ok = sandbox_allow_system(policy);
    for (size_t i = 0; i < connection->file_count; i++) ok = ok && allow_file(arena, policy, connection->files[i]);
    for (size_t i = 0; i < connection->port_count; i++) ok = ok && sandbox_allow_connect(policy, connection->ports[i]);
    if (options->otlp_endpoint && http_url_port(str_of(options->otlp_endpoint), &port)) ok = ok && sandbox_allow_connect(policy, port);
    return ok && !arena->exhausted;
}

void confine_controller(const struct connection *connection, const struct controller_options *options) {
    struct sandbox_policy policy = {.has_network = true};
    struct arena arena;
    const char *why = options->is_unconfined                                  ? "--no-sandbox"
                      : !credentials_hand_over(connection->credentials, NULL) ? "no process for the credential plugin"
                                                                              : NULL;
    if (why) {
        confine_tell(&options->log, why, why);
        return;
    }
    arena_init(&arena, FOLDERS_ARENA_BYTES);
    bool is_complete = allow_all(&arena, &policy, connection, options);
    const char *no_files = is_complete ? sandbox_limit_files(&policy) : "too many files and ports to name";
    confine_tell(&options->log, no_files, sandbox_limit_calls(&policy));
    arena_release(&arena);
}
