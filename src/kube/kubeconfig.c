#include "kube/kubeconfig_inner.h"

#include <string.h>

enum { NAMES_SHOWN = 10, SERVER_BYTES = 4096 };

/* fields */

bool kubeconfig_text(const struct kubeconfig_entry *entry, const char *field, struct str *out, struct error *error) {
    yyjson_val *value = json_get(entry->value, field);
    if (!value || yyjson_is_null(value)) return *out = STR_EMPTY, true;
    if (!yyjson_is_str(value))
        return error_set(error, ERROR_INVALID, "%s: %s %s: %s is no text", QUOTE(entry->file->path), entry->section, QUOTE(entry->name),
                         field);
    return *out = json_text(value), true;
}

struct str kubeconfig_resolve(struct arena *arena, const struct kubeconfig_entry *entry, struct str path) {
    if (!path.len || path.ptr[0] == '/') return arena_copy(arena, path);
    return arena_printf(arena, "%.*s/%.*s", STR_ARG(entry->file->folder), STR_ARG(path));
}

static bool set_out_of_memory(struct error *error) {
    return error_set(error, ERROR_MEMORY, "out of memory while reading the kubeconfig");
}

bool kubeconfig_path(struct arena *arena, const struct kubeconfig_entry *entry, const char *field, struct str *out, struct error *error) {
    struct str path;
    if (!kubeconfig_text(entry, field, &path, error)) return false;
    *out = path.len ? kubeconfig_resolve(arena, entry, path) : STR_EMPTY;
    return !arena->exhausted || set_out_of_memory(error);
}

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 with padding, line breaks ignored as Go does. False when it is none. */
static bool base64_decode(struct arena *arena, struct str text, struct str *out) {
    char *bytes = arena_alloc(arena, text.len / 4 * 3 + 4);
    size_t digits = 0, padding = 0, count = 0;
    unsigned bits = 0;
    for (size_t i = 0; bytes && i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n' || c == '\r') continue;
        int digit = c == '=' ? 0 : base64_digit(c);
        if (digit < 0 || (padding && c != '=')) return false;
        padding += c == '=';
        bits = bits << 6 | (unsigned)digit;
        if (++digits % 4) continue;
        bytes[count++] = (char)(bits >> 16 & 0xFF);
        bytes[count++] = (char)(bits >> 8 & 0xFF);
        bytes[count++] = (char)(bits & 0xFF);
    }
    if (!bytes || digits % 4 || padding > 2) return false;
    *out = (struct str){bytes, count - padding};
    bytes[count - padding] = 0;
    return true;
}

bool kubeconfig_data(struct arena *arena, const struct kubeconfig_entry *entry, const char *field, struct str *out, struct error *error) {
    struct str text;
    if (!kubeconfig_text(entry, field, &text, error)) return false;
    if (!text.len) return *out = STR_EMPTY, true;
    if (base64_decode(arena, text, out)) return true;
    if (arena->exhausted) return set_out_of_memory(error);
    return error_set(error, ERROR_INVALID, "%s: %s %s: %s is not base64", QUOTE(entry->file->path), entry->section, QUOTE(entry->name),
                     field);
}

/* entries */

/* "clusters: [{name, cluster: {...}}]" of all files; the first of a name wins. */
static bool find_entry(const struct kubeconfig_file *files, size_t file_count, const char *list, const char *section, struct str name,
                       struct kubeconfig_entry *out) {
    for (size_t i = 0; i < file_count; i++) {
        size_t index, max;
        yyjson_val *item;
        yyjson_arr_foreach(json_get(files[i].root, list), index, max, item) {
            yyjson_val *item_name = json_get(item, "name");
            if (!yyjson_is_str(item_name) || !str_equal(json_text(item_name), name)) continue;
            *out = (struct kubeconfig_entry){json_get(item, section), &files[i], name, section};
            return true;
        }
    }
    return false;
}

static void append_names(struct strbuf *out, const struct kubeconfig_file *files, size_t file_count, const char *list) {
    size_t shown = 0;
    for (size_t i = 0; i < file_count; i++) {
        size_t index, max;
        yyjson_val *item;
        yyjson_arr_foreach(json_get(files[i].root, list), index, max, item) {
            if (++shown > NAMES_SHOWN) continue;
            strbuf_printf(out, "%s%s", out->len ? ", " : "", QUOTE(json_text(json_get(item, "name"))));
        }
    }
    if (shown > NAMES_SHOWN) strbuf_printf(out, " and %zu more", shown - NAMES_SHOWN);
    if (!shown) strbuf_append(out, STR("none"));
}

/* "a.yaml, b.yaml: context "x" does not exist; there are: ..." */
static bool set_missing(struct error *error, const struct kubeconfig_file *files, size_t file_count, const char *list, const char *what) {
    struct strbuf paths = strbuf_with_max(LIMIT_ERROR_MESSAGE_BYTES), names = strbuf_with_max(LIMIT_ERROR_MESSAGE_BYTES);
    for (size_t i = 0; i < file_count && i < NAMES_SHOWN; i++) strbuf_printf(&paths, "%s%s", i ? ", " : "", QUOTE(files[i].path));
    append_names(&names, files, file_count, list);
    error_set(error, ERROR_NOT_FOUND, "%s: %s; %s there are: %s", strbuf_view(&paths).ptr, what, list, strbuf_view(&names).ptr);
    strbuf_release(&paths);
    strbuf_release(&names);
    return false;
}

static struct str current_context(const struct kubeconfig_file *files, size_t file_count) {
    for (size_t i = 0; i < file_count; i++) {
        struct str name = json_text(json_get(files[i].root, "current-context"));
        if (name.len) return name;
    }
    return STR_EMPTY;
}

static bool check_files(const struct kubeconfig_file *files, size_t file_count, struct error *error) {
    for (size_t i = 0; i < file_count; i++) {
        const yyjson_val *root = files[i].root;
        struct str kind = json_text(json_get(root, "kind"));
        if (root && !yyjson_is_obj(json_loose(root)))
            return error_set(error, ERROR_INVALID, "%s: no kubeconfig: its content is no map", QUOTE(files[i].path));
        if (kind.len && !str_is(kind, "Config"))
            return error_set(error, ERROR_INVALID, "%s: no kubeconfig: its kind is %s", QUOTE(files[i].path), QUOTE(kind));
    }
    return true;
}

/* the cluster */

static struct str without_last_slash(struct str url) {
    while (url.len && url.ptr[url.len - 1] == '/') url.len--;
    return url;
}

static bool set_field(struct error *error, const struct kubeconfig_entry *entry, const char *problem) {
    return error_set(error, ERROR_INVALID, "%s: %s %s: %s", QUOTE(entry->file->path), entry->section, QUOTE(entry->name), problem);
}

static bool read_cluster(struct arena *arena, const struct kubeconfig_entry *cluster, struct cluster_settings *out, struct error *error) {
    struct str server;
    if (!kubeconfig_text(cluster, "server", &server, error) || !kubeconfig_text(cluster, "tls-server-name", &out->tls_server_name, error) ||
        !kubeconfig_text(cluster, "proxy-url", &out->proxy_url, error) ||
        !kubeconfig_data(arena, cluster, "certificate-authority-data", &out->ca_data, error) ||
        !kubeconfig_path(arena, cluster, "certificate-authority", &out->ca_file, error))
        return false;
    if (out->ca_data.len) out->ca_file = STR_EMPTY;
    if (!server.len) return set_field(error, cluster, "server is missing; write https://host:port");
    if (server.len > SERVER_BYTES) return set_field(error, cluster, "server is too long");
    out->server = without_last_slash(str_contains(server, STR("://")) ? arena_copy(arena, server)
                                                                      : arena_printf(arena, "https://%.*s", STR_ARG(server)));
    out->is_insecure = json_bool_or(json_get(cluster->value, "insecure-skip-tls-verify"), false);
    if (out->is_insecure && (out->ca_data.len || out->ca_file.len))
        return set_field(error, cluster, "both insecure-skip-tls-verify and a certificate authority are given; remove the first");
    return true;
}

static bool find_all(const struct kubeconfig_file *files, size_t file_count, struct str name, struct kubeconfig_entry *cluster,
                     struct kubeconfig_entry *user, struct cluster_settings *out, struct error *error) {
    struct kubeconfig_entry context;
    struct str cluster_name, user_name;
    struct error problem; /* only its message, as the middle part of ours */
    if (!find_entry(files, file_count, "contexts", "context", name, &context)) {
        error_set(&problem, ERROR_NOT_FOUND, "context %s does not exist", QUOTE(name));
        return set_missing(error, files, file_count, "contexts", problem.message);
    }
    if (!kubeconfig_text(&context, "cluster", &cluster_name, error) || !kubeconfig_text(&context, "user", &user_name, error) ||
        !kubeconfig_text(&context, "namespace", &out->namespace, error))
        return false;
    if (!find_entry(files, file_count, "clusters", "cluster", cluster_name, cluster)) {
        error_set(&problem, ERROR_NOT_FOUND, "context %s names the cluster %s, which does not exist", QUOTE(name), QUOTE(cluster_name));
        return set_missing(error, files, file_count, "clusters", problem.message);
    }
    *user = (struct kubeconfig_entry){NULL, context.file, user_name, "user"};
    if (user_name.len && !find_entry(files, file_count, "users", "user", user_name, user)) {
        error_set(&problem, ERROR_NOT_FOUND, "context %s names the user %s, who does not exist", QUOTE(name), QUOTE(user_name));
        return set_missing(error, files, file_count, "users", problem.message);
    }
    return true;
}

static void copy_texts(struct arena *arena, struct cluster_settings *settings) {
    struct str *texts[] = {&settings->context, &settings->namespace, &settings->tls_server_name, &settings->proxy_url};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) *texts[i] = texts[i]->len ? arena_copy(arena, *texts[i]) : STR_EMPTY;
}

bool kubeconfig_read(struct arena *arena, const struct kubeconfig_file *files, size_t file_count, struct str context, bool allow_exec,
                     struct cluster_settings *out, struct error *error) {
    if (!check_files(files, file_count, error)) return false;
    struct cluster_settings settings = {.context = context.len ? context : current_context(files, file_count)};
    if (!settings.context.len)
        return set_missing(error, files, file_count, "contexts", "no context is chosen; set current-context or give --context");
    struct kubeconfig_entry cluster, user;
    if (!find_all(files, file_count, settings.context, &cluster, &user, &settings, error)) return false;
    if (!read_cluster(arena, &cluster, &settings, error)) return false;
    if (!kubeconfig_read_user(arena, &user, allow_exec, &settings, error)) return false;
    copy_texts(arena, &settings);
    if (arena->exhausted) return set_out_of_memory(error);
    *out = settings;
    return true;
}

bool kubeconfig_in_cluster(struct arena *arena, struct str host, struct str port, struct str token_file, struct str ca_file,
                           struct cluster_settings *out, struct error *error) {
    if (!host.len || !port.len)
        return error_set(error, ERROR_NOT_FOUND,
                         "no kubeconfig is given, and this is no pod of a cluster (KUBERNETES_SERVICE_HOST is not set); give --kubeconfig");
    bool is_ipv6 = str_contains(host, STR(":")) && host.ptr[0] != '[';
    struct cluster_settings settings = {
        .server = arena_printf(arena, "https://%s%.*s%s:%.*s", is_ipv6 ? "[" : "", STR_ARG(host), is_ipv6 ? "]" : "", STR_ARG(port)),
        .token_file = arena_copy(arena, token_file),
        .ca_file = arena_copy(arena, ca_file),
    };
    if (arena->exhausted) return set_out_of_memory(error);
    *out = settings;
    return true;
}
