#include "keymap.h"

#include <stdlib.h>
#include <string.h>

void keymap_init (KeyMap *m, uint64_t seed) {
  memset(m, 0, sizeof *m);
  m->seed = seed;
}

void keymap_free (KeyMap *m) {
  free(m->slots);
  m->slots = NULL;
  m->count = m->mask = 0;
}

static uint64_t mix (uint64_t h) {
  h ^= h >> 32;
  h *= UINT64_C(0xD6E8FEB86659FD93);
  return h ^ h >> 32;
}

uint64_t keymap_hash (const KeyMap *m, const char *bytes, size_t len) {
  uint64_t h = m->seed ^ len * UINT64_C(0x9E3779B97F4A7C15), word;
  for (; len >= 8; bytes += 8, len -= 8) {
    memcpy(&word, bytes, 8);
    h = mix(h ^ word) + m->seed;
  }
  word = 0;
  memcpy(&word, bytes, len);
  return mix(mix(h ^ word) + m->seed);
}

KeyNode *keymap_find (const KeyMap *m, const char *bytes, size_t len, uint64_t hash) {
  if (!m->slots) return NULL;
  for (size_t i = (size_t)hash & m->mask; m->slots[i]; i = (i + 1) & m->mask) {
    KeyNode *node = m->slots[i];
    if (node->hash == hash && node->len == len && memcmp(node->bytes, bytes, len) == 0) return node;
  }
  return NULL;
}

static void place (KeyMap *m, KeyNode *node) {
  size_t i = (size_t)node->hash & m->mask;
  while (m->slots[i])
    i = (i + 1) & m->mask;
  m->slots[i] = node;
}

int keymap_reserve (KeyMap *m) {
  if (m->slots && (m->count + 1) * 4 <= (m->mask + 1) * 3) return 1;
  KeyMap wider = *m;
  size_t room = m->slots ? (m->mask + 1) * 2 : 64;
  wider.slots = calloc(room, sizeof *wider.slots);
  if (!wider.slots) return 0;
  wider.mask = room - 1;
  for (size_t i = 0; m->slots && i <= m->mask; i++)
    if (m->slots[i]) place(&wider, m->slots[i]);
  free(m->slots);
  *m = wider;
  return 1;
}

void keymap_insert (KeyMap *m, KeyNode *node) {
  place(m, node);
  m->count++;
}

void keymap_remove (KeyMap *m, const KeyNode *node) {
  size_t i = (size_t)node->hash & m->mask;
  while (m->slots[i] != node)
    i = (i + 1) & m->mask;
  m->slots[i] = NULL;
  m->count--;
  /* What follows in the same run may have been pushed on by it. */
  for (i = (i + 1) & m->mask; m->slots[i]; i = (i + 1) & m->mask) {
    KeyNode *moved = m->slots[i];
    m->slots[i] = NULL;
    place(m, moved);
  }
}
