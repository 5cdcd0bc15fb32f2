/*
 * The URIs of a ModelBooster and the paths they become in a pod. Text in, text out; whether a URI is allowed is
 * validate_sources.c's.
 *
 *   cacheURI                       mounted at      source inside it, used in place
 *   hostpath:///a/b, hostpath://a/b  /a/b            pvc:///a/b/...  (a path, as Kthena has it)
 *   pvc://claim                    /claim          pvc://claim/...  or pvc:///claim/...
 *   pvc://claim/sub                /claim          pvc://claim/sub/...
 *   none                           /model-cache    none
 */
#ifndef MB_BOOSTER_URI_H
#define MB_BOOSTER_URI_H

#include "base/arena.h"

/* "hf" of "hf://a/b"; empty without "://". */
struct str uri_scheme(struct str uri);
/* What follows "://"; empty without it. */
struct str uri_rest(struct str uri);
/* The first segment of a pvc:// URI's rest, leading slashes skipped. */
struct str uri_claim(struct str uri);
/* "/a/b" of "a//b/./": absolute, no empty and no "." segments, no slash last; ".." stays. "/" for an empty path. */
struct str uri_absolute_path(struct arena *arena, struct str path);
bool uri_has_parent_segment(struct str path);

/* Where the cache is mounted in every container (table above). */
struct str cache_mount_path(struct arena *arena, struct str cache_uri);
/* A pvc:// source that lies inside the mounted cache and needs no download: true, and *out_path where it is in the containers. */
bool source_in_cache(struct arena *arena, struct str source_uri, struct str cache_uri, struct str *out_path);

#endif
