--- Columns of text for people.
local ordered = require "dynamodb.formats.ordered"
local printable = require "dynamodb.printable"

local grid = {}

local LONGEST = 60 -- columns of a cell in a row; in JSON nothing is cut off

local CHARACTER = "[^\128-\191][\128-\191]*"

-- Characters that take two columns of a terminal, and those that take none. Source: the East Asian Width (W and F) and
-- the general categories Mn and Cf of the Unicode Standard, by blocks.
local WIDE = {
  { 0x1100, 0x115F }, { 0x2E80, 0x303E }, { 0x3041, 0xA4CF }, { 0xAC00, 0xD7A3 }, { 0xF900, 0xFAFF },
  { 0xFE30, 0xFE6F }, { 0xFF00, 0xFF60 }, { 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1F64F }, { 0x1F680, 0x1F6FF },
  { 0x1F900, 0x1F9FF }, { 0x20000, 0x3FFFD },
}
local NONE = { { 0x300, 0x36F }, { 0x200B, 0x200F }, { 0xFE00, 0xFE0F } }

local function is_among(code, ranges)
  for _, range in ipairs(ranges) do
    if code >= range[1] and code <= range[2] then return true end
  end
  return false
end

---@param character string    in UTF-8
---@return integer    columns that it takes
local function columns_of(character)
  local first = character:byte()
  if first < 0xC0 then return 1 end
  local code = first % (first < 0xE0 and 0x20 or first < 0xF0 and 0x10 or 0x08)
  for i = 2, #character do code = code * 64 + character:byte(i) % 64 end
  return is_among(code, WIDE) and 2 or is_among(code, NONE) and 0 or 1
end

---@param text string
---@return integer    columns that it takes
local function width(text)
  if not text:find "[\128-\255]" then return #text end
  local sum = 0
  for character in text:gmatch(CHARACTER) do sum = sum + columns_of(character) end
  return sum
end

--- The first columns of a text.
local function cut(text, count)
  if width(text) <= count then return text end
  local sum, stop = 0, 0
  for character in text:gmatch(CHARACTER) do
    sum = sum + columns_of(character)
    if sum > count - 3 then break end
    stop = stop + #character
  end
  return text:sub(1, stop) .. "..."
end

--- A value as a cell: texts as they are, what they hold of control characters escaped; all else as JSON.
---@param value any
---@return string
function grid.cell(value)
  if value == nil then return "" end
  if type(value) ~= "string" then
    value = ordered.plain_value(value)
  end
  return (printable(value):gsub("[\n\t]", { ["\n"] = "\\n", ["\t"] = "\\t" }))
end

--- Rows of cells below each other.
---@param rows string[][]
---@param limit integer?    columns of a cell
---@return string
function grid.rows(rows, limit)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, text in ipairs(row) do
      row[i] = limit and cut(text, limit) or text
      widths[i] = math.max(widths[i] or 0, width(row[i]))
    end
  end
  local lines = {}
  for l, row in ipairs(rows) do
    local cells = {}
    for i, text in ipairs(row) do cells[i] = text .. (" "):rep(widths[i] - width(text)) end
    lines[l] = table.concat(cells, "  "):gsub("%s+$", "") .. "\n"
  end
  return table.concat(lines)
end

--- Items as rows, below the names of their attributes: keys first, the others in order.
---@param items table[]
---@param first string[]    names
---@return string
function grid.items(items, first)
  local columns, seen, rank = {}, {}, {}
  for i, name in ipairs(first) do rank[name] = i end
  for _, item in ipairs(items) do
    for name in pairs(item) do
      if not seen[name] then
        seen[name] = true
        columns[#columns + 1] = name
      end
    end
  end
  table.sort(columns, function(a, b)
    local first_a, first_b = rank[a] or math.huge, rank[b] or math.huge
    return first_a < first_b or first_a == first_b and a < b
  end)
  local rows = { {} }
  for i, name in ipairs(columns) do rows[1][i] = grid.cell(name) end
  for _, item in ipairs(items) do
    local row = {}
    for i, name in ipairs(columns) do row[i] = grid.cell(item[name]) end
    rows[#rows + 1] = row
  end
  return grid.rows(rows, LONGEST)
end

--- Names with their values, one a line.
---@param pairs_of { [1]: string, [2]: any }[]
---@return string
function grid.facts(pairs_of)
  local rows = {}
  for i, pair in ipairs(pairs_of) do rows[i] = { grid.cell(pair[1]), grid.cell(pair[2]) } end
  return grid.rows(rows)
end

return grid
