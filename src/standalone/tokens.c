#include "standalone/tokens.h"

#include "io/files.h"

enum { TOKEN_FILE_BYTES = 4 * 1024 * 1024, FIELDS_MAX = 4 };

/* One field of CSV: plain, or in double quotes. */
static struct str next_field(struct str *rest) {
    struct str text = str_trim(*rest);
    bool is_quoted = text.len && text.ptr[0] == '"';
    if (is_quoted) text = str_from(text, 1);
    size_t end = str_find(text, is_quoted ? STR("\"") : STR(","));
    struct str field = str_first(text, end == SIZE_MAX ? text.len : end);
    struct str after = end == SIZE_MAX ? STR_EMPTY : str_from(text, end);
    size_t comma = str_find(after, STR(","));
    *rest = comma == SIZE_MAX ? STR_EMPTY : str_from(after, comma + 1);
    return str_trim(field);
}

static bool read_groups(struct arena *arena, struct str text, struct apiserver_token *out) {
    struct str *groups = arena_array(arena, TOKEN_GROUPS_MAX, sizeof *groups);
    size_t count = 0;
    while (groups && text.len && count < TOKEN_GROUPS_MAX) {
        struct str group = next_field(&text);
        if (group.len) groups[count++] = group;
    }
    out->groups = groups;
    out->group_count = count;
    return groups && !text.len;
}

static bool read_line(struct arena *arena, struct str line, struct apiserver_token *out) {
    struct str fields[FIELDS_MAX] = {0};
    size_t count = 0;
    while (line.len && count < FIELDS_MAX) fields[count++] = next_field(&line);
    *out = (struct apiserver_token){.token = fields[0], .user = fields[1], .uid = fields[2]};
    return !line.len && fields[0].len && fields[1].len && fields[2].len && read_groups(arena, fields[3], out);
}

bool tokens_read(struct arena *arena, const char *file, struct apiserver_token *tokens, size_t *count, struct error *error) {
    struct str text;
    if (!files_read(arena, file, TOKEN_FILE_BYTES, &text, error)) return false;
    for (unsigned number = 1; text.len; number++) {
        size_t end = str_find(text, STR("\n"));
        struct str line = str_trim(str_first(text, end == SIZE_MAX ? text.len : end));
        text = end == SIZE_MAX ? STR_EMPTY : str_from(text, end + 1);
        if (!line.len || line.ptr[0] == '#') continue;
        if (*count == TOKENS_MAX) return error_set(error, ERROR_LIMIT, "%s:%u: more than %d tokens", file, number, TOKENS_MAX);
        /* The line holds a secret, so it is not shown. */
        if (!read_line(arena, line, &tokens[*count]))
            return error_set(error, ERROR_INVALID, "%s:%u: write token,user,uid or token,user,uid,\"group1,group2\"", file, number);
        ++*count;
    }
    return true;
}
