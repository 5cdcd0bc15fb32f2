/*
 * Hashes. XXH3-64 marks content that we compare with ourselves; MD5 only names cache directories, because Kthena's
 * downloader and caches already use md5hex(URI) there (reference 5.3). Neither protects anything.
 */
#ifndef MB_BASE_HASH_H
#define MB_BASE_HASH_H

#include "base/arena.h"

uint64_t hash_xxh3(struct str bytes);
/* The hash of what `hash` is of, with `bytes` behind it as a part of its own. */
uint64_t hash_with(uint64_t hash, struct str bytes);
/* 16 lower-case hex digits in the arena. */
struct str hash_hex(struct arena *arena, uint64_t hash);
/* 32 lower-case hex digits in the arena; empty when the arena is exhausted. */
struct str hash_md5_hex(struct arena *arena, struct str bytes);

#endif
