/*
** Items in wire bytes, read in place: their key in canonical form, and their size as DynamoDB counts it.
*/
#ifndef DYNAMODB_ITEM_H
#define DYNAMODB_ITEM_H

#include "json_scan.h"

#pragma GCC visibility push(hidden)

#define KEY_PARTS 2

/* The attributes of a table's key: partition, and perhaps sort. */
typedef struct KeySchema {
  const char *name[KEY_PARTS];
  size_t len[KEY_PARTS];
  char type[KEY_PARTS]; /* 'S', 'N' or 'B'; 0 when it is not known */
  int parts;
} KeySchema;

/* One attribute of a key: its type, then bytes that two values share if and only if they are one value to DynamoDB. */
typedef struct KeyPart {
  Buffer canonical;
  size_t len; /* of the value in bytes, as the limits of keys count it */
  int found;
} KeyPart;

typedef struct Item {
  KeyPart part[KEY_PARTS];
  size_t attributes;     /* how many it has */
  size_t size;           /* with their names */
  size_t largest;        /* size of the largest attribute */
  char largest_name[80]; /* and its name, cut short */
} Item;

void item_init (Item *item);
void item_free (Item *item);

/*
** Reads the item at p: key and size, or the key alone. 0 with the scanner's error when it is none. A part of the key
** that is no scalar of a key counts as not found.
*/
int item_read (Scanner *s, const KeySchema *schema, Item *item, int with_size);

/* Passes over any value. */
int item_skip (Scanner *s);

#pragma GCC visibility pop
#endif
