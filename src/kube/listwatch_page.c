#include "kube/listwatch_page.h"

static void skip_blanks(struct listwatch_page *page) {
    const struct strbuf *body = &page->body;
    while (page->at < body->len &&
           (body->ptr[page->at] == ' ' || body->ptr[page->at] == '\n' || body->ptr[page->at] == '\r' || body->ptr[page->at] == '\t'))
        page->at++;
}

/* The next byte that is no blank; 0 at the end. */
static char peek(struct listwatch_page *page) {
    skip_blanks(page);
    return page->at < page->body.len ? page->body.ptr[page->at] : 0;
}

static bool take(struct listwatch_page *page, char expected) {
    if (peek(page) != expected) return false;
    page->at++;
    return true;
}

static bool skip_string(struct listwatch_page *page) {
    const struct strbuf *body = &page->body;
    for (size_t i = page->at + 1; i < body->len; i++) {
        if (body->ptr[i] == '\\') {
            i++;
        } else if (body->ptr[i] == '"') {
            page->at = i + 1;
            return true;
        }
    }
    return false;
}

static bool skip_brackets(struct listwatch_page *page) {
    const struct strbuf *body = &page->body;
    size_t depth = 0;
    while (page->at < body->len) {
        char c = body->ptr[page->at];
        if (c == '"') {
            if (!skip_string(page)) return false;
            continue;
        }
        page->at++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return true;
    }
    return false;
}

static bool skip_value(struct listwatch_page *page, struct str *out_text) {
    char first = peek(page);
    size_t start = page->at;
    if (first == '{' || first == '[') {
        if (!skip_brackets(page)) return false;
    } else if (first == '"') {
        if (!skip_string(page)) return false;
    } else {
        while (page->at < page->body.len) {
            char c = page->body.ptr[page->at];
            if (c == ',' || c == '}' || c == ']' || c == '\n') break;
            page->at++;
        }
    }
    *out_text = (struct str){page->body.ptr + start, page->at - start};
    return page->at > start;
}

/* A field of the list's own object; false when the text is no object. */
static bool next_field(struct listwatch_page *page) {
    struct str key, value;
    if (peek(page) != '"') return false;
    size_t start = page->at;
    if (!skip_string(page)) return false;
    key = (struct str){page->body.ptr + start, page->at - start};
    /* "it\u0065ms" would be passed over. */
    if (!take(page, ':') || str_contains(key, STR("\\u"))) return false;
    if (str_is(key, "\"items\"") && peek(page) == '[') {
        page->at++;
        page->in_items = page->has_items = true;
        return true;
    }
    if (!skip_value(page, &value)) return false;
    /* A list of none, as Go may write it; anything else would be taken for "all are gone". */
    if (str_is(key, "\"items\"")) page->has_items = str_is(str_trim(value), "null");
    if (str_is(key, "\"metadata\"")) page->metadata = value;
    return true;
}

void listwatch_page_pass_head(struct listwatch_page *page) {
    if (!take(page, '{')) {
        page->at = 0; /* listwatch_page_next says what is wrong */
        return;
    }
    while (!page->in_items && (peek(page) == '"' || peek(page) == ',')) {
        if (peek(page) == ',')
            page->at++;
        else if (!next_field(page))
            return;
    }
}

enum page_step listwatch_page_next(struct listwatch_page *page, struct str *out_item) {
    if (page->at == 0 && !take(page, '{')) return PAGE_BROKEN;
    while (page->at < page->body.len) {
        char c = peek(page);
        if (c == ',') {
            page->at++;
        } else if (page->in_items) {
            if (c != ']') return c == '{' && skip_value(page, out_item) ? PAGE_ITEM : PAGE_BROKEN;
            page->at++;
            page->in_items = false;
        } else if (c == '}') {
            page->at++;
            return !peek(page) && page->at == page->body.len && page->metadata.len && page->has_items ? PAGE_END : PAGE_BROKEN;
        } else if (!next_field(page)) {
            return PAGE_BROKEN;
        }
    }
    return PAGE_BROKEN;
}

void listwatch_page_release(struct listwatch_page *page) {
    strbuf_release(&page->body);
    *page = (struct listwatch_page){0};
}
