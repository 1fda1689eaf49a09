--- A gzip writer that does not compress: one stored block of up to 65,535 bytes (RFC 1951, 3.2.4; RFC 1952).
local core = require "dynamodb.core"

local gzip = {}

---@param value integer
---@param bytes integer
---@return string    the lowest bytes of `value`, the lowest first
local function little_endian(value, bytes)
  local out = {}
  for i = 1, bytes do
    out[i] = string.char(value % 256)
    value = math.floor(value / 256)
  end
  return table.concat(out)
end

---@param text string
---@return string
function gzip.store(text)
  assert(#text <= 65535)
  return "\31\139\8\0\0\0\0\0\0\255" -- magic, deflate, no flags, no time, unknown system
    .. "\1" .. little_endian(#text, 2) .. little_endian(65535 - #text, 2) .. text
    .. little_endian(core.crc32(text), 4) .. little_endian(#text, 4)
end

return gzip
