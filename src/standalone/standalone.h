/*
 * Kubernetes' API on one machine, with the controller beside it, in one process and on one loop:
 *
 *      kubectl, model-booster, ...                controller      simulation      installer
 *                 | TLS, HTTP/1.1                      \               |               /
 *             io/server                              http_client, without network: io/http_local
 *                 '----------------> apiserver <-----------------------'
 *                                        | storage
 *                                   DATA/store
 *
 *   standalone_new -> (loop runs: is_ready) -> standalone_stop -> (loop runs: is_over) -> standalone_free
 */
#ifndef MB_STANDALONE_STANDALONE_H
#define MB_STANDALONE_STANDALONE_H

#include "controller/client.h"
#include "controller/log.h"

struct standalone_settings {
    const char *data;           /* NULL: ~/.local/share/model-booster */
    bool is_temporary;          /* a new folder, removed at the end */
    const char *listen;         /* "127.0.0.1:0" */
    const char *kubeconfig_out; /* NULL: DATA/kubeconfig alone */
    const char *token_file;     /* NULL: only the administrator's token */
    const char *audit_log;      /* NULL: none */
    int64_t history_revisions;  /* replaced ones that can still be watched from; 0: 100,000 */
    bool has_controller;
    const char *metrics_address; /* of the controller; NULL: nowhere */
    bool is_unconfined;          /* it keeps every right of its user */
    const char *const *readable; /* files and folders that its owner reads later */
    size_t readable_count;
    bool is_serving_simulated;
    int64_t simulated_delay_ms;
    const struct str *definitions; /* YAML, outlive the standalone */
    size_t definition_count;
    struct log log;
};

struct standalone;

/*
 * Listens and has its data when it returns; definitions and controller follow from the loop. The settings outlive it. NULL and `error`,
 * with the remedy.
 */
struct standalone *standalone_new(struct loop *loop, const struct standalone_settings *settings, struct error *error);
/* Gives up the system calls that are not needed once it serves; its files are limited from standalone_new on. */
void standalone_confine(const struct standalone *standalone);
/* The definitions are there, and whoever is to run runs. */
bool standalone_is_ready(const struct standalone *standalone);
/* Ends controller, watches and connections in good order; calling it again changes nothing. */
void standalone_stop(struct standalone *standalone);
/* Has stopped. `error->kind` is not ERROR_NONE where that was nobody's wish. */
bool standalone_is_over(const struct standalone *standalone, struct error *error);
void standalone_free(struct standalone *standalone);

/* "https://127.0.0.1:34567"; these live as long as the standalone. */
struct str standalone_server(const struct standalone *standalone);
struct str standalone_data(const struct standalone *standalone);
/* The file that a client is to be given. */
struct str standalone_kubeconfig(const struct standalone *standalone);
/* A client of its own for its owner, as administrator; to be released before the standalone is freed. */
bool standalone_connect(struct standalone *standalone, struct client *out, struct error *error);

#endif
