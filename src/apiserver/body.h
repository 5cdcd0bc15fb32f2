/* Request bodies: decoded, with what fieldValidation has to say about them. */
#ifndef MB_APISERVER_BODY_H
#define MB_APISERVER_BODY_H

#include "apiserver/request.h"

/* Complaints of strict decoding: `duplicate field "spec.a"`, `unknown field "spec.b"`. */
struct complaints {
    struct str *items;
    size_t count, capacity;
};
void complain(struct arena *arena, struct complaints *complaints, const char *what, struct str path);

/*
 * The body as a mutable object (JSON or YAML by Content-Type), repeated keys reduced to the last, which are complained about. False and a
 * refusal (400,
 * 415).
 */
bool body_read(struct request *request, yyjson_mut_val **out, struct complaints *complaints);
/* The same of a value that is a patch: what is stored must not hold a key twice, whoever reads it. False and a refusal: memory is out. */
bool body_drop_repeated_keys(struct request *request, yyjson_val **value, struct complaints *complaints);
/* apiVersion and kind are those of `group`, `version`, `kind`, or absent and then set. */
bool body_check_kind(struct request *request, yyjson_mut_val *object, struct str group, struct str version, struct str kind);
/* Ignore drops the complaints, Warn makes Warning headers, Strict refuses (400). */
bool body_settle_complaints(struct request *request, const struct complaints *complaints);
/* The options that writes share: dryRun, fieldManager, fieldValidation. */
bool body_check_options(struct request *request, const char *options_kind);

#endif
