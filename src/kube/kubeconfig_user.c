#include "kube/kubeconfig_inner.h"

enum { WORDS_MAX = 1000 };

static bool set_problem(struct error *error, enum error_kind kind, const struct kubeconfig_entry *user, const char *problem) {
    return error_set(error, kind, "%s: user %s: %s", QUOTE(user->file->path), QUOTE(user->name), problem);
}

/* What we do not speak; kubectl would act on it, so passing it by could mean acting as somebody else. */
static bool check_unsupported(const struct kubeconfig_entry *user, struct error *error) {
    static const struct {
        const char *field, *problem;
    } rows[] = {
        {"auth-provider", "auth-provider is not supported, and not by kubectl either since 1.26; use an exec plugin or a token"},
        {"as", "impersonation (as) is not supported; use a user of its own"},
        {"as-uid", "impersonation (as-uid) is not supported; use a user of its own"},
        {"as-groups", "impersonation (as-groups) is not supported; use a user of its own"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!json_is_empty(json_get(user->value, rows[i].field))) return set_problem(error, ERROR_UNSUPPORTED, user, rows[i].problem);
    return true;
}

static bool read_args(struct arena *arena, const struct kubeconfig_entry *user, const yyjson_val *list, struct kubeconfig_exec *out,
                      struct error *error) {
    size_t count = yyjson_arr_size(json_loose(list)), index, max;
    if (count > WORDS_MAX) return set_problem(error, ERROR_LIMIT, user, "exec.args has more than 1000 entries");
    struct str *args = arena_array(arena, count, sizeof *args);
    yyjson_val *arg;
    yyjson_arr_foreach(json_loose(list), index, max, arg) {
        if (!yyjson_is_str(arg)) return set_problem(error, ERROR_INVALID, user, "exec.args has an entry that is no text; quote it");
        if (args) args[index] = arena_copy(arena, json_text(arg));
    }
    out->args = args;
    out->arg_count = args ? count : 0;
    return true;
}

static bool read_env(struct arena *arena, const struct kubeconfig_entry *user, const yyjson_val *list, struct kubeconfig_exec *out,
                     struct error *error) {
    size_t count = yyjson_arr_size(json_loose(list)), index, max;
    if (count > WORDS_MAX) return set_problem(error, ERROR_LIMIT, user, "exec.env has more than 1000 entries");
    struct kubeconfig_env *env = arena_array(arena, count, sizeof *env);
    yyjson_val *item;
    yyjson_arr_foreach(json_loose(list), index, max, item) {
        struct str name = json_text(json_get(item, "name"));
        yyjson_val *value = json_get(item, "value");
        if (!name.len || (value && !yyjson_is_str(value)))
            return set_problem(error, ERROR_INVALID, user, "exec.env has an entry without name and text value");
        if (env) env[index] = (struct kubeconfig_env){arena_copy(arena, name), arena_copy(arena, json_text(value))};
    }
    out->env = env;
    out->env_count = env ? count : 0;
    return true;
}

static bool read_exec(struct arena *arena, const struct kubeconfig_entry *user, bool allow_exec, struct kubeconfig_exec *out,
                      struct error *error) {
    const yyjson_val *exec = json_get(user->value, "exec");
    if (json_is_empty(exec)) return true;
    if (!allow_exec)
        return set_problem(error, ERROR_UNSUPPORTED, user,
                           "it runs a program (exec) to log in, which is off; give --allow-exec if you trust this kubeconfig");
    struct str command = json_text(json_get(exec, "command")), version = json_text(json_get(exec, "apiVersion"));
    if (!command.len) return set_problem(error, ERROR_INVALID, user, "exec.command is missing");
    if (!str_is(version, "client.authentication.k8s.io/v1") && !str_is(version, "client.authentication.k8s.io/v1beta1"))
        return set_problem(error, ERROR_UNSUPPORTED, user,
                           "exec.apiVersion must be client.authentication.k8s.io/v1 or client.authentication.k8s.io/v1beta1");
    if (json_is_text(json_get(exec, "interactiveMode"), "Always"))
        return set_problem(error, ERROR_UNSUPPORTED, user, "exec.interactiveMode is Always, and nobody is there to answer");
    *out = (struct kubeconfig_exec){
        .command = str_contains(command, STR("/")) ? kubeconfig_resolve(arena, user, command) : arena_copy(arena, command),
        .api_version = arena_copy(arena, version),
        .install_hint = arena_copy(arena, json_text(json_get(exec, "installHint"))),
        .wants_cluster_info = json_bool_or(json_get(exec, "provideClusterInfo"), false),
    };
    return read_args(arena, user, json_get(exec, "args"), out, error) && read_env(arena, user, json_get(exec, "env"), out, error);
}

static bool read_certificates(struct arena *arena, const struct kubeconfig_entry *user, struct cluster_settings *out, struct error *error) {
    if (!kubeconfig_data(arena, user, "client-certificate-data", &out->certificate_data, error) ||
        !kubeconfig_path(arena, user, "client-certificate", &out->certificate_file, error) ||
        !kubeconfig_data(arena, user, "client-key-data", &out->key_data, error) ||
        !kubeconfig_path(arena, user, "client-key", &out->key_file, error))
        return false;
    if (out->certificate_data.len) out->certificate_file = STR_EMPTY;
    if (out->key_data.len) out->key_file = STR_EMPTY;
    bool has_certificate = out->certificate_data.len || out->certificate_file.len, has_key = out->key_data.len || out->key_file.len;
    if (has_certificate && !has_key)
        return set_problem(error, ERROR_INVALID, user, "it has a client certificate but no client-key or client-key-data");
    if (has_key && !has_certificate)
        return set_problem(error, ERROR_INVALID, user, "it has a client key but no client-certificate or client-certificate-data");
    return true;
}

static bool read_secrets(struct arena *arena, const struct kubeconfig_entry *user, struct cluster_settings *out, struct error *error) {
    if (!kubeconfig_text(user, "token", &out->token, error) || !kubeconfig_path(arena, user, "tokenFile", &out->token_file, error) ||
        !kubeconfig_text(user, "username", &out->username, error) || !kubeconfig_text(user, "password", &out->password, error))
        return false;
    if (out->token_file.len) out->token = STR_EMPTY; /* what kubectl does: the file is read again and again, and wins */
    struct str *texts[] = {&out->token, &out->username, &out->password};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) *texts[i] = texts[i]->len ? arena_copy(arena, *texts[i]) : STR_EMPTY;
    bool has_token = out->token.len || out->token_file.len;
    if (has_token && out->username.len) return set_problem(error, ERROR_INVALID, user, "it has both a token and a username; remove one");
    return true;
}

bool kubeconfig_read_user(struct arena *arena, const struct kubeconfig_entry *user, bool allow_exec, struct cluster_settings *settings,
                          struct error *error) {
    return check_unsupported(user, error) && read_certificates(arena, user, settings, error) &&
           read_secrets(arena, user, settings, error) && read_exec(arena, user, allow_exec, &settings->exec, error);
}
