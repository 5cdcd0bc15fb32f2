#include "controller/connect.h"

#include <malloc.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "data/yaml_read.h"
#include "io/files.h"
#include "kube/kubeconfig.h"

#define ACCOUNT_FOLDER "/var/run/secrets/kubernetes.io/serviceaccount"

enum { KUBECONFIG_FILES_MAX = 32, KUBECONFIG_MAX_BYTES = 4 * 1024 * 1024, CERTIFICATE_MAX_BYTES = 1024 * 1024 };
enum { SECRETS_ARENA_BYTES = 256 * 1024 * 1024, OVERWRITE = 0x5A, DNS_PORT = 53, PROXY_PORT = 1080 /* curl's own default */ };

static bool read_kubeconfig_file(struct arena *arena, const char *path, struct kubeconfig_file *out, struct error *error) {
    struct str text;
    struct yaml_documents documents;
    *out = (struct kubeconfig_file){.path = str_of(path)};
    if (!files_read(arena, path, KUBECONFIG_MAX_BYTES, &text, error) || !files_folder_of(arena, path, &out->folder, error)) return false;
    if (!yaml_read(arena, text, &documents, error)) {
        struct error inner = *error;
        return error_set(error, inner.kind, "%s:%u:%u: %s", path, inner.line, inner.column, inner.message);
    }
    out->root = documents.count ? documents.items[0].root : NULL;
    return true;
}

/* KUBECONFIG=a:b: files that do not exist are passed over, as kubectl does, unless none is left. */
static bool read_kubeconfig(struct arena *arena, const char *paths, const struct connect_options *options, struct cluster_settings *out,
                            struct error *error) {
    struct kubeconfig_file files[KUBECONFIG_FILES_MAX];
    size_t count = 0;
    struct str rest = str_of(paths);
    while (rest.len && count < KUBECONFIG_FILES_MAX) {
        size_t colon = str_find(rest, STR(":"));
        struct str path = arena_copy(arena, str_first(rest, colon));
        rest = colon == SIZE_MAX ? STR_EMPTY : str_from(rest, colon + 1);
        if (path.len == 0) continue;
        if (read_kubeconfig_file(arena, path.ptr, &files[count], error))
            count++;
        else if (error->kind != ERROR_NOT_FOUND)
            return false;
    }
    if (count == 0) return error->kind ? false : error_set(error, ERROR_NOT_FOUND, "no kubeconfig file in %s", QUOTE(str_of(paths)));
    return kubeconfig_read(arena, files, count, str_of(options->context), options->allow_exec, out, error);
}

static bool read_settings(struct arena *arena, const struct connect_options *options, struct cluster_settings *out, struct error *error) {
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT"), *home = getenv("HOME");
    if (options->kubeconfig) return read_kubeconfig(arena, options->kubeconfig, options, out, error);
    if (!host && home) {
        struct str path = arena_printf(arena, "%s/.kube/config", home);
        if (read_kubeconfig(arena, path.ptr, options, out, error)) return true;
        if (error->kind != ERROR_NOT_FOUND) return false;
    }
    if (!host) {
        return error_set(
            error, ERROR_NOT_FOUND,
            "no cluster to talk to: no ~/.kube/config; give --kubeconfig FILE, set KUBECONFIG, or run in a pod of the cluster");
    }
    if (!kubeconfig_in_cluster(arena, str_of(host), str_of(port), STR(ACCOUNT_FOLDER "/token"), STR(ACCOUNT_FOLDER "/ca.crt"), out, error))
        return false;
    struct str namespace;
    if (files_read(arena, ACCOUNT_FOLDER "/namespace", CERTIFICATE_MAX_BYTES, &namespace, NULL)) out->namespace = str_trim(namespace);
    return true;
}

static struct credential_env *plugin_env(struct arena *arena, const struct kubeconfig_exec *exec) {
    struct credential_env *env = arena_array(arena, exec->env_count + 1, sizeof *env);
    for (size_t i = 0; env && i < exec->env_count; i++) env[i] = (struct credential_env){exec->env[i].name, exec->env[i].value};
    return env;
}

static void add_base64(struct strbuf *out, struct str bytes) {
    size_t most = (bytes.len + 2) / 3 * 4;
    char *end = strbuf_reserve(out, most + 1);
    if (end) strbuf_added(out, (size_t)EVP_EncodeBlock((unsigned char *)end, (const unsigned char *)bytes.ptr, (int)bytes.len));
}

/* KUBERNETES_EXEC_INFO's spec.cluster, for plugins that ask for it (provideClusterInfo). */
static struct str plugin_cluster(struct arena *arena, const struct cluster_settings *settings, struct str ca) {
    if (!settings->exec.wants_cluster_info) return STR_EMPTY;
    struct strbuf text = strbuf_with_max(4 * CERTIFICATE_MAX_BYTES);
    strbuf_append(&text, STR("{\"server\":"));
    json_write_text(&text, settings->server);
    if (settings->tls_server_name.len) {
        strbuf_append(&text, STR(",\"tls-server-name\":"));
        json_write_text(&text, settings->tls_server_name);
    }
    if (settings->is_insecure) strbuf_append(&text, STR(",\"insecure-skip-tls-verify\":true"));
    if (ca.len) {
        strbuf_append(&text, STR(",\"certificate-authority-data\":\""));
        add_base64(&text, ca);
        strbuf_append_char(&text, '"');
    }
    strbuf_append_char(&text, '}');
    return strbuf_take(&text, arena);
}

static struct credentials *open_credentials(struct arena *arena, struct loop *loop, const struct cluster_settings *settings, struct str ca,
                                            struct error *error) {
    const struct kubeconfig_exec *exec = &settings->exec;
    struct credential_sources sources = {
        .token = settings->token,
        .token_file = settings->token_file,
        .username = settings->username,
        .password = settings->password,
        .certificate = settings->certificate_data,
        .certificate_file = settings->certificate_file,
        .key = settings->key_data,
        .key_file = settings->key_file,
        .ca_file = settings->ca_file,
        .plugin = {.command = exec->command,
                   .args = exec->args,
                   .arg_count = exec->arg_count,
                   .env = plugin_env(arena, exec),
                   .env_count = exec->env_count,
                   .api_version = exec->api_version,
                   .install_hint = exec->install_hint,
                   .cluster_json = plugin_cluster(arena, settings, ca)},
    };
    return credentials_new(loop, &sources, error);
}

/* What outlives the secrets that it was read with. */
static bool keep_texts(struct arena *arena, const struct cluster_settings *settings, struct connection *out, struct error *error) {
    const struct str files[] = {settings->ca_file, settings->token_file, settings->certificate_file, settings->key_file};
    *out = (struct connection){
        .server = arena_copy(arena, settings->server),
        .namespace = arena_copy(arena, settings->namespace.len ? settings->namespace : STR("default")),
        .is_insecure = settings->is_insecure,
        .ports = {DNS_PORT},
        .port_count = 1,
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i].len) out->files[out->file_count++] = arena_copy(arena, files[i]).ptr;
    if (http_url_port(settings->server, &out->ports[out->port_count])) out->port_count++;
    if (settings->proxy_url.len) {
        if (http_url_port(settings->proxy_url, &out->ports[out->port_count])) out->port_count++;
        out->ports[out->port_count++] = PROXY_PORT; /* where the address names none */
    }
    return !arena->exhausted || error_set(error, ERROR_MEMORY, "out of memory while reading the kubeconfig");
}

static bool open_client(struct arena *secrets, struct loop *loop, const struct cluster_settings *settings, struct connection *out,
                        struct error *error) {
    struct str ca = settings->ca_data;
    if (ca.len == 0 && settings->ca_file.len && !files_read(secrets, settings->ca_file.ptr, CERTIFICATE_MAX_BYTES, &ca, error))
        return false;
    out->credentials = open_credentials(secrets, loop, settings, ca, error);
    if (!out->credentials) return false;
    struct http_client_settings http = {
        .base_url = settings->server,
        .ca = ca,
        .is_insecure = settings->is_insecure,
        .tls_server_name = settings->tls_server_name,
        .proxy_url = settings->proxy_url,
        .user_agent = STR("model-booster/" MODEL_BOOSTER_VERSION),
        .credentials = credentials_get,
        .credentials_owner = out->credentials,
    };
    out->client.http = http_client_new(loop, &http, error);
    out->client.credentials = out->credentials;
    if (out->client.http) return true;
    credentials_free(out->credentials);
    return false;
}

bool connection_open(struct arena *arena, struct loop *loop, const struct connect_options *options, struct connection *out,
                     struct error *error) {
    struct cluster_settings settings;
    struct arena secrets; /* kubeconfigs whole, with what is in them of other users */
    *error = (struct error){0};
    arena_init(&secrets, SECRETS_ARENA_BYTES);
    mallopt(M_PERTURB, OVERWRITE); /* the YAML reader's buffers, too, are overwritten when freed */
    bool ok = read_settings(&secrets, options, &settings, error) && keep_texts(arena, &settings, out, error) &&
              open_client(&secrets, loop, &settings, out, error);
    arena_wipe(&secrets);
    mallopt(M_PERTURB, 0);
    return ok;
}

void connection_close(struct connection *connection) {
    credentials_free(connection->credentials);
}
