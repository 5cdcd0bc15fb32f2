#include "apiserver/protobuf.h"

#include <string.h>

#include "apiserver/base64.h"
#include "apiserver/mut.h"
#include "apiserver/protobuf_files.h"
#include "base/number.h"
#include "data/rfc3339.h"

enum { MAX_MESSAGES = 256, MAX_DEPTH = 64 };

struct field {
    uint32_t number;
    struct str name, flags;
    char type;      /* '#': a message */
    size_t message; /* then: its index */
};

struct message {
    struct str name; /* "core.Pod" */
    const struct field *fields;
    size_t count;
};

struct reader {
    struct arena *arena;
    yyjson_mut_doc *doc;
    struct message messages[MAX_MESSAGES];
    size_t message_count;
    struct error *error;
};

static struct str next_word(struct str *rest, char separator) {
    size_t end = 0;
    while (end < rest->len && rest->ptr[end] != separator) end++;
    struct str word = str_first(*rest, end);
    *rest = str_from(*rest, end + 1);
    return word;
}

static bool read_field(struct str line, struct field *out) {
    int64_t number, message;
    if (!number_parse_int64(next_word(&line, ' '), &number)) return false;
    *out = (struct field){.number = (uint32_t)number, .name = next_word(&line, ' '), .flags = next_word(&line, ' ')};
    if (number_parse_int64(line, &message)) {
        out->type = '#';
        out->message = (size_t)message;
    } else if (line.len == 1) {
        out->type = line.ptr[0];
    }
    return out->type;
}

/* The table; a fraction of a millisecond, for the few requests that need it. */
static bool read_table(struct reader *reader) {
    struct str text = protobuf_files[0];
    struct field *fields = arena_array(reader->arena, 2048, sizeof *fields);
    size_t count = 0;
    while (fields && text.len) {
        struct str line = next_word(&text, '\n');
        if (str_starts_with(line, STR("= ")) && reader->message_count < MAX_MESSAGES)
            reader->messages[reader->message_count++] = (struct message){.name = str_from(line, 2), .fields = fields + count};
        else if (reader->message_count && count < 2048 && read_field(line, &fields[count]))
            count++, reader->messages[reader->message_count - 1].count++;
    }
    return fields || error_set(reader->error, ERROR_MEMORY, "memory is out");
}

static bool is_garbled(struct reader *reader) {
    return error_set(reader->error, ERROR_SYNTAX, "the protobuf body is garbled");
}

static bool read_varint(struct str *rest, uint64_t *out) {
    *out = 0;
    for (unsigned shift = 0; shift < 64 && rest->len; shift += 7) {
        unsigned char byte = (unsigned char)rest->ptr[0];
        *rest = str_from(*rest, 1);
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return true;
    }
    return false;
}

/* One field on the wire. */
struct wire {
    uint32_t number;
    unsigned kind; /* 0 varint, 1 eight bytes, 2 bytes, 5 four bytes */
    uint64_t integer;
    struct str bytes;
};

static bool read_wire(struct str *rest, struct wire *out) {
    uint64_t tag, len;
    if (!read_varint(rest, &tag)) return false;
    *out = (struct wire){.number = (uint32_t)(tag >> 3), .kind = (unsigned)(tag & 7)};
    if (out->kind == 0) return read_varint(rest, &out->integer);
    if (out->kind == 2) {
        if (!read_varint(rest, &len) || len > rest->len) return false;
        out->bytes = str_first(*rest, (size_t)len);
        *rest = str_from(*rest, (size_t)len);
        return true;
    }
    size_t width = out->kind == 1 ? 8 : out->kind == 5 ? 4 : 0;
    if (!width || rest->len < width) return false;
    memcpy(&out->integer, rest->ptr, width); /* little-endian, as this machine's */
    *rest = str_from(*rest, width);
    return true;
}

/* Of small messages: the field with this number; zero where there is none. */
static struct wire find_wire(struct str bytes, uint32_t number) {
    struct wire wire, found = {0};
    while (bytes.len && read_wire(&bytes, &wire)) {
        if (wire.number == number) found = wire;
    }
    return found;
}

static bool has_flag(const struct field *field, char flag) {
    for (size_t i = 0; i < field->flags.len; i++) {
        if (field->flags.ptr[i] == flag) return true;
    }
    return false;
}

static yyjson_mut_val *text_of(struct reader *reader, struct str text) {
    return str_is_utf8(text) ? mut_make_text(reader->doc, text) : NULL;
}

static yyjson_mut_val *time_of(struct reader *reader, struct str bytes, enum rfc3339_decimals decimals) {
    int64_t seconds = (int64_t)find_wire(bytes, 1).integer, ns = (int64_t)find_wire(bytes, 2).integer;
    if (!bytes.len) return yyjson_mut_null(reader->doc);
    struct str text =
        rfc3339_format_ms(reader->arena, seconds > INT64_MAX / 1000 || seconds < INT64_MIN / 1000 ? 0 : seconds * 1000, decimals);
    if (decimals == RFC3339_MICROS && text.len > 7) {
        struct str head = str_first(text, text.len - 7);
        text = arena_printf(reader->arena, "%.*s%06lldZ", STR_ARG(head), (long long)(ns / 1000 % 1000000));
    }
    return mut_make_text(reader->doc, text);
}

static yyjson_mut_val *raw_json(struct reader *reader, struct str bytes) {
    struct wire raw = find_wire(bytes, 1);
    struct error error;
    return raw.bytes.len ? mut_parse(reader->arena, reader->doc, raw.bytes, &error) : yyjson_mut_null(reader->doc);
}

static yyjson_mut_val *int_or_string(struct reader *reader, struct str bytes) {
    bool is_text = find_wire(bytes, 1).integer == 1;
    return is_text ? text_of(reader, find_wire(bytes, 3).bytes) : yyjson_mut_sint(reader->doc, (int32_t)find_wire(bytes, 2).integer);
}

static bool read_message(struct reader *reader, size_t index, struct str bytes, yyjson_mut_val *object, unsigned depth);

static yyjson_mut_val *value_of(struct reader *reader, const struct field *field, const struct wire *wire, unsigned depth) {
    double real;
    yyjson_mut_val *object;
    switch (field->type) {
    case 's': return text_of(reader, wire->bytes);
    case 'i': return yyjson_mut_sint(reader->doc, (int64_t)wire->integer);
    case 'b': return yyjson_mut_bool(reader->doc, wire->integer != 0);
    case 'y': return mut_make_text(reader->doc, base64_encode(reader->arena, wire->bytes));
    case 'd': memcpy(&real, &wire->integer, sizeof real); return yyjson_mut_real(reader->doc, real);
    case 'T': return time_of(reader, wire->bytes, RFC3339_SECONDS);
    case 'U': return time_of(reader, wire->bytes, RFC3339_MICROS);
    case 'D':
        return mut_make_text(reader->doc,
                             arena_printf(reader->arena, "%llds", (long long)((int64_t)find_wire(wire->bytes, 1).integer / 1000000000)));
    case 'Q': return text_of(reader, find_wire(wire->bytes, 1).bytes);
    case 'X': return int_or_string(reader, wire->bytes);
    case 'F':
    case 'R': return raw_json(reader, wire->bytes);
    default:
        object = yyjson_mut_obj(reader->doc);
        return object && read_message(reader, field->message, wire->bytes, object, depth + 1) ? object : NULL;
    }
}

/* {"a": value} of a map's entry; a list in it (ExtraValue) is a message with its items as field 1. */
static bool add_entry(struct reader *reader, const struct field *field, const struct wire *wire, yyjson_mut_val *map, unsigned depth) {
    struct wire key = find_wire(wire->bytes, 1), content = find_wire(wire->bytes, 2);
    yyjson_mut_val *name = text_of(reader, key.bytes), *value;
    if (!has_flag(field, 'w')) {
        value = value_of(reader, field, &content, depth);
    } else {
        struct str rest = content.bytes;
        struct wire item;
        value = yyjson_mut_arr(reader->doc);
        while (rest.len) {
            yyjson_mut_val *part = read_wire(&rest, &item) ? value_of(reader, field, &item, depth) : NULL;
            if (!part || !yyjson_mut_arr_append(value, part)) return is_garbled(reader);
        }
    }
    return (name && value && yyjson_mut_obj_add(map, name, value)) || is_garbled(reader);
}

static bool is_zero(yyjson_mut_val *value) {
    return mut_is_empty(value) || yyjson_mut_is_false(value) || (yyjson_mut_is_num(value) && yyjson_mut_get_num(value) == 0);
}

static bool add_field(struct reader *reader, const struct field *field, const struct wire *wire, yyjson_mut_val *object, unsigned depth) {
    if (has_flag(field, 'i')) return read_message(reader, field->message, wire->bytes, object, depth + 1);
    yyjson_mut_val *there = mut_get_str(object, field->name), *name = mut_make_text(reader->doc, field->name);
    if (has_flag(field, 'm')) {
        if (!there && !yyjson_mut_obj_add(object, name, there = yyjson_mut_obj(reader->doc))) return false;
        return add_entry(reader, field, wire, there, depth);
    }
    yyjson_mut_val *value = value_of(reader, field, wire, depth);
    if (!value) return is_garbled(reader);
    if (has_flag(field, 'r')) {
        if (!there && !yyjson_mut_obj_add(object, name, there = yyjson_mut_arr(reader->doc))) return false;
        return yyjson_mut_arr_append(there, value);
    }
    /* Go writes zero values of plain fields, too; its JSON leaves them out. Structs that are empty come back as defaults. */
    bool is_struct = field->type == '#' || field->type == 'T' || field->type == 'U';
    if (!has_flag(field, 'p') && (has_flag(field, 'o') || is_struct) && is_zero(value)) return true;
    return yyjson_mut_obj_put(object, name, value);
}

static bool read_message(struct reader *reader, size_t index, struct str bytes, yyjson_mut_val *object, unsigned depth) {
    const struct message *message = &reader->messages[index];
    if (depth > MAX_DEPTH || index >= reader->message_count) return is_garbled(reader);
    while (bytes.len) {
        struct wire wire;
        if (!read_wire(&bytes, &wire)) return is_garbled(reader);
        for (size_t i = 0; i < message->count; i++) {
            if (message->fields[i].number != wire.number) continue;
            if (!add_field(reader, &message->fields[i], &wire, object, depth)) return false;
        }
    }
    return true;
}

/* "rbac.authorization.k8s.io/v1" "Role" -> the message "rbac.Role"; DeleteOptions are of every group. */
static size_t find_message(const struct reader *reader, struct str api_version, struct str kind) {
    struct str package = api_version;
    for (size_t i = 0; i < package.len; i++) {
        if (package.ptr[i] == '.' || package.ptr[i] == '/') package = str_first(package, i);
    }
    if (str_is(api_version, "v1")) package = STR("core");
    if (str_is(kind, "DeleteOptions")) package = STR("meta");
    for (size_t i = 0; i < reader->message_count; i++) {
        struct str name = reader->messages[i].name;
        if (name.len == package.len + 1 + kind.len && str_starts_with(name, package) && str_ends_with(name, kind)) return i;
    }
    return SIZE_MAX;
}

yyjson_mut_val *protobuf_read(struct arena *arena, yyjson_mut_doc *doc, struct str body, struct error *error) {
    struct reader *reader = arena_alloc(arena, sizeof *reader);
    if (!reader) {
        error_set(error, ERROR_MEMORY, "memory is out");
        return NULL;
    }
    *reader = (struct reader){.arena = arena, .doc = doc, .error = error};
    if (!str_starts_with(body, (struct str){"k8s\0", 4})) {
        error_set(error, ERROR_SYNTAX, "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
        return NULL;
    }
    struct str unknown = str_from(body, 4), meta = find_wire(unknown, 1).bytes, raw = find_wire(unknown, 2).bytes;
    struct str api_version = find_wire(meta, 1).bytes, kind = find_wire(meta, 2).bytes;
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    if (!object || !read_table(reader)) return NULL;
    size_t index = find_message(reader, api_version, kind);
    if (index == SIZE_MAX) {
        error_set(error, ERROR_UNSUPPORTED, "protobuf of kind %s in %s is not read here; send JSON", QUOTE(kind), QUOTE(api_version));
        return NULL;
    }
    mut_set_text(doc, object, "apiVersion", api_version);
    mut_set_text(doc, object, "kind", kind);
    return read_message(reader, index, raw, object, 0) ? object : NULL;
}
