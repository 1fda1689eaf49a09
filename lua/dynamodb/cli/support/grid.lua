--- Columns of text for people.
local ordered = require "dynamodb.formats.ordered"
local printable = require "dynamodb.printable"

local grid = {}

local LONGEST = 60 -- characters of a cell in a row; in JSON nothing is cut off

---@param text string
---@return integer    characters, as far as one is one column wide
local function width(text)
  return select(2, text:gsub("[^\128-\191]", ""))
end

--- The first characters of a text.
local function cut(text, count)
  if width(text) <= count then return text end
  local at = 0
  for _ = 1, count - 3 do at = text:find("[^\128-\191]", at + 1) end
  local stop = text:find("[^\128-\191]", at + 1)
  return text:sub(1, stop - 1) .. "..."
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
---@param limit integer?    characters of a cell
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
