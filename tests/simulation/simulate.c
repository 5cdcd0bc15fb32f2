/*
 * simulate --seeds A-B [--jobs N] [--quiet] [--minutes M]     many histories; ends with `N passed, N failed`
 * simulate --seed N [--trace]                                 one, told line by line
 * simulate --seed N --record                                  one of tame ones, as replay.py reads it
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crew.h"
#include "world.h"

static bool read_range(const char *text, uint64_t *out_first, uint64_t *out_last) {
    int64_t first, last;
    struct str whole = str_of(text);
    size_t dash = str_find(whole, STR("-"));
    bool is_range =
        dash != SIZE_MAX && number_parse_int64(str_first(whole, dash), &first) && number_parse_int64(str_from(whole, dash + 1), &last);
    if (!is_range || first < 0 || last < first) return false;
    *out_first = (uint64_t)first;
    *out_last = (uint64_t)last;
    return true;
}

static int usage(void) {
    fprintf(stderr, "usage: simulate --seeds A-B [--jobs N] [--minutes M] [--twice] [--quiet], or simulate --seed N [--trace]\n");
    return 2;
}

static int run_one(uint64_t seed, bool has_trace) {
    struct world_options options = {.seed = seed, .trace = has_trace ? stdout : NULL, .complaints = stdout};
    struct world_result result;
    world_run(&options, &result);
    printf("seed %llu: %s; %llu steps, %.1f s of virtual time, settled after %.1f s, %llu writes, trace %016llx\n",
           (unsigned long long)seed, result.is_fine ? "fine" : result.oracle, (unsigned long long)result.steps,
           (double)result.virtual_ms / 1000, (double)result.settled_ms / 1000, (unsigned long long)result.writes,
           (unsigned long long)result.hash);
    if (!result.is_fine) printf("%s: %s\n", result.oracle, result.message);
    return result.is_fine ? 0 : 1;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'r'},   {"seed", required_argument, NULL, 's'}, {"jobs", required_argument, NULL, 'j'},
        {"minutes", required_argument, NULL, 'm'}, {"trace", no_argument, NULL, 't'},      {"record", no_argument, NULL, 'c'},
        {"quiet", no_argument, NULL, 'q'},         {"twice", no_argument, NULL, 'w'},      {NULL, 0, NULL, 0}};
    struct crew_options crew = {.jobs = 1};
    uint64_t seed = 0;
    bool has_trace = false, is_record = false, is_one = false, is_many = false;
    for (int letter; (letter = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (letter) {
        case 'r':
            is_many = read_range(optarg, &crew.first, &crew.last);
            if (!is_many) return usage();
            break;
        case 's':
            seed = strtoull(optarg, NULL, 10);
            is_one = true;
            break;
        case 'j': crew.jobs = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'm': crew.seconds = strtod(optarg, NULL) * 60; break;
        case 'c': is_record = true; break;
        case 't': has_trace = true; break;
        case 'w': crew.is_twice = true; break;
        case 'q': crew.is_quiet = true; break;
        default: return usage();
        }
    }
    if (is_one == is_many) return usage();
    if (is_record) {
        world_record(seed, stdout);
        return 0;
    }
    return is_one ? run_one(seed, has_trace) : crew_run(&crew);
}
