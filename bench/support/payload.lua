--- Answers of DynamoDB in its compact JSON, made from a seed: the same bytes in every process and every Lua.
local payload = {}

local seed

--- Every payload begins anew, whichever others were made before it.
local function begin() seed = 20261101 end

--- A whole number from 0 to limit - 1. Lehmer's generator stays within 2^53.
local function random(limit)
  seed = seed * 48271 % 2147483647
  return seed % limit
end

local WORDS = { "amber", "basalt", "cedar", "delta", "ember", "fjord", "granite", "harbor", "indigo", "juniper" }

local function word() return WORDS[random(#WORDS) + 1] end

local function words(length)
  local parts, size = {}, 0
  while size < length do
    parts[#parts + 1] = word()
    size = size + #parts[#parts] + 1
  end
  return table.concat(parts, " "):sub(1, length):gsub(" $", ".")
end

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

--- Base64 text of `length` random bytes; `length` is a multiple of 3.
local function base64(length)
  local letters = {}
  for i = 1, length / 3 * 4 do
    local at = random(64) + 1
    letters[i] = ALPHABET:sub(at, at)
  end
  return table.concat(letters)
end

--- One order: 15 attributes of all types, 9 tables, 23 names, maps nested 3 deep, 1,000 bytes.
local function item()
  local number = random(1e8)
  local text = table.concat({
    '{"pk":{"S":"CUSTOMER#%08d"},"sk":{"S":"ORDER#2026-11-%02d#%06d"},"customer":{"S":"%s \195\133ngstr\195\182m"},',
    '"status":{"S":"%s"},"total":{"N":"%d.%d5"},"created":{"N":"%d"},"paid":{"BOOL":true},"coupon":{"NULL":true},',
    '"thumbnail":{"B":"%s"},"tags":{"SS":["%s-a","%s-b","%s-c"]},"sizes":{"NS":["%d","%d.5","-%d"]},',
    '"hashes":{"BS":["%s","%s"]},"address":{"M":{"street":{"S":"%d %s street"},"city":{"S":"%s"},',
    '"geo":{"M":{"lat":{"N":"-%d.0625"},"lon":{"N":"%d.%d1"},"source":{"M":{"accuracy":{"N":"%d"}}}}}}},',
    '"lines":{"L":[{"M":{"sku":{"S":"SKU-%06d"},"count":{"N":"%d"}}},{"S":"%s"}]},"note":{"S":"said \\"%%s\\""}}',
  }):format(number, random(28) + 1, random(1e6), word(), word(), random(9000) + 1, random(10), 1761955200 + random(1e6),
    base64(48), word(), word(), word(), random(100), random(100), random(100) + 1, base64(12) .. "AAAA",
    base64(12) .. "BBBB", random(999) + 1, word(), word(), random(90), random(180), random(1000), random(50) + 1,
    random(1e6), random(20) + 1, word())
  return (text:gsub("%%s", (words(1000 - #text + 2):gsub("%%", "%%%%"))))
end

local CAPACITY = '{"ConsumedCapacity":{"CapacityUnits":%s,"TableName":"orders"},'

--- Items of 1 KB, as `core.unmarshal` reads them.
---@param count integer
---@return string[]
function payload.items(count)
  local list = {}
  begin()
  for i = 1, count do list[i] = item() end
  return list
end

--- What GetItem answers for an item of 1 KB.
---@return string
function payload.get_item() return CAPACITY:format "0.5" .. '"Item":' .. payload.items(1)[1] .. "}" end

--- What Query answers for a full page: 1 MB.
---@return string
function payload.query()
  local items = table.concat(payload.items(1000), ",")
  return CAPACITY:format "122.5" .. '"Count":1000,"Items":[' .. items .. '],"ScannedCount":1000}'
end

--- An item of 5,000 attributes, 400 KB.
---@return string
function payload.wide()
  local members = {}
  begin()
  for i = 1, 5000 do
    local kind = random(10)
    local value
    if kind < 7 then
      value = ('{"S":"%s"}'):format(words(40 + random(40)))
    elseif kind < 9 then
      value = ('{"N":"%d"}'):format(random(1e9))
    else
      value = '{"BOOL":true}'
    end
    members[i] = ('"attribute_%04d_%s":%s'):format(i, word(), value)
  end
  return '{"Item":{' .. table.concat(members, ",") .. "}}"
end

local UNICODE = {
  "\230\188\162\229\173\151\227\129\139\227\129\170", "\208\159\209\128\208\184\208\178\208\181\209\130",
  "\240\159\154\128\240\159\140\141", "line\\nbreak\\t\\\"quoted\\\"", "\\u00e9t\\u00e9 \\ud83d\\ude80",
}

--- Text in many scripts, raw and escaped: 120 items, 90 KB.
---@return string
function payload.unicode()
  local items = {}
  begin()
  for i = 1, 120 do
    local members = {}
    for j = 1, 6 do
      local parts = {}
      for k = 1, 8 do parts[k] = UNICODE[random(#UNICODE) + 1] end
      members[j] = ('"text_%d":{"S":"%s"}'):format(j, table.concat(parts, " "))
    end
    items[i] = "{" .. table.concat(members, ",") .. "}"
  end
  return '{"Count":120,"Items":[' .. table.concat(items, ",") .. "]}"
end

local NUMBERS = {
  function() return ("%d"):format(random(1e6)) end,
  function() return ("-%d.%02d"):format(random(1e4), random(100)) end,
  function() return ("%d.%06d1"):format(random(100), random(1e6)) end,
  function() return ("%d"):format(1700000000000 + random(1e9)) end,
}

--- Numbers that a Lua number holds, alone, in sets and in lists: 100 items, 100 KB.
---@return string
function payload.numbers()
  local items = {}
  local function number() return NUMBERS[random(#NUMBERS) + 1]() end
  local function several(count, format)
    local list = {}
    for i = 1, count do list[i] = format:format(i .. "", number()):gsub("^%d+|", "") end
    return table.concat(list, ",")
  end
  begin()
  for i = 1, 100 do
    local members = {}
    for j = 1, 20 do members[j] = ('"n%02d":{"N":"%s"}'):format(j, number()) end
    items[i] = ('{%s,"set":{"NS":[%s]},"list":{"L":[%s]}}'):format(table.concat(members, ","),
      several(20, '%s|"%s"'), several(20, '%s|{"N":"%s"}'))
  end
  return '{"Count":100,"Items":[' .. table.concat(items, ",") .. "]}"
end

return payload
