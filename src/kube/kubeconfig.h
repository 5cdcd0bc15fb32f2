/*
 * Which cluster to talk to, and as whom: kubeconfig documents, already parsed, or the values that a pod has. Pure: files named here
 * are read by io/credentials, with paths made absolute against the kubeconfig's folder.
 *
 * Several files (KUBECONFIG=a:b) merge as in kubectl: the first that has a cluster, user or context of a name wins, and so does the first
 * current-context.
 */
#ifndef MB_KUBE_KUBECONFIG_H
#define MB_KUBE_KUBECONFIG_H

#include "data/json.h"

struct kubeconfig_env {
    struct str name, value;
};

/* A program that prints an ExecCredential. */
struct kubeconfig_exec {
    struct str command; /* empty: none. With a slash it is resolved like other paths, else found in PATH */
    const struct str *args;
    size_t arg_count;
    const struct kubeconfig_env *env; /* added to the process's own */
    size_t env_count;
    struct str api_version; /* client.authentication.k8s.io/v1 or /v1beta1 */
    struct str install_hint;
    bool wants_cluster_info; /* provideClusterInfo */
};

/* Of data and file at most one is filled, data (decoded, PEM) winning; absent ones are empty. */
struct cluster_settings {
    struct str context;   /* its name; empty in a pod */
    struct str namespace; /* of the context; empty: none given */
    struct str server;    /* https://..., without a slash at the end */
    struct str tls_server_name;
    struct str ca_data, ca_file;
    bool is_insecure;
    struct str proxy_url;
    struct str certificate_data, certificate_file;
    struct str key_data, key_file;
    struct str token, token_file;
    struct str username, password;
    struct kubeconfig_exec exec;
};

struct kubeconfig_file {
    struct str path;   /* as opened, absolute or relative to the working folder */
    struct str folder; /* absolute; what relative paths in it are relative to */
    const yyjson_val *root;
};

/*
 * Settings of `context` (empty: the current one), in the arena. Errors: ERROR_NOT_FOUND names what is missing and what there is,
 * ERROR_INVALID a field of the wrong shape, ERROR_UNSUPPORTED auth-provider, and an exec plugin unless allow_exec.
 */
bool kubeconfig_read(struct arena *arena, const struct kubeconfig_file *files, size_t file_count, struct str context, bool allow_exec,
                     struct cluster_settings *out, struct error *error);
/* From KUBERNETES_SERVICE_HOST and _PORT and the files of the service account. ERROR_NOT_FOUND when host or port is empty. */
bool kubeconfig_in_cluster(struct arena *arena, struct str host, struct str port, struct str token_file, struct str ca_file,
                           struct cluster_settings *out, struct error *error);

#endif
