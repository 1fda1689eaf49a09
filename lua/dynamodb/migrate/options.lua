--- The options of jobs: each name means the same in all of them, and is checked the same way.
local input = require "dynamodb.batch.input"
local usage = require "dynamodb.usage"

local options = {}

local function is(wanted) return function(value) return type(value) == wanted end end
local function positive(value) return type(value) == "number" and value > 0 end
local function count(value) return positive(value) and value % 1 == 0 end
local function text(value) return type(value) == "string" and value ~= "" end
local function any(value) return value ~= nil end

local function is_table(value)
  local mt = type(value) == "table" and getmetatable(value)
  return mt and mt.__name == "dynamodb.Table"
end

local function is_shard(value)
  return type(value) == "table" and count(value[1]) and count(value[2]) and value[1] <= value[2]
end

local function is_mark(value)
  if text(value) then return true end
  local name = type(value) == "table" and next(value)
  return text(name) and next(value, name) == nil
end

local function one_of(...)
  local words = { ... }
  local function check(value)
    for _, word in ipairs(words) do
      if value == word then return true end
    end
  end
  return { check, '"' .. table.concat(words, '", "') .. '"' }
end

local TABLE = { is_table, "a table of db:table" }
local FLAG = { is "boolean", "true or false" }
local PATH = { text, "a file's name" }
local CALLABLE = { input.callable, "a function" }
local COUNT = { count, "a whole number from 1" }
local UNITS = { positive, "a positive number of capacity units a second" }

local CHECKS = {
  table = TABLE, source = TABLE, target = TABLE,
  map = CALLABLE, stop = CALLABLE, progress = CALLABLE, warn = CALLABLE, on_failed = CALLABLE,
  on_difference = CALLABLE,
  where = { any, "a condition" }, names = { is "table", "a table" }, values = { is "table", "a table" },
  action = { function(value) return value == "delete" or type(value) == "table" or input.callable(value) end,
    '"delete", a table of changes or a function' },
  segments = COUNT, concurrency = COUNT, sample = COUNT,
  rcu = UNITS, wcu = UNITS,
  stall = { positive, "a positive number of seconds" },
  grace = { function(value) return value == 0 or positive(value) end, "a number of seconds from 0" },
  checkpoint = PATH, undo = PATH, file = PATH, errors = PATH, directory = { text, "a directory's name" },
  shard = { is_shard, "{ i, n }, the i-th of n processes" },
  on_error = one_of("stop", "skip"),
  format = one_of("dynamodb-json", "json", "csv"),
  mark = { is_mark, 'an attribute\'s name, or { name = value }' },
  guard = { function(value) return type(value) == "table" or input.callable(value) end,
    "a list of attributes' names or a function" },
  rates = { is "table", "a table, { read = money, write = money }, for a million units each" },
  key = { is "table", "a table, { name = value }" },
  columns = { is "table", "a list of names with types, such as \"pk:S\"" },
  idempotent = FLAG, dry_run = FLAG, require_pitr = FLAG, consistent = FLAG, live = FLAG, follow = FLAG, gzip = FLAG,
  revert = FLAG, extra = FLAG,
}

--- A copy of the options. Raises on a name that the function does not know, and on a value that makes no sense.
---@param given any
---@param known string       the names that the function knows, with blanks between them
---@param method string      for messages
---@return table
function options.check(given, known, method)
  usage.check_type(given, "table", "the options of " .. method)
  local names = {}
  for name in known:gmatch "%S+" do names[name] = true end
  usage.check_names(given, names, "option of " .. method)
  local copy = {}
  for name, value in pairs(given) do
    local check = CHECKS[name]
    if not check[1](value) then usage.raise(("%s: %s must be %s"):format(method, name, check[2])) end
    copy[name] = value
  end
  return copy
end

--- Raises unless the options that a function cannot do without are there.
---@param given table
---@param method string
---@param ... string
function options.need(given, method, ...)
  for _, name in ipairs { ... } do
    if given[name] == nil then usage.raise(("%s: %s must be %s"):format(method, name, CHECKS[name][2])) end
  end
end

--- Raises if two options name the same file: one would be written over the other.
---@param given table
---@param method string
---@param first string
---@param second string
function options.need_two_files(given, method, first, second)
  if given[first] ~= nil and given[first] == given[second] then
    usage.raise(("%s: %s and %s are the same file"):format(method, first, second))
  end
end

--- What is added to the names of the files of one of several processes.
---@param given table
---@return string    empty if it is alone
function options.suffix(given)
  return given.shard and (".%d-of-%d"):format(given.shard[1], given.shard[2]) or ""
end

--- Raises unless a table's items can be read and written back as they are.
---@param target dynamodb.Table
---@param method string
function options.check_values(target, method)
  if target.client.values then
    usage.raise(("%s: %s belongs to a client whose options change values (numbers, unsupported, empty_sets, "
      .. "empty_strings); items must stay as they are, so use one without them"):format(method, target.name))
  end
end

return options
