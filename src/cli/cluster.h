/*
 * A cluster for one command: connected by flags and kubeconfig, asked one question after another.
 *
 *   cluster_open -> cluster_ask..., cluster_follow... -> cluster_close
 *
 * Each call waits for its end on the command's own loop. Warnings of the server go to standard error as they come.
 */
#ifndef MB_CLI_CLUSTER_H
#define MB_CLI_CLUSTER_H

#include "cli/flags.h"
#include "controller/connect.h"

struct cluster_flags {
    const char *kubeconfig, *context, *namespace;
    bool allow_exec;
};
/* Rows for a command's table of flags. */
#define CLUSTER_FLAG_ROWS(flags_)                                                                                                          \
    FLAG_ROW_TEXT("kubeconfig", 0, "FILE", &(flags_).kubeconfig, "how to reach the cluster; else $KUBECONFIG, ~/.kube/config"),            \
        FLAG_ROW_TEXT("context", 0, "NAME", &(flags_).context, "of the kubeconfig; else its current one"),                                 \
        FLAG_ROW_NAMESPACE(&(flags_).namespace, "else that of the context, else default"),                                                 \
        FLAG_ROW_SWITCH("allow-exec", 0, &(flags_).allow_exec, "let the kubeconfig run programs that fetch credentials")

struct cluster {
    const char *command; /* for messages */
    struct arena arena;  /* lives as long as the command */
    struct loop *loop;
    struct connection connection;
    struct str namespace; /* of the flag, the context, or "default" */
    bool is_namespace_given;
};

struct cluster_request {
    const char *method; /* NULL: GET */
    struct str path;
    const char *accept, *content_type; /* NULL: application/json */
    struct str body;
};

struct cluster_answer {
    struct kube_answer kube;
    struct str body, content_type;
};

/* False and `error`; nothing is to be closed then. */
bool cluster_connect(struct cluster *cluster, const char *command, const struct cluster_flags *flags, struct error *error);
/* The same; the error is a line on standard error. */
bool cluster_open(struct cluster *cluster, const char *command, const struct cluster_flags *flags);
void cluster_close(struct cluster *cluster);

/* True when the answer is KUBE_OK. Everything in it lives in the arena. */
bool cluster_ask(struct cluster *cluster, struct arena *arena, const struct cluster_request *request, struct cluster_answer *out);

/* One line of a watch; false: enough. The view lives until return. */
typedef bool cluster_line_fn(void *context, struct str line);
enum cluster_end {
    CLUSTER_ENOUGH,  /* the callback wanted no more */
    CLUSTER_ENDED,   /* by the server; `out_answer` says how (KUBE_OK: in good order) */
    CLUSTER_TIMEOUT, /* the deadline has come */
};
/* Reads a stream until its end, or until `deadline_ms` of the loop's clock (INT64_MAX: none). */
enum cluster_end cluster_follow(struct cluster *cluster, struct arena *arena, const struct cluster_request *request, int64_t deadline_ms,
                                cluster_line_fn *on_line, void *context, struct kube_answer *out_answer);
void cluster_pause(struct cluster *cluster, int64_t pause_ms);

/* What a person can do about it; NULL: the message says all there is. */
const char *cluster_remedy(enum kube_answer_kind kind);
/* A line on standard error: `model-booster COMMAND: [place: ]message[; remedy]`. Returns the exit status that it means. */
int cluster_refuse(const struct cluster *cluster, const char *place, const struct kube_answer *answer);
/* The same for what the command itself has to say; returns EXIT_FINDINGS. */
int cluster_complain(const struct cluster *cluster, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
