/*
** A hash table from runs of bytes to what carries them. It owns its slots alone: a node is a part of what it stands
** for.
*/
#ifndef DYNAMODB_KEYMAP_H
#define DYNAMODB_KEYMAP_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

typedef struct KeyNode {
  uint64_t hash;
  size_t len;
  const char *bytes;
} KeyNode;

typedef struct KeyMap {
  KeyNode **slots;
  size_t count, mask; /* a power of two less one; no slots yet when `slots` is NULL */
  uint64_t seed;      /* keys may come from strangers */
} KeyMap;

void keymap_init (KeyMap *m, uint64_t seed);
void keymap_free (KeyMap *m);
uint64_t keymap_hash (const KeyMap *m, const char *bytes, size_t len);

/* The node with these bytes, or NULL. */
KeyNode *keymap_find (const KeyMap *m, const char *bytes, size_t len, uint64_t hash);

/* Makes sure that the next insertion finds room; 0 when memory is out. */
int keymap_reserve (KeyMap *m);

/* Room must have been reserved, and the bytes must not be there yet. */
void keymap_insert (KeyMap *m, KeyNode *node);
void keymap_remove (KeyMap *m, const KeyNode *node);

#pragma GCC visibility pop
#endif
