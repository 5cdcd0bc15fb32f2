#include "controller/addresses.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "observe/endpoints.h"
#include "observe/tracer.h"

bool addresses_blame_metrics(struct error *error) {
    if (error && error->kind != ERROR_MEMORY) snprintf(error->path, sizeof error->path, "metrics-bind-address");
    return false;
}

bool addresses_blame_collector(const char *endpoint, struct error *error) {
    if (!error || error->kind == ERROR_MEMORY) return false;
    /* It may hold a password. */
    bool is_telling = str_contains(str_of(endpoint), STR("@"));
    error_set(error, ERROR_INVALID,
              "%s is no place to send traces to; write a URL such as http://127.0.0.1:4318, without user name, password or query",
              is_telling ? "this value" : QUOTE(str_of(endpoint)));
    snprintf(error->path, sizeof error->path, "otlp-endpoint");
    return false;
}

bool addresses_try_metrics(struct loop *loop, const char *address, struct error *error) {
    const struct endpoints_settings settings = {.listen = str_of(address)};
    if (!address) return true;
    struct endpoints *endpoints = endpoints_new(loop, &settings, error);
    if (!endpoints) return addresses_blame_metrics(error);
    endpoints_free(endpoints);
    return true;
}

bool addresses_is_taken(const struct error *error) {
    return str_contains(str_of(error->message), str_of(strerror(EADDRINUSE)));
}

bool addresses_try_collector(struct loop *loop, const char *endpoint, struct error *error) {
    const struct tracer_settings settings = {.endpoint = str_of(endpoint)};
    if (!endpoint || !*endpoint) return true;
    struct tracer *tracer = tracer_new(loop, &settings, error);
    if (!tracer) return addresses_blame_collector(endpoint, error);
    tracer_free(tracer);
    return true;
}
