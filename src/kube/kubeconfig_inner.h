/* What kubeconfig.c (which entries) and kubeconfig_user.c (who we are) share; nobody else includes this. */
#ifndef MB_KUBE_KUBECONFIG_INNER_H
#define MB_KUBE_KUBECONFIG_INNER_H

#include "kube/kubeconfig.h"

/* A named entry (cluster, user, context) and the file it came from. */
struct kubeconfig_entry {
    const yyjson_val *value;
    const struct kubeconfig_file *file;
    struct str name;
    const char *section; /* "user", for messages */
};

/* Text of a field; empty when absent. False when it is there and no string. */
bool kubeconfig_text(const struct kubeconfig_entry *entry, const char *field, struct str *out, struct error *error);
/* A path of a field made absolute, terminated; empty when absent. */
bool kubeconfig_path(struct arena *arena, const struct kubeconfig_entry *entry, const char *field, struct str *out, struct error *error);
/* A base64 field, decoded; empty when absent. */
bool kubeconfig_data(struct arena *arena, const struct kubeconfig_entry *entry, const char *field, struct str *out, struct error *error);
/* `path` itself when absolute, else under the entry's folder. */
struct str kubeconfig_resolve(struct arena *arena, const struct kubeconfig_entry *entry, struct str path);

/* The user's part of the settings. */
bool kubeconfig_read_user(struct arena *arena, const struct kubeconfig_entry *user, bool allow_exec, struct cluster_settings *settings,
                          struct error *error);

#endif
