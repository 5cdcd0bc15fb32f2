#include "small_worlds.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

struct shell *world_begin(const char *booster) {
    struct fake_server *server = fake_server_new();
    fake_server_create(server, FAKE_BOOSTER, booster);
    return shell_new(server, "m");
}

struct shell *world_rest(const char *booster) {
    struct shell *shell = world_begin(booster);
    shell_settle(shell);
    shell_take_trace(shell);
    return shell;
}

void world_end(struct shell *shell) {
    struct fake_server *server = shell->server;
    shell_free(shell);
    fake_server_free(server);
}

void world_edit(struct shell *shell, const char *patch) {
    fake_server_edit(shell->server, FAKE_BOOSTER, "m", "kubectl", patch);
}

const char *world_field(struct shell *shell, enum child_kind kind, const char *name, const char *path) {
    return fake_server_field(shell->server, (int)kind, name, path);
}

const char *world_condition(struct shell *shell, const char *type, const char *field) {
    return fake_server_condition(shell->server, "m", type, field);
}

const char *world_refuse_kind(void *kind_pointer, int kind, yyjson_mut_doc *doc, yyjson_mut_val *object) {
    (void)doc, (void)object;
    return kind == *(const int *)kind_pointer ? "spec.x: Invalid value: it is refused" : NULL;
}
