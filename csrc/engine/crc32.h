/*
** CRC-32 as in zlib and in x-amz-crc32, of every answer: by the processor's carry-less multiplication where it has one.
*/
#ifndef DYNAMODB_CRC32_H
#define DYNAMODB_CRC32_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

uint32_t crc32_of (const void *bytes, size_t len);

#pragma GCC visibility pop
#endif
