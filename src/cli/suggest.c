#include "cli/suggest.h"

#include <string.h>

enum { LONGEST_WORD = 31, TOO_FAR = 1000 };

static int least(int a, int b) {
    return a < b ? a : b;
}

/* Damerau's distance with neighbours swapped at most once. */
static int edits(const char *a, const char *b) {
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > LONGEST_WORD || b_len > LONGEST_WORD) return TOO_FAR;
    int cost[LONGEST_WORD + 1][LONGEST_WORD + 1];
    for (size_t i = 0; i <= a_len; i++) {
        for (size_t j = 0; j <= b_len; j++) {
            if (i == 0 || j == 0) {
                cost[i][j] = (int)(i + j);
                continue;
            }
            cost[i][j] = least(least(cost[i - 1][j], cost[i][j - 1]) + 1, cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    }
    return cost[a_len][b_len];
}

const char *suggest_nearer(const char *typed, const char *best, const char *candidate) {
    size_t longer = strlen(typed) > strlen(candidate) ? strlen(typed) : strlen(candidate);
    int distance = edits(typed, candidate);
    if (distance * 3 > (int)longer) return best;
    return best && edits(typed, best) <= distance ? best : candidate;
}
