/* Functions on lists and maps, for the table in function.c. For cel/ only. */
#ifndef MB_CEL_LIST_H
#define MB_CEL_LIST_H

#include "cel/function.h"

function_body list_add, list_holds, list_item, list_is_sorted, list_sum, list_min, list_max, list_index_of, list_last_index_of;
function_body map_holds, map_item;

#endif
