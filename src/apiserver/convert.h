/*
 * Between the version of a request and the version in the store: conversion None (apiVersion changes, the rest stays), and the two forms of
 * Event.
 */
#ifndef MB_APISERVER_CONVERT_H
#define MB_APISERVER_CONVERT_H

#include "apiserver/request.h"

/* Whether a stored object of this revision is already, byte for byte, what this version's readers get. */
bool convert_is_plain(const struct kind *kind, const struct kind_version *version, int64_t revision);
/* In place: from what is stored to the request's version, pruned and defaulted by its schema. False when memory is out. */
bool convert_from_storage(struct request *request, yyjson_mut_val *object);
bool convert_object(struct arena *arena, yyjson_mut_doc *doc, const struct kind *kind, const struct kind_version *version,
                    yyjson_mut_val *object);
/* In place, back. */
bool convert_to_storage(struct request *request, yyjson_mut_val *object);
/* In place, of built-in kinds: a null is the zero value of its field's type. */
void convert_drop_nulls(struct request *request, yyjson_mut_val *object);
/* Built-in kinds are typed: a value of another JSON type cannot be decoded (400). */
bool convert_check_types(struct request *request, const yyjson_mut_val *object);

#endif
