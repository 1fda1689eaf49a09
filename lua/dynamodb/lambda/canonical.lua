--- One JSON text for equal values, to be hashed: members are sorted. Other libraries hash texts of their own, which are
--- written here to the byte, so that a table can be shared with them.
local core = require "dynamodb.core"

local canonical = {}

local ESCAPES = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

---@param char string
---@return string
local function escape(char)
  return ESCAPES[char] or ("\\u%04x"):format(char:byte())
end

--- A character beyond ASCII as one or two UTF-16 units.
---@param bytes string    one character, UTF-8
---@return string
local function escape_unicode(bytes)
  local lead = bytes:byte()
  local code = lead % (lead < 0xE0 and 0x20 or lead < 0xF0 and 0x10 or 0x08)
  for i = 2, #bytes do code = code * 64 + bytes:byte(i) % 64 end
  if code < 0x10000 then return ("\\u%04x"):format(code) end
  code = code - 0x10000
  return ("\\u%04x\\u%04x"):format(0xD800 + math.floor(code / 0x400), 0xDC00 + code % 0x400)
end

---@param text string
---@param style table
---@return string
local function quote(text, style)
  text = text:gsub('[%z\1-\31"\\]', escape)
  if style.ascii then text = text:gsub("\127", escape):gsub("[\194-\244][\128-\191]*", escape_unicode) end
  return '"' .. text .. '"'
end

--- The fewest digits that read as the same number.
---@param value number
---@return string
local function digits_of(value)
  local is_integer = math.type ~= nil and math.type(value) == "integer"
  if is_integer or value == math.floor(value) and value > -2 ^ 53 and value < 2 ^ 53 then
    return ("%d"):format(value)
  end
  for precision = 15, 17 do
    local text = ("%." .. precision .. "g"):format(value)
    if tonumber(text) == value and text:find "%d$" then return text end
  end
  return core.json_encode(value) -- raises: it is no number of JSON's
end

local write

---@param value table
---@param style table
---@return string
local function write_list(value, style)
  local parts = {}
  for i, element in ipairs(value) do parts[i] = write(element, style) end
  return "[" .. table.concat(parts, style.comma) .. "]"
end

---@param value table
---@param style table
---@return string
local function write_object(value, style)
  local names, parts = {}, {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names, style.before)
  for i, name in ipairs(names) do parts[i] = quote(name, style) .. style.colon .. write(value[name], style) end
  return "{" .. table.concat(parts, style.comma) .. "}"
end

function write(value, style)
  local kind = type(value)
  if kind == "string" then return quote(value, style) end
  if kind == "number" then return digits_of(value) end
  if kind == "boolean" then return tostring(value) end
  if kind ~= "table" then return value == core.null and "null" or core.json_encode(value) end
  if getmetatable(value) == core.list_mt or value[1] ~= nil then return write_list(value, style) end
  return write_object(value, style)
end

-- Whatever the case; names that differ in it only are in the order of their bytes, which no other order contradicts.
local function before_in_any_case(a, b)
  local lower_a, lower_b = a:lower(), b:lower()
  if lower_a ~= lower_b then return lower_a < lower_b end
  return a < b
end

local STYLES = {
  plain = { comma = ",", colon = ":" },
  -- Source: json.dumps(…, sort_keys=True) of Python.
  python = { comma = ", ", colon = ": ", ascii = true },
  -- Source: JSON.stringify of what Powertools for AWS Lambda (TypeScript) has sorted.
  typescript = { comma = ",", colon = ":", before = before_in_any_case },
}

--- The text of a value.
---@param value any    what JSON can hold
---@param style "plain"|"python"|"typescript"
---@return string
function canonical.text(value, style)
  return write(value, STYLES[style])
end

---@param digits string    hexadecimal
---@return string           bytes
local function bytes_of(digits)
  return (digits:gsub("..", function(pair) return string.char(tonumber(pair, 16)) end))
end

--- The hash of a value: SHA-256 in hexadecimal, or what Powertools for AWS Lambda makes of it by default.
---@param value any
---@param style "plain"|"python"|"typescript"
---@return string
function canonical.hash(value, style)
  local text = canonical.text(value, style)
  if style == "python" then return core.md5(text) end
  if style == "typescript" then return core.base64(bytes_of(core.md5(text))) end
  return core.sha256(text)
end

return canonical
