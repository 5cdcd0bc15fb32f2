/*
 * Who we are to the API server: values, files that are read again every 5 s, or a program's answer (an exec plugin).
 *
 *   credentials_new -> credentials_start -> ready callback -> credentials_get for each request (http_client does that)
 *
 * The plugin is run without a shell, with at most 60 s and 1 MiB of output, beside the loop; its credential is used until a
 * minute before its expirationTimestamp, then the next is fetched while the old one still serves. A failing file or plugin leaves the last
 * good credential in place. Only what credentials_new is given is run: whether plugins are allowed is decided by the caller.
 */
#ifndef MB_IO_CREDENTIALS_H
#define MB_IO_CREDENTIALS_H

#include "io/http_client.h"

struct credential_env {
    struct str name, value;
};

struct credential_plugin {
    struct str command; /* empty: none; with a slash a path, else looked for in PATH */
    const struct str *args;
    size_t arg_count;
    const struct credential_env *env; /* added to the environment */
    size_t env_count;
    struct str api_version;  /* client.authentication.k8s.io/v1 or /v1beta1 */
    struct str install_hint; /* shown when the command is not found */
    struct str cluster_json; /* for KUBERNETES_EXEC_INFO's spec.cluster; empty: left out */
};

/* All empty: anonymous. A file counts only where its value is empty. Copied by credentials_new. */
struct credential_sources {
    struct str token, token_file;
    struct str username, password;
    struct str certificate, certificate_file; /* PEM */
    struct str key, key_file;
    struct str ca_file; /* whom to trust as the server; given with the rest, so that it may change, too */
    struct credential_plugin plugin;
};

struct credentials;
/* `error` is NULL when there are credentials to begin with. */
typedef void credentials_ready_callback(void *owner, const struct error *error);

/* Reads the files for the first time; NULL and `error` (with the path) when one cannot be read or memory is out. */
struct credentials *credentials_new(struct loop *loop, const struct credential_sources *sources, struct error *error);
/* Kills a plugin that still runs. */
void credentials_free(struct credentials *credentials);
/* Lets a process of its own run the plugin from here on, before this one gives up the right to; see exec_servant.h. No thread runs yet. */
bool credentials_hand_over(struct credentials *credentials, struct error *error);
/* Runs the plugin if there is one. `ready` is called once, from the loop. */
void credentials_start(struct credentials *credentials, credentials_ready_callback *ready, void *owner);
/* An http_credentials_callback whose owner is a struct credentials. Views live until the next call. */
void credentials_get(void *credentials, struct http_credentials *out);
/* The server answered 401: read and run again, at most every 10 s. */
void credentials_rejected(struct credentials *credentials);

#endif
