/*
 * YAML out: a value in the form of `kubectl -o yaml` (sigs.k8s.io/yaml over go-yaml v2), which yaml_read reads back as an equal value.
 *
 *   - keys in go-yaml's natural order (a9 before a10), a list at the indentation of its key
 *   - text unquoted where it stays text that way, else quoted; text with newlines as a literal block where YAML allows it
 *   - lines longer than 80 characters folded at a blank
 *
 * It differs from kubectl where that would not read back: a key "<<" and text with U+2028 or U+2029 is quoted.
 */
#ifndef MB_DATA_YAML_WRITE_H
#define MB_DATA_YAML_WRITE_H

#include "data/json.h"

/*
 * Appends `value` (NULL: null) as one document that ends with a newline; a caller that writes several puts "---\n" between them.
 * Sets out->failed when the maximum is reached, memory is out, or the value is nested beyond LIMIT_DOCUMENT_DEPTH or holds text
 * that is not UTF-8 (an infinite number likewise).
 */
void yaml_write(struct strbuf *out, const yyjson_val *value);

#endif
