#include "agenda.h"

#include <stdlib.h>

void agenda_init(struct agenda *agenda, uint64_t seed) {
    *agenda = (struct agenda){.random = {seed}};
}

void agenda_release(struct agenda *agenda) {
    free(agenda->heap);
    *agenda = (struct agenda){0};
}

static bool is_before(const struct agenda_entry *a, const struct agenda_entry *b) {
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->tie < b->tie;
}

static void put_at(struct agenda *agenda, size_t place, struct agenda_entry *entry) {
    agenda->heap[place - 1] = entry;
    entry->place = place;
}

static void sift_up(struct agenda *agenda, struct agenda_entry *entry) {
    size_t place = entry->place;
    for (; place > 1 && is_before(entry, agenda->heap[place / 2 - 1]); place /= 2) put_at(agenda, place, agenda->heap[place / 2 - 1]);
    put_at(agenda, place, entry);
}

static void sift_down(struct agenda *agenda, struct agenda_entry *entry) {
    size_t place = entry->place;
    for (;;) {
        size_t child = 2 * place;
        if (child > agenda->count) break;
        if (child < agenda->count && is_before(agenda->heap[child], agenda->heap[child - 1])) child++;
        if (!is_before(agenda->heap[child - 1], entry)) break;
        put_at(agenda, place, agenda->heap[child - 1]);
        place = child;
    }
    put_at(agenda, place, entry);
}

void agenda_take_out(struct agenda *agenda, struct agenda_entry *entry) {
    size_t place = entry->place;
    if (!place) return;
    entry->place = 0;
    struct agenda_entry *last = agenda->heap[--agenda->count];
    if (last == entry) return;
    put_at(agenda, place, last);
    sift_up(agenda, last);
    sift_down(agenda, last);
}

void agenda_put(struct agenda *agenda, struct agenda_entry *entry, int64_t at_ms) {
    agenda_take_out(agenda, entry);
    entry->at_ms = at_ms > agenda->now_ms ? at_ms : agenda->now_ms;
    entry->tie = number_random_next(&agenda->random);
    if (agenda->count == agenda->capacity) {
        agenda->capacity = agenda->capacity ? 2 * agenda->capacity : 64;
        agenda->heap = realloc(agenda->heap, agenda->capacity * sizeof *agenda->heap);
        if (!agenda->heap) abort();
    }
    put_at(agenda, ++agenda->count, entry);
    sift_up(agenda, entry);
}

int64_t agenda_next_ms(const struct agenda *agenda) {
    return agenda->count ? agenda->heap[0]->at_ms : INT64_MAX;
}

bool agenda_step(struct agenda *agenda) {
    if (!agenda->count) return false;
    struct agenda_entry *entry = agenda->heap[0];
    agenda_take_out(agenda, entry);
    agenda->now_ms = entry->at_ms;
    agenda->steps++;
    entry->happens(entry->owner);
    return true;
}
