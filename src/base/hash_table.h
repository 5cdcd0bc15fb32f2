/*
 * uthash, where memory that is out is an answer: by itself it would end the program. After HASH_ADD and its like, `element->hh.tbl` is NULL
 * where the element is not in (hh: the handle that was used); it must not be deleted from the table then.
 */
#ifndef MB_BASE_HASH_TABLE_H
#define MB_BASE_HASH_TABLE_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
