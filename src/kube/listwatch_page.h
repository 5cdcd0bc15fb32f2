/* The cursor over a list's text; only listwatch.c includes this. */
#ifndef MB_KUBE_LISTWATCH_PAGE_H
#define MB_KUBE_LISTWATCH_PAGE_H

#include "kube/listwatch.h"

enum page_step {
    PAGE_ITEM,   /* the text of the next item, not checked beyond its brackets */
    PAGE_END,    /* page->metadata is there */
    PAGE_BROKEN, /* no list */
};

/* Goes on to the items: page->metadata is there if it comes before them, as kube-apiserver writes it. */
void listwatch_page_pass_head(struct listwatch_page *page);
enum page_step listwatch_page_next(struct listwatch_page *page, struct str *out_item);
void listwatch_page_release(struct listwatch_page *page);

#endif
