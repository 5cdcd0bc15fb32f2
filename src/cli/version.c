#include <curl/curl.h>
#include <event2/event.h>
#include <openssl/crypto.h>
#include <yaml.h>
#include <yyjson.h>

#include "booster/names.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output.h"

enum { VERSION_BYTES = 4096 };

int command_version(int argc, char **argv) {
    struct arena arena;
    arena_init(&arena, VERSION_BYTES);
    const struct flag flags[] = {FLAG_ROW_END};
    const struct usage usage = {"version",
                                "Prints the version, that of the generator (what a ModelServing records as having rendered it), and "
                                "those of the libraries in use.",
                                flags, "  model-booster version\n"};
    int status;
    if (flags_start(&arena, &usage, argc, argv, &status)) {
        uint32_t yyjson = yyjson_version();
        struct strbuf out = strbuf_with_max(VERSION_BYTES);
        strbuf_printf(&out, "model-booster %s\ngenerator %s\n", MODEL_BOOSTER_VERSION, GENERATOR_VERSION);
        strbuf_printf(&out, "yyjson %u.%u.%u\n", yyjson >> 16, yyjson >> 8 & 0xff, yyjson & 0xff);
        strbuf_printf(&out, "libyaml %s\n", yaml_get_version_string());
        strbuf_printf(&out, "libcurl %s\n", curl_version_info(CURLVERSION_NOW)->version);
        strbuf_printf(&out, "libevent %s\n", event_get_version());
        strbuf_printf(&out, "%s\n", OpenSSL_version(OPENSSL_VERSION));
        status = output_finish(&out, EXIT_CLEAN);
        strbuf_release(&out);
    }
    arena_release(&arena);
    return status;
}
