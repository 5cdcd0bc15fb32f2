/* protobuf/fields.txt, embedded. */
#ifndef MB_APISERVER_PROTOBUF_FILES_H
#define MB_APISERVER_PROTOBUF_FILES_H

#include "base/str.h"

extern const struct str protobuf_files[];
extern const size_t protobuf_files_count;

#endif
