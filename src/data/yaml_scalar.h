/*
 * What a scalar means: the rules of kubectl, which are those of sigs.k8s.io/yaml over go-yaml v2 (YAML 1.1, nearly).
 *
 *   y yes on true / n no off false (three spellings of case each)   booleans
 *   "" ~ null Null NULL                                             null
 *   0 -7 +7 1_000 0755 0o17 0x1F 0b11, with sign                    integers; 08 and what no uint64 holds are floats
 *   1.5 .5 1. 1e3 1_0.5 .inf -.Inf .nan                             floats; one too large for a double is text
 *   1:30:00 2001-01-01 0x1p-2 = 1.2.3 and all else                  text
 */
#ifndef MB_DATA_YAML_SCALAR_H
#define MB_DATA_YAML_SCALAR_H

#include "base/arena.h"

enum yaml_scalar_kind {
    YAML_SCALAR_NULL,
    YAML_SCALAR_BOOL,
    YAML_SCALAR_SINT,
    YAML_SCALAR_UINT, /* above INT64_MAX */
    YAML_SCALAR_FLOAT,
    YAML_SCALAR_TEXT,
};

struct yaml_scalar {
    enum yaml_scalar_kind kind;
    union {
        bool boolean;
        int64_t sint;
        uint64_t uint;
        double real;
    };
};

/* What the unquoted, untagged `text` is. Numbers of more than 1000 characters are text. */
struct yaml_scalar yaml_scalar_resolve(struct str text);
enum { YAML_SCALAR_FLOAT_BYTES = 40 };
/*
 * The shortest text that reads back as the same double, or as the same 32-bit float when `is_narrow` (kubectl's way with keys), in
 * the form of Go's %g. A view of `out` or of a constant.
 */
struct str yaml_scalar_float_text(double value, bool is_narrow, char out[YAML_SCALAR_FLOAT_BYTES]);
/* Base64 with padding, line breaks allowed, into the arena; false when it is not that (or the arena is exhausted). */
bool yaml_scalar_base64(struct arena *arena, struct str text, struct str *out);

#endif
