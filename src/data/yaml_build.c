/*
 * libyaml's events -> nodes (yyjson's mutable values with a place each) -> one frozen document.
 *
 *   pending:  [a] [b] | [k] [v] [k] [v] | [x]        nodes that wait for their container's end
 *              frame 0     frame 1         frame 2    a frame is an open container and where its nodes start
 *
 * A container's nodes are linked into it when it ends, so that a mapping sees all its pairs, merges included, at once.
 */
#include "data/yaml_build.h"

#include <math.h>
#include <string.h>
#include <yaml.h>

#include "data/yaml_scalar.h"

struct node {
    yyjson_mut_val value; /* first: yyjson's links lead back to the node */
    struct yaml_position at;
    bool is_merge; /* a plain `<<` */
    bool is_open;  /* its end is not reached: an alias to it would contain itself */
};

struct frame {
    struct node *node;
    size_t first_pending;
};

struct builder {
    struct arena *arena, *scratch;
    struct error *error;
    yaml_parser_t parser;
    struct frame frames[LIMIT_DOCUMENT_DEPTH];
    size_t depth;
    struct node **pending;
    size_t pending_count, pending_room;
    size_t node_count; /* of the stream, for the budget */
    struct {
        struct str name;
        struct node *node;
    } *anchors;
    size_t anchor_count, anchor_room;
    struct key_set keys, anchor_names;
    struct yaml_document *documents;
    size_t document_count, document_room;
};

static bool out_of_memory(struct builder *b) {
    return error_set(b->error, ERROR_MEMORY, "out of memory while reading YAML");
}

static bool fail_at(struct builder *b, enum error_kind kind, struct yaml_position at, const char *message) {
    return error_set_at(b->error, kind, at.line, at.column, "%s", message);
}

bool yaml_duplicate_error(struct error *error, struct str key, struct yaml_position at, struct yaml_position first) {
    return error_set_at(error, ERROR_INVALID, at.line, at.column,
                        "key %s is here for the second time, first at line %u, column %u; keep one", QUOTE(key), first.line, first.column);
}

static struct yaml_position place(yaml_mark_t mark) {
    return (struct yaml_position){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

/* Room for one more element; the old block stays in the scratch arena, which doubles at most. */
static bool grow(struct builder *b, void **items, size_t count, size_t *room, size_t element_bytes) {
    if (count < *room) return true;
    size_t wanted = *room ? *room * 2 : 16;
    void *grown = arena_array(b->scratch, wanted, element_bytes);
    if (!grown) return out_of_memory(b);
    if (count) memcpy(grown, *items, count * element_bytes);
    *items = grown;
    *room = wanted;
    return true;
}

static struct node *new_node(struct builder *b, struct yaml_position at) {
    if (b->node_count >= LIMIT_YAML_NODES) {
        error_set_at(b->error, ERROR_LIMIT, at.line, at.column,
                     "more than %d values with aliases expanded; split the stream or use fewer aliases", LIMIT_YAML_NODES);
        return NULL;
    }
    struct node *node = arena_alloc(b->scratch, sizeof *node);
    if (!node) {
        out_of_memory(b);
        return NULL;
    }
    b->node_count++;
    node->at = at;
    return node;
}

static struct node *node_of(yyjson_mut_val *value) {
    return (struct node *)value;
}

static bool push(struct builder *b, struct node *node) {
    void *items = b->pending;
    if (!grow(b, &items, b->pending_count, &b->pending_room, sizeof(struct node *))) return false;
    b->pending = items;
    b->pending[b->pending_count++] = node;
    return true;
}

/* Anchors */

static bool name_anchor(struct builder *b, const yaml_char_t *anchor, struct node *node) {
    if (!anchor) return true;
    void *items = b->anchors;
    if (!grow(b, &items, b->anchor_count, &b->anchor_room, sizeof *b->anchors)) return false;
    b->anchors = items;
    struct str name = arena_copy(b->scratch, str_of((const char *)anchor));
    if (b->scratch->exhausted) return out_of_memory(b);
    b->anchors[b->anchor_count].name = name;
    b->anchors[b->anchor_count].node = node;
    b->anchor_count++;
    if (b->anchor_names.capacity < 2 * b->anchor_count) {
        if (!key_set_start(&b->anchor_names, b->scratch, 2 * b->anchor_count)) return out_of_memory(b);
        bool is_new;
        for (size_t i = 0; i < b->anchor_count; i++) key_set_add(&b->anchor_names, b->anchors[i].name, i, &is_new)->item = i;
        return true;
    }
    bool is_new;
    size_t index = b->anchor_count - 1;
    key_set_add(&b->anchor_names, name, index, &is_new)->item = index;
    return true;
}

static struct node *copy_tree(struct builder *b, struct node *from, size_t depth) {
    if (depth > LIMIT_DOCUMENT_DEPTH && yyjson_mut_is_ctn(&from->value)) {
        fail_at(b, ERROR_LIMIT, from->at, "nested too deep with aliases expanded; flatten the document");
        return NULL;
    }
    struct node *copy = new_node(b, from->at);
    if (!copy) return NULL;
    if (!yyjson_mut_is_ctn(&from->value)) {
        copy->value = from->value;
        return copy;
    }
    bool is_map = yyjson_mut_is_obj(&from->value);
    if (is_map)
        yyjson_mut_set_obj(&copy->value);
    else
        yyjson_mut_set_arr(&copy->value);
    yyjson_mut_arr_iter items = {0};
    yyjson_mut_obj_iter keys = {0};
    if (is_map)
        yyjson_mut_obj_iter_init(&from->value, &keys);
    else
        yyjson_mut_arr_iter_init(&from->value, &items);
    yyjson_mut_val *item;
    while ((item = is_map ? yyjson_mut_obj_iter_next(&keys) : yyjson_mut_arr_iter_next(&items))) {
        struct node *first = copy_tree(b, node_of(item), depth + 1);
        struct node *second = first && is_map ? copy_tree(b, node_of(yyjson_mut_obj_iter_get_val(item)), depth + 1) : first;
        if (!second) return NULL;
        if (is_map)
            yyjson_mut_obj_add(&copy->value, &first->value, &second->value);
        else
            yyjson_mut_arr_append(&copy->value, &first->value);
    }
    return copy;
}

static struct node *resolve_alias(struct builder *b, const yaml_event_t *event) {
    struct str name = str_of((const char *)event->data.alias.anchor);
    struct yaml_position at = place(event->start_mark);
    struct key_slot *slot = b->anchor_count ? key_set_find(&b->anchor_names, name) : NULL;
    if (!slot) {
        error_set_at(b->error, ERROR_INVALID, at.line, at.column, "alias %s has no anchor before it; write &%.*s at the value it means",
                     QUOTE(name), STR_ARG(str_first(name, 60)));
        return NULL;
    }
    struct node *anchored = b->anchors[slot->item].node;
    if (anchored->is_open) {
        error_set_at(b->error, ERROR_INVALID, at.line, at.column, "alias %s stands inside its own anchor", QUOTE(name));
        return NULL;
    }
    return copy_tree(b, anchored, b->depth + 1);
}

/* Scalars */

static const struct {
    const char *tag;
    unsigned kinds; /* which resolved kinds it accepts, a bit each; 0: the text as it is */
} scalar_tags[] = {
    {YAML_NULL_TAG, 1u << YAML_SCALAR_NULL},
    {YAML_BOOL_TAG, 1u << YAML_SCALAR_BOOL},
    {YAML_INT_TAG, 1u << YAML_SCALAR_SINT | 1u << YAML_SCALAR_UINT},
    {YAML_FLOAT_TAG, 1u << YAML_SCALAR_SINT | 1u << YAML_SCALAR_UINT | 1u << YAML_SCALAR_FLOAT},
};

static bool set_scalar(struct builder *b, struct node *node, struct yaml_scalar scalar, struct str text) {
    struct str copy = STR_EMPTY;
    switch (scalar.kind) {
    case YAML_SCALAR_NULL: return yyjson_mut_set_null(&node->value);
    case YAML_SCALAR_BOOL: return yyjson_mut_set_bool(&node->value, scalar.boolean);
    case YAML_SCALAR_SINT: return yyjson_mut_set_sint(&node->value, scalar.sint);
    case YAML_SCALAR_UINT: return yyjson_mut_set_uint(&node->value, scalar.uint);
    case YAML_SCALAR_FLOAT: return yyjson_mut_set_real(&node->value, scalar.real);
    case YAML_SCALAR_TEXT: copy = arena_copy(b->scratch, text); break;
    }
    if (b->scratch->exhausted) return out_of_memory(b);
    return yyjson_mut_set_strn(&node->value, copy.ptr, copy.len);
}

static bool set_tagged(struct builder *b, struct node *node, struct str tag, struct str text) {
    struct yaml_scalar scalar = {.kind = YAML_SCALAR_TEXT};
    if (str_is(tag, "tag:yaml.org,2002:binary")) {
        if (!yaml_scalar_base64(b->scratch, text, &text) || !str_is_utf8(text)) {
            if (b->scratch->exhausted) return out_of_memory(b);
            return fail_at(b, ERROR_INVALID, node->at, "this !!binary is not the base64 of UTF-8 text, which JSON needs");
        }
        return set_scalar(b, node, scalar, text);
    }
    for (size_t i = 0; i < sizeof scalar_tags / sizeof *scalar_tags; i++) {
        if (!str_is(tag, scalar_tags[i].tag)) continue;
        scalar = yaml_scalar_resolve(text);
        if (!(scalar_tags[i].kinds & 1u << scalar.kind)) {
            return error_set_at(b->error, ERROR_INVALID, node->at.line, node->at.column, "%s is not a !!%s", QUOTE(text),
                                strrchr(scalar_tags[i].tag, ':') + 1);
        }
        if (!str_is(tag, YAML_FLOAT_TAG)) break;
        if (scalar.kind == YAML_SCALAR_SINT) scalar.real = (double)scalar.sint;
        if (scalar.kind == YAML_SCALAR_UINT) scalar.real = (double)scalar.uint;
        scalar.kind = YAML_SCALAR_FLOAT;
    }
    return set_scalar(b, node, scalar, text);
}

static struct node *read_scalar(struct builder *b, const yaml_event_t *event) {
    struct node *node = new_node(b, place(event->start_mark));
    if (!node) return NULL;
    struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    const char *tag = (const char *)event->data.scalar.tag;
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !tag;
    node->is_merge = str_is(text, "<<") && (is_plain || (tag && strcmp(tag, "tag:yaml.org,2002:merge") == 0));
    bool ok;
    if (is_plain)
        ok = set_scalar(b, node, yaml_scalar_resolve(text), text);
    else if (tag)
        ok = set_tagged(b, node, str_of(tag), text);
    else
        ok = set_scalar(b, node, (struct yaml_scalar){.kind = YAML_SCALAR_TEXT}, text);
    return ok ? node : NULL;
}

/* Containers */

static bool open_container(struct builder *b, const yaml_event_t *event, const yaml_char_t *anchor, bool is_map) {
    struct yaml_position at = place(event->start_mark);
    if (b->depth == LIMIT_DOCUMENT_DEPTH) {
        return error_set_at(b->error, ERROR_LIMIT, at.line, at.column, "nested deeper than %d levels; flatten the document",
                            LIMIT_DOCUMENT_DEPTH);
    }
    struct node *node = new_node(b, at);
    if (!node || !name_anchor(b, anchor, node)) return false;
    node->is_open = true;
    if (is_map)
        yyjson_mut_set_obj(&node->value);
    else
        yyjson_mut_set_arr(&node->value);
    b->frames[b->depth++] = (struct frame){node, b->pending_count};
    return true;
}

/* Another node of the same content, for another place in the tree: yyjson's values can be linked into one container only. */
static struct node *relink(struct builder *b, struct node *node) {
    struct node *copy = arena_alloc(b->scratch, sizeof *copy);
    if (copy)
        *copy = *node;
    else
        out_of_memory(b);
    return copy;
}

/* The key as kubectl spells it: itself when it is a string, else a new node, because an anchor may mean the old one. */
static struct node *key_as_text(struct builder *b, struct node *key) {
    yyjson_mut_val *value = &key->value;
    struct str text = STR_EMPTY;
    char digits[YAML_SCALAR_FLOAT_BYTES];
    if (yyjson_mut_is_str(value)) return key;
    if (yyjson_mut_is_null(value) || yyjson_mut_is_ctn(value)) {
        fail_at(b, ERROR_INVALID, key->at,
                yyjson_mut_is_null(value) ? "a key is empty or null; write \"\" for an empty key"
                                          : "a map or list as a key; is a quote missing?");
        return NULL;
    }
    if (yyjson_mut_is_bool(value))
        text = yyjson_mut_get_bool(value) ? STR("true") : STR("false");
    else if (yyjson_mut_is_sint(value))
        text = arena_printf(b->scratch, "%lld", (long long)yyjson_mut_get_sint(value));
    else if (yyjson_mut_is_uint(value))
        text = arena_printf(b->scratch, "%llu", (unsigned long long)yyjson_mut_get_uint(value));
    else
        text = arena_copy(b->scratch, yaml_scalar_float_text(yyjson_mut_get_real(value), true, digits));
    struct node *out = relink(b, key);
    if (!out || b->scratch->exhausted) return NULL;
    yyjson_mut_set_strn(&out->value, text.ptr, text.len);
    return out;
}

/* The finished map: pairs in the order of their first mention, replaced where a later one overrides. */
struct pairs {
    struct node **items; /* key, value, key, value, ... */
    size_t count;        /* of pairs */
    bool *came_by_merge; /* per pair */
};

static size_t pairs_brought_by(struct node *merged) {
    if (yyjson_mut_is_obj(&merged->value)) return yyjson_mut_obj_size(&merged->value);
    size_t count = 0, index, max;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(&merged->value, index, max, item) count += yyjson_mut_obj_size(item);
    return count;
}

static bool put_pair(struct builder *b, struct pairs *pairs, struct node *key, struct node *value, bool is_merge) {
    bool is_new;
    struct str text = {yyjson_mut_get_str(&key->value), yyjson_mut_get_len(&key->value)};
    size_t at = key_set_add(&b->keys, text, pairs->count, &is_new)->item;
    if (is_new) {
        pairs->count++;
    } else if (!is_merge && !pairs->came_by_merge[at]) {
        return yaml_duplicate_error(b->error, text, key->at, pairs->items[2 * at]->at);
    }
    pairs->items[2 * at] = key;
    pairs->items[2 * at + 1] = value;
    /* A key written out stays "written" when a later merge replaces its value: a third mention is a duplicate. */
    pairs->came_by_merge[at] = is_merge && (is_new || pairs->came_by_merge[at]);
    return true;
}

static bool merge_map(struct builder *b, struct pairs *pairs, yyjson_mut_val *map) {
    if (!yyjson_mut_is_obj(map)) return fail_at(b, ERROR_INVALID, node_of(map)->at, "<< takes a map or a list of maps");
    size_t count = yyjson_mut_obj_size(map);
    yyjson_mut_obj_iter iter;
    yyjson_mut_obj_iter_init(map, &iter);
    for (size_t i = 0; i < count; i++) {
        yyjson_mut_val *key = yyjson_mut_obj_iter_next(&iter);
        struct node *own_key = relink(b, node_of(key)), *own_value = relink(b, node_of(yyjson_mut_obj_iter_get_val(key)));
        if (!own_key || !own_value || !put_pair(b, pairs, own_key, own_value, true)) return false;
    }
    return true;
}

static bool merge(struct builder *b, struct pairs *pairs, struct node *merged) {
    if (!yyjson_mut_is_arr(&merged->value)) return merge_map(b, pairs, &merged->value);
    size_t count = yyjson_mut_arr_size(&merged->value);
    struct node **maps = arena_array(b->scratch, count, sizeof *maps);
    if (!maps) return out_of_memory(b);
    size_t index, max;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(&merged->value, index, max, item) maps[index] = node_of(item);
    while (count > 0) {
        if (!merge_map(b, pairs, &maps[--count]->value)) return false;
    }
    return true;
}

static bool close_map(struct builder *b, struct node *map, struct node **nodes, size_t node_count) {
    size_t room = 0;
    for (size_t i = 0; i < node_count; i += 2) room += nodes[i]->is_merge ? pairs_brought_by(nodes[i + 1]) : 1;
    struct pairs pairs = {arena_array(b->scratch, 2 * room, sizeof *pairs.items), 0, arena_array(b->scratch, room, sizeof(bool))};
    if (!pairs.items || !pairs.came_by_merge || !key_set_start(&b->keys, b->scratch, room)) return out_of_memory(b);
    for (size_t i = 0; i < node_count; i += 2) {
        if (nodes[i]->is_merge) {
            if (!merge(b, &pairs, nodes[i + 1])) return false;
            continue;
        }
        struct node *key = key_as_text(b, nodes[i]);
        if (!key || !put_pair(b, &pairs, key, nodes[i + 1], false)) return false;
    }
    for (size_t i = 0; i < pairs.count; i++) yyjson_mut_obj_add(&map->value, &pairs.items[2 * i]->value, &pairs.items[2 * i + 1]->value);
    return true;
}

static bool close_container(struct builder *b) {
    struct frame *frame = &b->frames[--b->depth];
    size_t count = b->pending_count - frame->first_pending;
    struct node **nodes = count ? b->pending + frame->first_pending : NULL;
    bool ok = true;
    if (yyjson_mut_is_obj(&frame->node->value)) {
        ok = close_map(b, frame->node, nodes, count);
    } else {
        for (size_t i = 0; i < count; i++) yyjson_mut_arr_append(&frame->node->value, &nodes[i]->value);
    }
    frame->node->is_open = false;
    b->pending_count = frame->first_pending;
    return ok && push(b, frame->node);
}

/* Documents */

/* Floats that JSON cannot hold are found here, where it is known that they are values and not keys. */
static bool note_positions(struct builder *b, yyjson_mut_val *value, struct yaml_position *positions, size_t *at) {
    struct node *node = node_of(value);
    positions[(*at)++] = node->at;
    if (yyjson_mut_is_real(value) && !isfinite(yyjson_mut_get_real(value))) {
        return fail_at(b, ERROR_INVALID, node->at, "infinity and not-a-number have no place in JSON; quote the value if text is meant");
    }
    size_t index, max;
    yyjson_mut_val *key, *item;
    if (yyjson_mut_is_arr(value)) {
        yyjson_mut_arr_foreach(value, index, max, item) {
            if (!note_positions(b, item, positions, at)) return false;
        }
    } else if (yyjson_mut_is_obj(value)) {
        yyjson_mut_obj_foreach(value, index, max, key, item) {
            positions[(*at)++] = node_of(key)->at;
            if (!note_positions(b, item, positions, at)) return false;
        }
    }
    return true;
}

static size_t count_values(yyjson_mut_val *value) {
    size_t count = 1, index, max;
    yyjson_mut_val *key, *item;
    if (yyjson_mut_is_arr(value)) {
        yyjson_mut_arr_foreach(value, index, max, item) count += count_values(item);
    } else if (yyjson_mut_is_obj(value)) {
        yyjson_mut_obj_foreach(value, index, max, key, item) count += 1 + count_values(item);
    }
    return count;
}

static bool finish_document(struct builder *b) {
    struct node *root = b->pending[0];
    b->pending_count = b->anchor_count = 0;
    b->anchor_names.capacity = 0;
    if (yyjson_mut_is_null(&root->value)) return true;
    void *items = b->documents;
    if (!grow(b, &items, b->document_count, &b->document_room, sizeof *b->documents)) return false;
    b->documents = items;
    size_t count = count_values(&root->value), at = 0;
    struct yaml_position *positions = arena_array(b->arena, count, sizeof *positions);
    if (!positions) return out_of_memory(b);
    if (!note_positions(b, &root->value, positions, &at)) return false;
    yyjson_val *frozen = json_freeze(b->arena, &root->value);
    if (!frozen) return out_of_memory(b);
    b->documents[b->document_count++] = (struct yaml_document){frozen, positions, count};
    return true;
}

static bool push_named(struct builder *b, struct node *node, const yaml_char_t *anchor) {
    return node && name_anchor(b, anchor, node) && push(b, node);
}

static bool take_event(struct builder *b, const yaml_event_t *event) {
    switch (event->type) {
    case YAML_ALIAS_EVENT: return push_named(b, resolve_alias(b, event), NULL);
    case YAML_SCALAR_EVENT: return push_named(b, read_scalar(b, event), event->data.scalar.anchor);
    case YAML_SEQUENCE_START_EVENT: return open_container(b, event, event->data.sequence_start.anchor, false);
    case YAML_MAPPING_START_EVENT: return open_container(b, event, event->data.mapping_start.anchor, true);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return close_container(b);
    case YAML_DOCUMENT_END_EVENT: return finish_document(b);
    default: return true;
    }
}

static bool is_indented_by_tab(struct str text, unsigned line) {
    size_t at = 0;
    for (; line > 1 && at < text.len; at++) line -= text.ptr[at] == '\n';
    while (at < text.len && text.ptr[at] == ' ') at++;
    return at < text.len && text.ptr[at] == '\t';
}

static bool syntax_error(struct builder *b, struct str text) {
    const yaml_parser_t *parser = &b->parser;
    if (parser->error == YAML_MEMORY_ERROR) return out_of_memory(b);
    if (parser->error == YAML_READER_ERROR) {
        struct yaml_position at = {1, 1};
        for (size_t i = 0; i < parser->problem_offset && i < text.len; i++) {
            if (text.ptr[i] == '\n')
                at = (struct yaml_position){at.line + 1, 1};
            else if (((unsigned char)text.ptr[i] & 0xC0) != 0x80)
                at.column++;
        }
        return error_set_at(b->error, ERROR_SYNTAX, at.line, at.column, "%s (U+%04X); write it as \"\\x%02X\" in double quotes",
                            parser->problem, (unsigned)parser->problem_value, (unsigned)parser->problem_value);
    }
    struct yaml_position at = place(parser->problem_mark);
    if (is_indented_by_tab(text, at.line)) return fail_at(b, ERROR_SYNTAX, at, "a tab in the indentation; indent with spaces");
    if (!parser->context) return fail_at(b, ERROR_SYNTAX, at, parser->problem);
    struct yaml_position context = place(parser->context_mark);
    return error_set_at(b->error, ERROR_SYNTAX, at.line, at.column, "%s %s that starts at line %u, column %u", parser->problem,
                        parser->context, context.line, context.column);
}

static bool take_events(struct builder *b, struct str text) {
    bool ok = true, at_end = false;
    while (ok && !at_end) {
        yaml_event_t event;
        if (!yaml_parser_parse(&b->parser, &event)) return syntax_error(b, text);
        at_end = event.type == YAML_STREAM_END_EVENT;
        ok = take_event(b, &event);
        yaml_event_delete(&event);
    }
    return ok;
}

bool yaml_build(struct arena *arena, struct arena *scratch, struct str text, struct yaml_documents *out, struct error *error) {
    struct builder *b = arena_alloc(scratch, sizeof *b);
    if (!b) return error_set(error, ERROR_MEMORY, "out of memory while reading YAML");
    b->arena = arena;
    b->scratch = scratch;
    b->error = error;
    if (!yaml_parser_initialize(&b->parser)) return out_of_memory(b);
    yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b->parser, (const unsigned char *)(text.len ? text.ptr : ""), text.len);
    bool ok = take_events(b, text);
    yaml_parser_delete(&b->parser);
    if (!ok) return false;
    struct yaml_document *items = arena_array(arena, b->document_count + 1, sizeof *items);
    if (!items) return out_of_memory(b);
    if (b->document_count) memcpy(items, b->documents, b->document_count * sizeof *items);
    *out = (struct yaml_documents){items, b->document_count};
    return true;
}
