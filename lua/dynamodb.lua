--- DynamoDB for Lua. `require "dynamodb"` does no I/O and starts nothing.
if not rawget(_G, "jit") and (_VERSION == "Lua 5.1" or _VERSION == "Lua 5.2") then
  error("dynamodb needs Lua 5.4, Lua 5.3 or LuaJIT 2.1; this is PUC " .. _VERSION, 0)
end

local core = require "dynamodb.core"
local client = require "dynamodb.client"
local diff = require "dynamodb.diff"
local key_template = require "dynamodb.key_template"
local path = require "dynamodb.expression.path"
local set = require "dynamodb.set"
local time = require "dynamodb.time"
local usage = require "dynamodb.usage"

local dynamodb = {
  _VERSION = require "dynamodb.version",
}

--- Makes a client. No I/O is done: the environment is read here, files and network wait for the first call.
---
--- | option | meaning |
--- | --- | --- |
--- | `profile` | of the shared config and credentials files, else `AWS_PROFILE`, "default" |
--- | `region` | else `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile; "local" is an engine on localhost:8000 |
--- | `endpoint` | a URL, else `AWS_ENDPOINT_URL_DYNAMODB` (`…_STREAMS`), `AWS_ENDPOINT_URL`, the profile, AWS's own |
--- | `access_key_id`, `secret_access_key`, `session_token`, `account_id` | else they are searched (the guide) |
--- | `credentials` | the same as one table, or a function `(runtime, deadline)` that returns one |
--- | `shared_dict` | in nginx: a `lua_shared_dict`, in which the workers share credentials that are searched |
--- | `mfa_token` | a function that is given a device's serial number and returns its code, for roles that want one |
--- | `use_fips_endpoint`, `use_dualstack_endpoint` | true or false, else `AWS_USE_…`, the profile |
--- | `account_id_endpoint_mode` | "preferred", "disabled" or "required": hosts of the account's own |
--- | `ignore_configured_endpoint_urls` | `true`: only the option `endpoint` counts |
--- | `timeout` | seconds for one call with all that belongs to it; 30; `false` for none |
--- | `connect_timeout`, `idle_timeout` | seconds; 3.1 (1.1 in Lambda) and 5 without a byte moving |
--- | `ca_bundle`, `verify` | a file of certificate authorities; `false` to trust everybody |
--- | `strict` | `false`: members and operations that look misspelt are sent as they are |
--- | `limits` | `false`: quotas are left to the service |
--- | `retry` | a table: `mode` ("standard", "adaptive"), `max_attempts` (4), … as of `core.retry`; else `AWS_*` |
--- | `before_send`, `after_response`, `on_retry`, `on_throttle` | functions that are told of each attempt (the guide) |
--- | `retry_ambiguous` | `true`: repeat also writes that may then be applied twice |
--- | `capacity` | "total", "indexes" or "none": what table operations report in `meta.capacity` |
--- | `numbers` | "native" (floats, may round), "exact" (always boxed), "string"; default lossless |
--- | `unsupported`, `empty_sets`, `empty_strings` | "error" or "skip"; "error", "omit", "null"; "keep", "null" |
--- | `cursor_keys` | a list of secrets, 16 bytes or more, that sign cursors; the current one first, then older ones |
--- | `max_response` | bytes that an answer may have; 32 MB |
--- | `user_agent`, `app_id` | appended to the User-Agent |
--- | `runtime` | how bytes move and time passes; libcurl by default |
---@param options table?
---@return dynamodb.Client
function dynamodb.connect(options)
  return client.connect(options)
end

--- Operators of conditions: eq ne lt le gt ge between in_ begins_with contains exists missing type size any all not_
--- attr.
dynamodb.expr = require "dynamodb.expression.operators"

--- DynamoDB's NULL: a NULL lightuserdata, equal to `cjson.null` and `ngx.null`.
dynamodb.null = core.null

--- A number of up to 38 digits: native if that is exact, else boxed.
---@param value string|number
---@return number|userdata
function dynamodb.number(value)
  local ok, made = pcall(core.number, value)
  if not ok then usage.raise((tostring(made))) end
  return made
end

--- A binary value.
---@param bytes string
---@return userdata    prints, compares and concatenates as its bytes
function dynamodb.binary(bytes)
  usage.check_type(bytes, "string", "the bytes of a binary")
  return core.binary(bytes)
end

--- Orders two numbers, native or boxed.
---@param a number|userdata
---@param b number|userdata
---@return -1|0|1
function dynamodb.compare(a, b)
  local ok, order = pcall(core.compare, a, b)
  if not ok then usage.raise((tostring(order))) end
  return order
end

--- A set of strings, numbers or binaries: a sequence with `:contains`, `:add`, `:remove` and order-free `==`.
---@param elements table?    a sequence
---@return dynamodb.Set
function dynamodb.set(elements)
  return set.new(elements)
end

--- Marks a table as a list, so that it is written as one even when it is empty.
---@param elements table?    a sequence; the same table is returned
---@return table
function dynamodb.list(elements)
  if elements == nil then elements = {} end
  usage.check_type(elements, "table", "the elements of a list")
  if getmetatable(elements) ~= nil and getmetatable(elements) ~= core.list_mt then
    usage.raise("list: the table has a metatable already")
  end
  return setmetatable(elements, core.list_mt)
end

local TYPES = { S = 1, N = 1, B = 1, SS = 1, NS = 1, BS = 1, M = 1, L = 1, BOOL = 1, NULL = 1 }

--- A typed value in DynamoDB's own form, written as it is: `dynamodb.raw { S = "x" }`.
---@param typed table    one member, its name a DynamoDB type
---@return table
function dynamodb.raw(typed)
  usage.check_type(typed, "table", "a raw value")
  local name, value = next(typed)
  if not TYPES[name] or next(typed, name) ~= nil then
    usage.raise("a raw value has one member, its name one of S, N, B, SS, NS, BS, M, L, BOOL, NULL")
  end
  return setmetatable({ [name] = value }, core.raw_mt)
end

--- A path inside an item: `dynamodb.path("address", "city")`, `dynamodb.path("tags", 1)`. Positions count from 1.
---@param ... string|integer
---@return dynamodb.Path
function dynamodb.path(...)
  return path.new(...)
end

--- The changes that make one item of another: set, remove, and for sets add and delete; inside of maps, and of lists of
--- the same length, or the whole attribute where that is shorter. Values are compared as DynamoDB compares them. For
--- `Table:update`, which changes nothing else then, whatever others have written.
---@param old table    the item as it was read
---@param new table    the item as it shall be
---@return table?      nil if nothing differs
function dynamodb.diff(old, new)
  return diff(old, new)
end

--- A template of keys: `dynamodb.key "USER#{id}"` is called with the fields, `k { id = 7 }` (or `k(7)`, where there is
--- one only), and gives "USER#7". `k:match(key)` gives the fields of a key, `k:prefix { … }` the beginning up to the
--- first field that is not given. `{n:08}` is a whole number with zeros in front, so that it sorts. A value that could
--- be taken for more than its field is refused: one with the text that follows it in the template, or with "#" where
--- the template has one. So is a key with more bytes than it may have: DynamoDB takes 1024 of a sort key.
---@param text string
---@param options? table    max_bytes (of a key; 2048, which is what a partition key may have)
---@return dynamodb.KeyTemplate
function dynamodb.key(text, options)
  return key_template.new(text, options)
end

--- Points in time: iso, parse, ttl, expired.
dynamodb.time = time

--- Plain JSON of an item or of any value in one, for an HTTP reply: sets become arrays, binaries base64, numbers bare
--- digits. What tells a set from a list or a binary from a string is lost: it is for readers who do not know DynamoDB.
---@param value any
---@return string
function dynamodb.to_json(value)
  local ok, text = pcall(core.json_encode, value)
  if not ok then usage.raise("to_json: " .. tostring(text)) end
  return text
end

-- Rooms that not every program enters: loaded at their first use.
setmetatable(dynamodb, { __index = function(self, name)
  if name ~= "streams" then return nil end
  self.streams = require "dynamodb.streams"
  return self.streams
end })

return dynamodb
