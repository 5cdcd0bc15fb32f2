#include "io/entropy.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

bool entropy_seed(uint64_t *out, struct error *error) {
    uint64_t seed;
    ssize_t got;
    do got = getrandom(&seed, sizeof seed, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof seed) return error_set(error, ERROR_IO, "no random numbers from the system: %s", strerror(errno));
    *out = seed;
    return true;
}
