/*
 * kubeconfig: each YAML document is a file of the list. Every context that any of them names is read, or refused with words; data or file
 * is given, never both; what is text is terminated, what is a path absolute.
 */
#include "data/yaml_read.h"
#include "harness.h"
#include "kube/kubeconfig.h"

enum { FILES = 4 };

static void expect_one(struct str data, struct str file, const char *what) {
    fuzz_expect(!data.len || !file.len, "%s both as data and as a file", what);
    fuzz_expect(!file.len || (file.ptr[0] == '/' && file.ptr[file.len] == 0), "%s at a place that is not absolute or not terminated", what);
}

static void expect_settings(const struct cluster_settings *settings, bool allows_exec) {
    struct str server = settings->server;
    fuzz_expect(server.len && server.ptr[server.len - 1] != '/', "a server with a slash at its end, or none");
    expect_one(settings->ca_data, settings->ca_file, "the authority");
    expect_one(settings->certificate_data, settings->certificate_file, "the certificate");
    expect_one(settings->key_data, settings->key_file, "the key");
    fuzz_expect(allows_exec || !settings->exec.command.len, "a program where none is allowed");
    for (size_t i = 0; i < settings->exec.arg_count; i++) fuzz_expect(settings->exec.args[i].ptr != NULL, "an argument that is not there");
    for (size_t i = 0; i < settings->exec.env_count; i++) fuzz_expect(settings->exec.env[i].name.ptr != NULL, "a variable without a name");
}

static void read_context(struct arena *arena, const struct kubeconfig_file *files, size_t count, struct str context) {
    for (int allows_exec = 0; allows_exec < 2; allows_exec++) {
        struct cluster_settings settings = {0};
        struct error error = {0};
        if (kubeconfig_read(arena, files, count, context, allows_exec, &settings, &error))
            expect_settings(&settings, allows_exec);
        else
            fuzz_expect_error(&error);
    }
}

FUZZ_TARGET(kubeconfig) {
    struct yaml_documents documents;
    struct kubeconfig_file files[FILES];
    if (!yaml_read(arena, input, &documents, NULL)) return;
    size_t count = documents.count < FILES ? documents.count : FILES;
    for (size_t i = 0; i < count; i++)
        files[i] = (struct kubeconfig_file){.path = STR("config"), .folder = STR("/home/ann/.kube"), .root = documents.items[i].root};
    read_context(arena, files, count, STR_EMPTY);
    for (size_t i = 0; i < count; i++) {
        yyjson_val *contexts = json_get(files[i].root, "contexts"), *context;
        size_t index, max;
        yyjson_arr_foreach(contexts, index, max, context) read_context(arena, files, count, json_text(json_get(context, "name")));
    }
}
