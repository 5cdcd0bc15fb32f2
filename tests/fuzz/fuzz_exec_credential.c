/* What a credential plugin prints: a credential or an error, and no error says anything of the text: it holds secrets. */
#include "harness.h"
#include "io/exec_credential.h"

enum { SECRET_BYTES = 12 };

/* No long piece of a secret in an error. */
static void expect_secret(struct str secret, const struct error *error) {
    for (size_t i = 0; i + SECRET_BYTES <= secret.len; i++) {
        struct str piece = str_first(str_from(secret, i), SECRET_BYTES);
        if (!str_contains(piece, STR("#"))) continue;
        fuzz_expect(!str_contains(str_of(error->message), piece), "a secret in an error: %s", error->message);
    }
}

FUZZ_TARGET(exec_credential) {
    static const char *const versions[] = {"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"};
    static const char *const secrets[] = {"token", "clientKeyData", "clientCertificateData"};
    const yyjson_val *root = json_parse(arena, input, NULL), *status = json_get(root, "status");
    /* Version and time may be shown; a secret written there is none. */
    bool is_shown = str_contains(json_text(json_get(root, "apiVersion")), STR("#")) ||
                    str_contains(json_text(json_get(status, "expirationTimestamp")), STR("#"));
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        struct exec_credential found = {0};
        struct error error = {0};
        if (exec_credential_read(arena, input, str_of(versions[i]), &found, &error)) {
            fuzz_expect(found.token.len || (found.certificate.len && found.key.len), "a credential without anything in it");
            continue;
        }
        fuzz_expect_error(&error);
        for (size_t j = 0; j < sizeof secrets / sizeof secrets[0]; j++) {
            /* Words of our own may be anybody's token; a secret is told by what no message of ours has. */
            struct str secret = json_text(json_get(status, secrets[j]));
            if (!is_shown && str_contains(secret, STR("#"))) expect_secret(str_from(secret, str_find(secret, STR("#"))), &error);
        }
    }
}
